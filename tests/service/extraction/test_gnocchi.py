"""Gnocchi as a source, beside Nova as a source, of one and the same cloud."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from ceilometer import Ceilometer, instant, said
from demo_site import SUSPENDED, DemoSite, months_of, timelines
from service.gnocchi_server import HOW_TO_GET_IT, GnocchiServer, find_environment, token
from service.postgres import drop_database, new_database
from usance.config.settings import Settings
from usance.demo import truth
from usance.demo.clock import Clock
from usance.demo.cloud import DemoCloud
from usance.demo.history import History, SeededHistory, microseconds
from usance.demo.life import Life
from usance.demo.server import serving
from usance.model.period import Period
from usance.model.span import Timeline
from usance.model.usage import usage

BEGIN = datetime(2026, 8, 20, tzinfo=UTC)
END = datetime(2026, 10, 12, tzinfo=UTC)

AFTERWARDS = END + timedelta(hours=1)
LATE = timedelta(minutes=4)

Records = dict[tuple[str, str], dict[str, str]]
"""Cloud records by server and month, each by its fields."""


class Telemetry:
    """A simulated cloud with a real Gnocchi beside it."""

    def __init__(self, cloud: DemoCloud, url: str) -> None:
        self.cloud = cloud
        self.url = url

    def site(self, directory: Path, extractor: str) -> DemoSite:
        """Return a site that reads the cloud by one of its sources."""
        return DemoSite(self.cloud, self.url, directory, extractor=extractor)


@pytest.fixture(scope="module")
def environment() -> Path:
    """Return where Gnocchi is installed."""
    found = find_environment()
    if found is None:
        if os.environ.get("CI"):
            pytest.fail(HOW_TO_GET_IT)
        pytest.skip(HOW_TO_GET_IT)
    return found


@pytest.fixture(scope="module")
def history() -> History:
    """Return what happens in the cloud."""
    return SeededHistory(7, servers=12, begin=BEGIN, end=END)


@contextmanager
def observed(
    environment: Path, postgres_server_url: str, history: History, **how: timedelta
) -> Iterator[Telemetry]:
    """Give a cloud, and a Gnocchi that Ceilometer has told all that happened in it."""
    cloud, database_url = DemoCloud(history, clock=Clock(END)), new_database(postgres_server_url)
    with serving(cloud) as url, ExitStack() as stack:
        stack.callback(drop_database, database_url)
        server = GnocchiServer(environment, database_url, url)
        stack.callback(server.stop)
        server.start()
        cloud.elsewhere["metric"] = server.url
        ceilometer = Ceilometer(server.url, token(url))
        stack.callback(ceilometer.close)
        ceilometer.upgrade()
        for number in range(len(history)):
            life = history.life(number)
            ceilometer.publish(life, said(life, microseconds(END), every=timedelta(hours=2), **how))
        yield Telemetry(cloud, url)


@pytest.fixture(scope="module")
def telemetry(environment: Path, postgres_server_url: str, history: History) -> Iterator[Telemetry]:
    """Yield the cloud and its Gnocchi, which was told of everything at once."""
    with observed(environment, postgres_server_url, history) as found:
        yield found


@pytest.fixture(scope="module")
def late_telemetry(environment: Path, postgres_server_url: str, history: History) -> Iterator[Telemetry]:
    """Yield the cloud and its Gnocchi, which was told of everything some minutes later."""
    with observed(environment, postgres_server_url, history, late=LATE) as found:
        yield found


def as_wall(settings: Settings) -> Settings:
    """Count all time as wall time: Gnocchi is not told of suspension."""
    return msgspec.structs.replace(
        settings, records=msgspec.structs.replace(settings.records, suspended_states=frozenset())
    )


def records(site: DemoSite) -> Records:
    """Return the records in a site's queue."""
    found: Records = {}
    for message in site.messages():
        for block in message.decode().partition("\n")[2].split("\n%%"):
            fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
            if fields:
                month = datetime.fromtimestamp(int(fields["RecordCreateTime"]), UTC).strftime("%Y-%m")
                found[fields["VMUUID"], month] = fields
    return found


def after_flavors_changed(history: History) -> list[datetime]:
    """Return when Nova is to be looked at so that it shows each flavor: of the past it tells none."""
    changes = {
        instant(step.end_us) + timedelta(seconds=1)
        for number in range(len(history))
        for step in history.life(number).steps
        if step.action in {"create", "resize", "revertResize"}
    }
    return [*sorted(changes), END]


@pytest.mark.no_cover
def test_gnocchi_gives_the_records_that_nova_gives(telemetry, history, tmp_path):
    """All fields are equal but those that Gnocchi is not told, and those that are not Nova's either."""
    by_nova, by_gnocchi = (telemetry.site(tmp_path / name, name) for name in ("nova", "gnocchi"))
    for at in after_flavors_changed(history):
        by_nova.run(at, as_wall(by_nova.settings()))

    report = by_gnocchi.run(END, as_wall(by_gnocchi.settings()))

    ours, theirs = records(by_gnocchi), records(by_nova)
    assert report.exit_status == 0
    assert len(ours) > len(history)
    assert ours.keys() == theirs.keys()
    for key, fields in theirs.items():
        # A server that is suspended or paused now is told to run; Neutron tells of the present alone.
        different = {
            name for name in fields.keys() | ours[key].keys() if fields.get(name) != ours[key].get(name)
        }
        assert different <= {"PublicIPCount", *(["Status"] if fields["Status"] != "completed" else [])}, key


def test_gnocchi_counts_what_really_was_used(telemetry, history, tmp_path):
    site = telemetry.site(tmp_path, "gnocchi")

    site.run(END, as_wall(site.settings()))

    found = records(site)
    for number in range(len(history)):
        life = history.life(number)
        wall_s = cpu_s = 0
        for (year, month), used in sorted(truth.of_server(life, microseconds(END), frozenset()).items()):
            wall_s, cpu_s = wall_s + used.wall_s, cpu_s + used.vcpu_s
            fields = found.pop((life.id, f"{year}-{month:02}"))
            assert (int(fields["WallDuration"]), int(fields["CpuDuration"])) == (wall_s, cpu_s)
    assert not found


def test_looks_that_follow_one_another_find_what_one_look_finds(telemetry, tmp_path):
    often, once = (telemetry.site(tmp_path / name, "gnocchi") for name in ("often", "once"))

    site_requests = [often.run(END, as_wall(often.settings())).requests for _ in range(3)]
    once.run(END, as_wall(once.settings()))

    assert records(often) == records(once)
    assert site_requests[1] == site_requests[2] < site_requests[0] / 3  # what was read is not read again


def test_nova_and_gnocchi_together_count_everything_once(telemetry, history, tmp_path):
    """Nova dates what changes; Gnocchi remembers the flavors that Nova's only look did not see."""
    site = telemetry.site(tmp_path, "nova, ceilometer")

    found = seen_twice(site)

    assert len(found) == len(history)
    for number in range(len(history)):
        assert_true(history.life(number), found)


@pytest.mark.no_cover
def test_what_ceilometer_tells_late_moves_nothing_that_nova_dates(late_telemetry, history, tmp_path):
    """Only a flavor that was gone before Gnocchi was told of it comes out too late."""
    site = late_telemetry.site(tmp_path, "nova, gnocchi")

    found = seen_twice(site)

    assert len(found) == len(history)
    for number in range(len(history)):
        life = history.life(number)
        assert_true(life, found, cpu=shortest_flavor(life) > LATE)


def test_of_what_ceilometer_tells_late_the_life_is_exact_and_the_rest_inferred(
    late_telemetry, history, tmp_path
):
    site = late_telemetry.site(tmp_path, "gnocchi")

    found = seen_twice(site)

    for number in range(len(history)):
        life = history.life(number)
        timeline = found[life.id]
        if life.half_deleted:  # Nova never told of its end
            continue
        whole = Period(timeline.begin, AFTERWARDS)
        used = usage(timeline, whole, suspended_states=frozenset())
        months = truth.of_server(life, microseconds(AFTERWARDS), frozenset())
        assert used.wall_s == sum(one.wall_s for one in months.values())
        if len({step.flavor.name for step in life.steps if step.flavor}) > 1 and timeline.launched:
            assert used.inferred_s >= LATE / timedelta(seconds=1)


def seen_twice(site: DemoSite) -> dict[str, Timeline]:
    """Run a site at the end of the history and an hour later; return what its ledger has then."""
    site.run(END, as_wall(site.settings()))
    site.run(AFTERWARDS, as_wall(site.settings()))
    with site.ledger() as ledger:
        return {one.resource.id: one for one in timelines(ledger)}


def assert_true(life: Life, found: Mapping[str, Timeline], *, cpu: bool = True) -> None:
    """Check each month of a server against the truth; its vCPUs only if *cpu*."""
    expected = truth.of_server(life, microseconds(AFTERWARDS), SUSPENDED)
    for month, used in months_of(found[life.id], AFTERWARDS):
        really = expected.get(month, truth.Amount())
        assert (used.wall_s, used.suspended_s) == (really.wall_s, really.suspended_s), (life.id, month)
        if cpu:
            assert used.vcpu_s == really.vcpu_s, (life.id, month)


def shortest_flavor(life: Life) -> timedelta:
    """Return how long the server ran on a flavor at least."""
    changes = [
        instant(step.end_us) for step in life.steps if step.action in {"create", "resize", "revertResize"}
    ]
    return min((later - earlier for earlier, later in pairwise(changes)), default=timedelta.max)
