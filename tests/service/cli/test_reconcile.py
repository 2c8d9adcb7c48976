"""`usance reconcile` as an operator runs it."""

import csv
import json

import pytest

from service.cli.conftest import HISTORY, NOW, SITE
from two_sides import events
from usance.ledger.ledger import Ledger
from usance.ledger.values import Heard

WEB = HISTORY.lives[0]


@pytest.fixture
def heard(tmp_path, conf):
    """Let a collector hear of one server, up to its creation's end, and nothing of the other."""
    told = events(WEB, NOW, "default")
    with Ledger.open(f"sqlite:///{tmp_path}/spool/usance.sqlite") as ledger:
        ledger.hear(Heard(tuple(told)))
    return conf


def test_difference_is_shown_repaired_and_gone(run, heard):
    arguments = ("reconcile", "--config-file", heard, "--from", "None")

    found = run("usance", *arguments)
    rows = list(csv.DictReader(run("usance", *arguments, "-o", "csv").stdout.splitlines()))
    repaired = run("usance", *arguments, "--repair")
    again = run("usance", *arguments)

    assert found.returncode == 1
    assert found.stderr == ""
    assert "2 resources compared, 1 differences" in found.stdout
    [row] = rows
    assert (row["kind"], row["what"], row["push"], row["id"]) == (
        "server",
        "missing",
        "",
        HISTORY.lives[1].id,
    )
    assert row["pull"] == "2026-10-01T00:00:00Z to 2026-10-02T00:00:00Z"
    assert repaired.returncode == 0
    assert "1 differences, 1 repaired" in repaired.stdout
    assert again.returncode == 0
    assert "2 resources compared, 0 differences" in again.stdout


def test_what_no_event_told_is_told_on_demand(run, heard):
    arguments = ("reconcile", "--config-file", heard, "--from", "None", "-o", "json")
    run("usance", *arguments, "--repair")

    everything = run("usance", *arguments, "--all")
    offline = run("usance", *arguments, "--offline")

    assert everything.returncode == 0
    assert offline.returncode == 1
    for result in (everything, offline):
        [one] = json.loads(result.stdout)["differences"]
        assert one["in_ledger"]
        assert one["id"] == HISTORY.lives[1].id


def test_only_what_is_named_is_compared(run, heard):
    arguments = ("reconcile", "--config-file", heard, "--from", "None", "-o", "json")

    one = run("usance", *arguments, "--project", SITE.projects[0].name, "--kind", "server")

    assert one.returncode == 0
    assert [result["project"] for result in json.loads(one.stdout)["results"]] == [SITE.projects[0].name]


@pytest.mark.parametrize(
    ("arguments", "status", "part"),
    [
        (("--offline", "--repair"), 2, "--offline asks nobody"),
        (("--from", "tomorrow"), 2, "--from"),
        (("--from", "2026-10-05", "--to", "2026-10-01"), 2, "would begin"),
        (("--kind", "image"), 2, "no extractor looks at"),
        (("--kind", "cat"), 2, "Invalid value"),
        (("--wait", "-1"), 2, "Invalid value"),
    ],
)
def test_mistakes_are_one_sentence(run, heard, arguments, status, part):
    result = run("usance", "reconcile", "--config-file", heard, *arguments)

    assert result.returncode == status
    assert part in result.stderr
    assert "Traceback" not in result.stderr


def test_ledger_that_is_not_there_is_said(run, conf):
    result = run("usance", "reconcile", "--config-file", conf)

    assert result.returncode in {1, 2}
    assert "Traceback" not in result.stderr
    assert "usance.sqlite" in result.stderr


def test_project_that_is_not_there_fails_alone(run, heard):
    result = run(
        "usance", "reconcile", "--config-file", heard, "--from", "None", "--project", "project0",
        "--project", "nowhere", "-o", "json",
    )  # fmt: skip

    assert result.returncode == 1
    report = json.loads(result.stdout)
    assert report["differences"] == []
    assert "nowhere" in report["refused"][0]
