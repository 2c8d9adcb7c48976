"""`usance report` over a ledger, without any cloud."""

import csv
import json
from datetime import UTC, datetime

import pytest

from said import CLOUD, at, batch, changed, created
from usance.ledger.ledger import Ledger

MONTH = ("--month", "2026-10")


@pytest.fixture
def reported(run, tmp_path):
    """Run `usance report` over a ledger of two projects, one of which has a hostile name."""
    url = f"sqlite:///{tmp_path}/ledger.db"
    (tmp_path / "usance.conf").write_text(f"[usance]\nledger_url = {url}\n")
    with Ledger.open(url) as ledger:
        ledger.observe(
            "p1",
            CLOUD,
            batch(
                created("web", "10:00", project_id="p1", ram_mib=1024),
                changed("web", "12:00", project_id="p1", state="suspended"),
                changed(
                    "web", "2026-10-01T16:00:00", project_id="p1", state="active", flavor="m1.large", vcpus=8
                ),
            ),
        )
        ledger.observe("p2", CLOUD, batch(created("db", "2026-10-31T23:00:00", project_id="p2")))
        ledger.remember_names("project", {"p1": "alpha", "p2": "=<b>evil\x1b[31m"}, at=at("10:00"))

    def report(*arguments, status=0):
        result = run("usance", "report", "--config-file", tmp_path / "usance.conf", *arguments)
        assert result.returncode == status, result.stderr
        assert "Traceback" not in result.stderr
        return result

    return report


def test_a_month_is_told_by_project_and_kind_with_its_sum(reported):
    lines = reported(*MONTH).stdout.splitlines()

    assert lines[0].strip() == "Usage from 2026-10-01 00:00:00 to 2026-11-01 00:00:00 (UTC)"
    found = [line.split() for line in lines[2:]]
    assert found[0][:3] == ["p1", "alpha", "server"]
    # From 10 o'clock on, 4 hours of them suspended: 2 h of two vCPUs, then 8 until the end of the month.
    assert found[0][3:7] == ["1", "730.00", "4.00", str(2 * 2 + 728 * 8) + ".00"]
    assert found[1][0] == "p2"
    assert found[1][2:6] == ["server", "1", "1.00", "0.00"]
    assert found[-1][0] == "total"
    assert "\x1b" not in "".join(lines)


def test_json_has_seconds(reported):
    answer = json.loads(reported(*MONTH, "--by", "flavor,state", "--count", "-o", "json").stdout)

    assert {(one["flavor"], one["state"], one["resources"], one["wall_s"]) for one in answer["usage"]} == {
        ("m1.large", "active", 1, 728 * 3600),
        ("m1.small", "active", 2, 3 * 3600),
        ("m1.small", "suspended", 1, 0),
    }
    assert sum(one["vcpu_s"] for one in answer["usage"]) == (2 * 2 + 728 * 8 + 2) * 3600


def test_csv_has_one_shape_and_no_formulas(reported):
    rows = list(csv.DictReader(reported(*MONTH, "--by", "project,day", "-o", "csv").stdout.splitlines()))

    assert len(rows) == 32
    assert rows[0]["start"] == "2026-10-01T00:00:00Z"
    assert (rows[0]["vcpu_hours"], rows[0]["suspended_hours"]) == (f"{2 * 2 + 8 * 8}.000000", "4.000000")
    assert rows[-1]["project"].startswith("'=<b>evil")
    assert "\x1b" not in rows[-1]["project"]


def test_parquet_holds_the_same_integers(reported, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    out = tmp_path / "usage.parquet"

    reported(*MONTH, "--by", "project", "-o", "parquet", "--out", out)

    table = parquet.read_table(out).to_pydict()
    assert table["project_id"] == ["p1", "p2"]
    assert table["project"][0] == "alpha"
    assert [int(one) for one in table["vcpu_s"]] == [(2 * 2 + 728 * 8) * 3600, 2 * 3600]
    assert table["start"] == [datetime(2026, 10, 1, tzinfo=UTC)] * 2


def test_a_page_stands_alone(reported, tmp_path):
    out = tmp_path / "usage.html"

    reported(*MONTH, "--by", "project,day", "-o", "html", "--out", out)

    text = out.read_text(encoding="utf-8")
    assert "default-src 'none'" in text
    assert text.count("<svg") == 2
    assert "&lt;b&gt;evil" in text
    assert "<b>" not in text


def test_only_what_is_asked_for_is_told(reported):
    def projects(*arguments):
        return [one["project_id"] for one in json.loads(reported(*arguments, "-o", "json").stdout)["usage"]]

    assert projects(*MONTH, "--project", "alpha") == ["p1"]
    assert projects(*MONTH, "--project", "p2") == ["p2"]
    assert projects(*MONTH, "--kind", "volume") == []
    assert projects(*MONTH, "--cloud", CLOUD) == ["p1", "p2"]
    assert projects("--from", "2026-10-01", "--to", "2026-10-02T00:00+02:00") == ["p1"]


def test_what_was_known_on_a_day_is_told_as_of_it(reported):
    answer = json.loads(reported(*MONTH, "--as-of", "2026-10-02", "-o", "json").stdout)

    assert answer["as_of"] == "2026-10-02T00:00:00Z"
    assert answer["usage"] == []


def test_nothing_used_is_said(reported):
    assert reported("--month", "2025-01").stdout.strip() == "Nothing was used."


def test_days_are_summed_up_once_and_figures_stay(reported, run, tmp_path):
    conf = ("--config-file", tmp_path / "usance.conf")

    first = run("usance", "db", "rollup", *conf)
    second = run("usance", "db", "rollup", *conf)
    before = reported(*MONTH, "-o", "csv").stdout
    with Ledger.open(f"sqlite:///{tmp_path}/ledger.db") as ledger:
        ledger.observe("p1", CLOUD, batch(created("late", "2026-10-05T00:00:00", project_id="p1")))
        ledger.observe("p1", CLOUD, batch(changed("late", "2026-10-05T01:00:00", project_id="p1", vcpus=3)))
    after = reported(*MONTH, "-o", "csv").stdout

    assert first.stdout.startswith("2 projects, ")
    assert second.stdout.startswith("0 projects, 0 days")
    assert before != after


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--month", "2026-13"), "no month"),
        (("--month", "2026-10", "--from", "2026-10-01"), "either --month"),
        (("--from", "2026-10-02", "--to", "2026-10-01"), "should lie before"),
        (("--from", "soon"), "not a time"),
        (("--by", "project,colour"), "'colour' is none of"),
        (("--by", "day,month"), "days are parts of months"),
        (("--project", "nobody"), "no project 'nobody'"),
        (("--cloud", "nowhere"), f"it knows {CLOUD}"),
        (("-o", "parquet"), "--out"),
        (("-o", "table", "--out", "x"), "terminal"),
        (("--kind", "spaceship"), "spaceship"),
        (("-o", "csv", "--out", "no/such/directory/x.csv"), "can't be written"),
    ],
)
def test_wrong_usage_is_said_and_2(reported, arguments, words):
    assert words in reported(*arguments, status=2).stderr


def test_a_name_of_two_projects_is_not_guessed(reported, tmp_path):
    with Ledger.open(f"sqlite:///{tmp_path}/ledger.db") as ledger:
        ledger.observe("p3", CLOUD, batch(created("x", "10:00", project_id="p3")))
        ledger.remember_names("project", {"p3": "alpha"}, at=at("10:00"))

    assert "2 projects are named" in reported("--project", "alpha", status=2).stderr


def test_without_a_ledger_there_is_nothing_to_report(run, tmp_path):
    (tmp_path / "usance.conf").write_text(f"[usance]\nledger_url = sqlite:///{tmp_path}/none.db\n")

    result = run("usance", "report", "--config-file", tmp_path / "usance.conf")

    assert result.returncode == 1
    assert "There is no ledger" in result.stderr
    assert not (tmp_path / "none.db").exists()
