"""What push told is compared with a cloud that is asked over HTTP, on both engines."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import msgspec
import pytest

from demo_site import DemoSite, demo_site
from two_sides import events
from usance.config.settings import Settings
from usance.demo.history import SeededHistory
from usance.ledger.ledger import Ledger
from usance.ledger.values import Heard
from usance.model.errors import ConfigurationError
from usance.model.observation import Observation
from usance.model.period import EPOCH
from usance.model.resource import SERVER
from usance.model.timeline import timeline
from usance.reconcile.gaps import APART, gaps
from usance.reconcile.reconciling import reconcile
from usance.reconcile.report import ReconcileReport, ReconcileRequest

BEGIN, END = datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 10, 1, tzinfo=UTC)
NOW = END + timedelta(hours=1)
HISTORY = SeededHistory(3, projects=2, servers=24, begin=BEGIN, end=END, actions=8)
LIVES = [life for life in map(HISTORY.life, range(len(HISTORY))) if not life.steps[0].failed]
EVERYTHING = ReconcileRequest(start=EPOCH, wait_s=0)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoSite]:
    """Serve a cloud, some time after all that ever happens in it."""
    with demo_site(HISTORY, tmp_path_factory.mktemp("site")) as site:
        site.cloud.clock.set(NOW)
        yield site


@pytest.fixture
def site(served: DemoSite, tmp_path: Path) -> DemoSite:
    return DemoSite(served.cloud, served.url, tmp_path)


@pytest.fixture
def settings(site: DemoSite, ledger_url: str) -> Settings:
    """Return the settings of a site with an empty ledger, on either engine."""
    settings = msgspec.structs.replace(site.settings(), ledger_url=ledger_url)
    Ledger.open(ledger_url).close()
    return settings


def hear(settings: Settings, told: list[Observation]) -> None:
    """Let a collector hear something."""
    with Ledger.open(settings.ledger_url) as ledger:
        ledger.hear(Heard(tuple(told)))


def all_told(settings: Settings) -> list[Observation]:
    return [one for life in LIVES for one in events(life, NOW, settings.cloud.cloud_id)]


def run(settings: Settings, **request: object) -> ReconcileReport:
    return reconcile([settings], msgspec.structs.replace(EVERYTHING, **request))


def test_collector_that_heard_everything_lacks_only_what_never_ran(settings):
    """Of servers whose build failed nothing is told here: exactly those are missing."""
    hear(settings, all_told(settings))

    report = run(settings)

    failed = {life.id for life in map(HISTORY.life, range(len(HISTORY)))} - {life.id for life in LIVES}
    assert {(one.what, one.id) for one in report.differences} == {("missing", one) for one in failed}
    assert sum(one.compared for one in report.results) == len(HISTORY)


@pytest.mark.parametrize("seed", range(3))
def test_exactly_what_was_thrown_away_is_found_and_repaired(settings, seed):
    random = Random(seed)
    told = all_told(settings)
    heard = [one for one in told if random.random() < 0.7]
    hear(settings, heard)

    found = run(settings)
    with Ledger.open(settings.ledger_url) as ledger:
        before = {place: ledger.revision(*place) for place in ledger.projects()}
    repaired = run(settings, repair=True)
    again = run(settings)

    lost = with_losses(told, heard, APART + timedelta(seconds=1))
    told_of = {one.resource.id for one in told}
    assert lost
    assert lost <= {one.id for one in found.differences if one.id in told_of}
    assert {one.id for one in found.differences if one.id in told_of} <= with_losses(
        told, heard, APART - timedelta(seconds=1)
    )
    assert found.exit_status == 1
    assert set(before) <= {(one.project_id, one.cloud_id) for one in found.results}
    assert repaired.differences == found.differences
    assert (repaired.lacking, repaired.exit_status) == (0, 0)
    assert again.differences == ()
    assert again.exit_status == 0


def with_losses(told: list[Observation], heard: list[Observation], least: timedelta) -> set[str]:
    """Return the servers whose lives the lost events change for longer than some time."""
    found = set()
    for one in {one.resource.id for one in told}:
        before = [event for event in heard if event.resource.id == one]
        after = [event for event in told if event.resource.id == one]
        for gap in gaps(timeline(before), timeline(after), expected={"state"}):
            if gap.end is None or gap.end - gap.start > least:
                found.add(one)
    return found


def test_nothing_is_written_unless_it_is_to_be_repaired(settings):
    hear(settings, all_told(settings)[::2])
    with Ledger.open(settings.ledger_url) as ledger:
        before = [(place, ledger.revision(*place)) for place in ledger.projects()]

    assert run(settings).lacking > 0

    with Ledger.open(settings.ledger_url) as ledger:
        assert [(place, ledger.revision(*place)) for place in ledger.projects()] == before
        assert ledger.status().sources == ()


def test_repair_moves_no_watermark(settings):
    """The first extraction after it still begins where it would have begun."""
    run(settings, repair=True)

    with Ledger.open(settings.ledger_url) as ledger:
        assert ledger.projects()
        for project_id, cloud_id in ledger.projects():
            assert ledger.source_watermark(project_id, cloud_id, "nova") is None
            assert ledger.last_full_look(project_id, cloud_id, "nova", SERVER) is not None


def test_repaired_ledger_has_the_truth(settings):
    """What an extraction would have written is there: every life is as pull and push tell it together."""
    told = all_told(settings)
    hear(settings, told[1::2])
    run(settings, repair=True)

    assert run(settings).differences == ()
    offline = run(settings, offline=True)
    assert offline.unheard > 0
    assert offline.exit_status == 1
    assert all(one.in_ledger for one in offline.differences)
    beside = run(settings, everything=True)
    assert beside.exit_status == 0
    assert {one.id for one in beside.differences} == {one.id for one in offline.differences}


def test_period_is_cut_to_when_somebody_listened(settings):
    hear(settings, [])
    middle = datetime(2026, 9, 15, tzinfo=UTC)
    with Ledger.open(settings.ledger_url) as ledger:
        ledger.listening.note(settings.cloud.cloud_id, "one", since=middle, until=NOW + timedelta(hours=1))

    report = run(settings)

    [cloud] = report.clouds
    assert cloud.period.start == middle
    assert timedelta() <= cloud.period.end - NOW < timedelta(minutes=5)
    ended = {life.id for life in LIVES if life.deleted_us // 1_000_000 < middle.timestamp()}
    assert ended
    assert not ended & {one.id for one in report.differences}
    with pytest.raises(ConfigurationError, match="no collector listened"):
        run(settings, end=middle - timedelta(days=1))


def test_server_that_push_takes_to_be_alive_and_nova_has_forgotten_has_ended(settings):
    """Somebody wrote it through the API, or its row was purged: a GET of each such server tells."""
    told = all_told(settings)
    unknown = msgspec.structs.replace(told[0].resource, id="11111111-2222-4333-8444-555555555555")
    ghost = [msgspec.structs.replace(one, source="api", resource=unknown) for one in told[:2]]
    hear(settings, told + ghost)

    found = [one for one in run(settings).differences if one.id == ghost[0].resource.id]

    assert [(one.what, one.push, one.not_before is not None) for one in found] == [("end", "lives", True)]
    run(settings, repair=True)
    assert run(settings).differences == ()


def test_one_kind_or_project_alone_can_be_compared(settings):
    projects = {one.id for one in HISTORY.site.projects}
    settings = msgspec.structs.replace(
        settings, projects=msgspec.structs.replace(settings.projects, projects=("project1",), tag=None)
    )

    report = run(settings, kinds=(SERVER,))

    assert len(report.results) == 1
    assert {one.project_id for one in report.differences} < projects
    with pytest.raises(ConfigurationError, match="no extractor looks at"):
        run(settings, kinds=("image",))


def test_period_that_is_empty_is_refused(settings):
    with pytest.raises(ConfigurationError, match="would begin"):
        run(settings, start=NOW, end=NOW)
