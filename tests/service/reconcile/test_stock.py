"""A collector that begins to listen learns what runs already."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from demo_site import DemoSite, demo_site
from two_sides import events
from usance.config.settings import Settings
from usance.demo.faults import Fault, FaultKind
from usance.demo.history import SeededHistory
from usance.ledger.ledger import Ledger
from usance.ledger.values import Heard
from usance.model.observation import Observation
from usance.model.period import EPOCH
from usance.model.resource import SERVER
from usance.model.span import Timeline
from usance.reconcile.reconciling import reconcile
from usance.reconcile.report import ReconcileRequest
from usance.reconcile.stock import Stock, StockTaking, take_stock

BEGIN, END = datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 10, 1, tzinfo=UTC)
BETWEEN = datetime(2026, 9, 15, tzinfo=UTC)
NOW = END + timedelta(hours=1)
HISTORY = SeededHistory(5, projects=2, servers=20, begin=BEGIN, end=END, actions=8)
LIVES = [HISTORY.life(number) for number in range(len(HISTORY))]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoSite]:
    with demo_site(HISTORY, tmp_path_factory.mktemp("site")) as site:
        yield site


@pytest.fixture
def settings(served: DemoSite, tmp_path: Path, ledger_url: str) -> Iterator[Settings]:
    """Return the settings of a site with an empty ledger, on either engine, in the middle of the month."""
    served.cloud.clock.set(BETWEEN)
    site = DemoSite(served.cloud, served.url, tmp_path)
    yield msgspec.structs.replace(site.settings(), ledger_url=ledger_url)
    served.cloud.faults.clear()


def taken(settings: Settings) -> Stock:
    with Ledger.open(settings.ledger_url) as ledger:
        return asyncio.run(take_stock(settings, ledger))


def servers(settings: Settings) -> dict[str, Timeline]:
    with Ledger.open(settings.ledger_url) as ledger:
        return {
            one.timeline.resource.id: one.timeline
            for project_id, cloud_id in ledger.projects()
            for one in ledger.timelines(project_id, cloud_id, SERVER)
        }


def heard_after(settings: Settings, since: datetime) -> list[Observation]:
    """Return what a collector hears that begins to listen at an instant."""
    told = [one for life in LIVES for one in events(life, NOW, settings.cloud.cloud_id)]
    return [one for one in told if one.at > since]


def test_stock_has_all_that_runs_and_no_record_and_no_message(settings):
    stock = taken(settings)

    assert stock.troubles == ()
    assert stock.looks == len(HISTORY.site.projects)
    alive = {one for one, life in servers(settings).items() if life.end is None}
    at_us = int(BETWEEN.timestamp()) * 1_000_000
    assert alive == {life.id for life in LIVES if life.created_us <= at_us < life.deleted_us}
    with Ledger.open(settings.ledger_url) as ledger:
        assert ledger.status().messengers == ()


def test_stock_is_taken_once(settings):
    taken(settings)

    again = taken(settings)

    assert (again.looks, again.observations) == (0, 0)


def test_project_that_fails_is_tried_again_at_the_next_start(served, settings):
    served.cloud.faults.add(Fault(FaultKind.STATUS, "servers/detail", status=500))
    failed = taken(settings)
    served.cloud.faults.clear()

    assert len(failed.troubles) == len(HISTORY.site.projects)
    assert taken(settings).troubles == ()
    assert servers(settings)


def test_what_stock_and_collector_say_of_the_same_things_is_one_life_each(served, settings):
    """Push goes on where stock ended; what both told is one fact, and no difference is left."""
    with Ledger.open(settings.ledger_url) as ledger:
        # The collector listens first: it hears of some things that the stock tells, too.
        heard = heard_after(settings, BETWEEN - timedelta(days=2))
        early = [one for one in heard if one.at <= BETWEEN]
        ledger.hear(Heard(tuple(early)))
        stock = asyncio.run(take_stock(settings, ledger))
        ledger.hear(Heard(tuple(one for one in heard if one.at > BETWEEN)))
    assert stock.troubles == ()
    served.cloud.clock.set(NOW)

    report = reconcile([settings], ReconcileRequest(start=EPOCH, wait_s=0))

    assert report.differences == ()
    found = servers(settings)
    assert {life.id for life in LIVES if life.deleted_us // 1_000_000 > NOW.timestamp()} == {
        one for one, life in found.items() if life.end is None
    }


def test_collector_goes_on_whatever_happens_to_the_stock(settings, caplog):
    """Nothing is raised beside the collector: the log says what failed."""
    nowhere = msgspec.structs.replace(
        settings.cloud.auth, options={**settings.cloud.auth.options, "username": "x"}
    )
    broken = msgspec.structs.replace(settings, cloud=msgspec.structs.replace(settings.cloud, auth=nowhere))

    with caplog.at_level(logging.INFO), StockTaking([broken, settings]) as taking:
        assert taking.wait(60)

    assert "stock of what runs already could not be taken" in caplog.text
    assert [bool(one.troubles) for one in taking.stocks] == [True, False]
    assert servers(settings)


def test_stock_is_broken_off_when_the_collector_ends(served, settings):
    served.cloud.faults.add(Fault(FaultKind.LATENCY, "servers/detail", delay_ms=20_000))

    with StockTaking([settings]) as taking:
        assert not taking.wait(1)

    assert taking.wait(0)
    assert taking.stocks == []


def test_without_a_cloud_nothing_is_begun():
    with StockTaking([]) as taking:
        pass

    assert taking.stocks == []
