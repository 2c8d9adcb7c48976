"""The messages of a cloud, read by the collector's readers, tell what the same cloud tells when it is asked.

Both come from one history: the messages as the services send them, the answers over HTTP.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import msgspec
import pytest

from demo_site import DemoSite, demo_site
from usance.collector.envelope import open_envelope
from usance.collector.table import EVENTS
from usance.collector.volume_types import named
from usance.config.settings import Settings
from usance.demo.history import SeededHistory, microseconds
from usance.demo.notifications import Message, of_history, type_names
from usance.demo.site import standard_site
from usance.demo.storage_script import random_storage
from usance.ledger.ledger import Ledger
from usance.ledger.values import Heard
from usance.model.period import EPOCH
from usance.reconcile.reconciling import reconcile
from usance.reconcile.report import ReconcileReport, ReconcileRequest

BEGIN, END = datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 10, 1, tzinfo=UTC)
NOW = END + timedelta(hours=1)
SEEDS = range(2)


def history_of(seed: int) -> SeededHistory:
    """Return a month of servers, volumes, snapshots and backups in two projects.

    Volumes stay where they are: whose a volume was before is for the ledger to find out.
    """
    site = standard_site(seed, 2)
    volumes = random_storage(site, seed, 30, begin=BEGIN, end=END, transfers=False)
    site = msgspec.structs.replace(site, volumes=tuple(volumes))
    return SeededHistory(seed, projects=2, servers=30, begin=BEGIN, end=END, actions=8, site=site)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoSite]:
    with demo_site(history_of(0), tmp_path_factory.mktemp("site")) as site:
        site.cloud.clock.set(NOW, running=True)  # no look is earlier than the one before it
        yield site


def settings_of(served: DemoSite, directory: Path) -> Settings:
    site = DemoSite(served.cloud, served.url, directory, extractor="nova, cinder")
    Ledger.open(site.settings().ledger_url).close()
    return site.settings()


def hear(settings: Settings, history: SeededHistory, messages: Sequence[Message]) -> None:
    """Let a collector hear messages."""
    with Ledger.open(settings.ledger_url) as ledger:
        observations, names = [], []
        for message in (*type_names(history), *messages):
            notification = open_envelope(message.body)
            reading = EVENTS[notification.event_type].reader(notification, settings.cloud.cloud_id)
            observations += reading.observations
            names += reading.names
        ledger.hear(Heard(tuple(named(observations, names, ledger.names)), tuple(names)))


def compared(settings: Settings, **request: object) -> ReconcileReport:
    return reconcile([settings], ReconcileRequest(start=EPOCH, wait_s=0, **request))


@pytest.mark.parametrize("seed", SEEDS)
def test_what_the_messages_tell_is_what_the_services_say(served, tmp_path, seed):
    history = history_of(seed)
    served.cloud.load(history)
    settings = settings_of(served, tmp_path)
    hear(settings, history, of_history(history, microseconds(NOW)))

    report = compared(settings)

    assert report.differences == ()
    assert sum(one.compared for one in report.results) == 60 - never_made(history)


def never_made(history: SeededHistory) -> int:
    return sum(one.status == "error" for one in history.site.volumes)


@pytest.mark.parametrize("seed", SEEDS)
def test_lost_messages_are_found_and_repaired(served, tmp_path, seed):
    history = history_of(seed)
    served.cloud.load(history)
    settings = settings_of(served, tmp_path)
    random = Random(seed)
    messages = of_history(history, microseconds(NOW))
    heard = [one for one in messages if random.random() < 0.8]
    hear(settings, history, heard)

    report = compared(settings)
    compared(settings, repair=True)

    lost = {one.resource_id for one in messages} - {one.resource_id for one in heard}
    ends = {
        one.resource_id for one in messages if one.event_type.endswith(".delete.end") and one not in heard
    }
    partly = {one.resource_id for one in messages if one not in heard}
    found = {one.id for one in report.differences}
    assert ends
    assert found <= partly
    assert (ends - lost) <= found
    assert compared(settings).differences == ()
