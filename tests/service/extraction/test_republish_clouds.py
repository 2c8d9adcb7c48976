"""Sending a month again from a configuration of several clouds, and of every type of record."""

import json
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from service.extraction.test_accelerators import HISTORY as ACCELERATED
from service.extraction.test_accelerators import SECTIONS as ALIASES
from service.extraction.test_clouds import run, usance
from service.extraction.witness import (
    FIRST,
    HASTY,
    SECOND,
    edit,
    good,
    hold_once,
    site_beside,
    usual_history,
    usual_site,
)
from usance.config.load import load_all
from usance.demo.clock import Clock
from usance.demo.cloud import DemoCloud
from usance.demo.history import WrittenHistory
from usance.demo.script import scripted
from usance.demo.server import serving
from usance.demo.setup import environment
from usance.demo.site import standard_site
from usance.extraction.republishing import RepublishRequest, republish
from usance.model.errors import ConfigurationError
from usance.model.period import month_of

OCTOBER = month_of(datetime(2026, 10, 1, tzinfo=UTC))
NAMES = ("North", "South")


@pytest.fixture
def site(tmp_path):
    """Serve a cloud of two regions, of which only the first has the second project; both were accounted."""
    made = standard_site(projects=2)

    def history(region, projects):
        return WrittenHistory(
            made,
            [
                scripted(
                    made, f"{region} {number}", "2026-10-01 00:00:00 +10 create m1.large", project=number
                )
                for number in range(projects)
            ],
        )

    cloud = DemoCloud({"North": history("North", 2), "South": history("South", 1)}, clock=Clock(FIRST))
    sections = f"{HASTY}clouds = {', '.join(NAMES)}\n" + "".join(
        f"[cloud_{name}]\nregion_name = {name}\nsite_name = {name}-Site\n" for name in NAMES
    )
    with serving(cloud) as url:
        place = site_beside(cloud, url, tmp_path, sections=sections)
        good(run(place, SECOND))
        yield place


def records(site, kind=""):
    """Return every record of a queue as its sender wrote it, whatever the message it is in."""
    queue = site.outgoing.with_name(f"{site.outgoing.name}{kind}")
    found = []
    for path in sorted(one for one in queue.rglob("*") if one.is_file()):
        text = path.read_text("ascii")
        if kind == "-storage":
            found += re.findall(r"<sr:StorageUsageRecord>.*?</sr:StorageUsageRecord>", text)
        elif kind:
            found += [json.dumps(one, sort_keys=True) for one in json.loads(text)["UsageRecords"]]
        else:
            found += text.split("\n", 1)[1].split("%%\n")
    return sorted(found)


def forget(site):
    for queue in site.directory.glob("outgoing*"):
        shutil.rmtree(queue)


def test_every_cloud_is_stated_again_by_default(site):
    before = records(site)
    forget(site)

    status, said = usance(site, "republish", "--month", "2026-10", "--month", "2026-11")

    assert status == 0
    assert records(site) == before
    hold_once(site)
    assert [one["cloud_id"] for one in said["clouds"]] == [*NAMES]
    [messenger] = said["messengers"]
    assert messenger["records"] == len(before) == 6


def test_one_cloud_may_be_named(site):
    forget(site)

    status, said = usance(site, "republish", "--month", "2026-10", "--cloud", "South")

    assert status == 0
    [record] = records(site)
    assert "SiteName: South-Site" in record
    assert {one["cloud_id"] for one in said["projects"]} == {"South"}


def test_a_project_may_be_known_to_one_of_the_clouds_only(site):
    second = site.cloud.site.projects[1]
    settings = load_all([site.conf], {}, {})
    forget(site)

    # The regions share their Keystone, so both were asked for it; only one has servers in it.
    report = republish(settings, RepublishRequest(months=(OCTOBER,), projects=(second.name,)))

    assert report.exit_status == 0
    [record] = records(site)
    assert "SiteName: North-Site" in record
    with pytest.raises(ConfigurationError, match="The ledger knows no project nobody"):
        republish(settings, RepublishRequest(months=(OCTOBER,), projects=("nobody",)))


def test_region_of_the_environment_names_the_cloud(tmp_path):
    """The ledger knows a cloud by its region, wherever that is written: also where credentials are."""
    with usual_site(tmp_path) as place:
        text = place.conf.read_text("utf-8")
        place.conf.write_text(re.sub(r"\[keystone_auth\].*?(?=\[ssm\])", "", text, flags=re.DOTALL))

        def command(*arguments):
            done = subprocess.run(
                [sys.executable, "-c", "from usance.cli.main import main; main()", *arguments,
                 "--config-file", str(place.conf)],
                env={**os.environ, **environment(place.url)},
                capture_output=True, text=True, timeout=120, check=False,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr

        place.cloud.clock.set(SECOND)
        command("extract")
        forget(place)
        command("republish", "--month", "2026-10")

        assert len(records(place)) == 9


@pytest.mark.parametrize(
    ("kind", "months"),
    [
        ("storage", ("2026-09", "2026-10")),
        ("ip", ("2026-10", "2026-11")),
        ("accelerator", ("2026-09", "2026-10")),
    ],
)
def test_months_of_each_type_go_out_as_the_receiver_has_them(tmp_path, kind, months):
    """What was stated of the months is stated again, byte by byte, and nothing else is."""
    history = ACCELERATED if kind == "accelerator" else usual_history()
    sections = ALIASES if kind == "accelerator" else HASTY
    with usual_site(tmp_path, history=history, sections=sections, extractor="nova,cinder,neutron") as place:
        user = place.cloud.site.users[0].id
        edit(place, "[ssm]", f"[neutron]\ndefault_user = {user}\n[ssm]")
        place.run(FIRST)
        then = datetime.now(UTC)
        early = [one for one in records(place, f"-{kind}") if _month(kind, one) in months]
        forget(place)
        place.run(SECOND)
        late = [one for one in records(place, f"-{kind}") if _month(kind, one) in months]
        forget(place)
        asked = RepublishRequest(months=tuple(map(_period, months)), record_types=frozenset({kind}))

        republish(place.settings(), asked)
        now = records(place, f"-{kind}")
        forget(place)
        asked = RepublishRequest(
            months=tuple(map(_period, months)), record_types=frozenset({kind}), as_of=then
        )
        republish(place.settings(), asked)
        as_of = records(place, f"-{kind}")

    assert set(late) <= set(now)
    assert {_about(kind, one) for one in now} == {_about(kind, one) for one in (*early, *late)}
    assert len(now) == len({_about(kind, one) for one in now})
    assert as_of == early != []


def _period(month):
    return month_of(datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC))


def _month(kind, record):
    """Return the month that a record is about."""
    if kind == "storage":
        end = datetime.fromisoformat(re.search(r"<sr:EndTime>(.*?)<", record)[1])
        return f"{end - timedelta(seconds=1):%Y-%m}"
    fields = json.loads(record)
    if kind == "ip":
        return f"{datetime.fromtimestamp(fields['MeasurementTime'], UTC):%Y-%m}"
    return f"{fields['MeasurementYear']}-{fields['MeasurementMonth']:02}"


def _about(kind, record):
    """Return what a record is about: for the receiver, another record about the same replaces it."""
    if kind == "storage":
        return re.search(r'sr:recordId="(.*?)"', record)[1]
    fields = json.loads(record)
    if kind == "ip":  # the last measurement of a day counts
        fields["MeasurementTime"] = (fields["MeasurementTime"] - 1) // 86400
    left_out = {"ip": {"IPCount"}, "accelerator": {"AvailableDuration", "ActiveDuration"}}[kind]
    return json.dumps({name: value for name, value in fields.items() if name not in left_out})
