"""Days are summed up beside the API, and what ends it loses nothing."""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import func, select

from said import PLACE, at, batch, changed, created
from usance.api.summing_up import summing_up
from usance.ledger import schema
from usance.ledger.answers import Asked
from usance.ledger.ledger import Ledger
from usance.model.period import Period

MONTH = Period(at("2026-10-01T00:00:00"), at("2026-11-01T00:00:00"))


def rows(ledger: Ledger, name: str) -> int:
    with ledger._store.read() as connection:
        return connection.execute(select(func.count()).select_from(schema.metadata.tables[name])).scalar_one()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_days_are_summed_up_at_once_and_again_when_they_change(ledger: Ledger) -> None:
    ledger.observe(*PLACE, batch(created("web", "10:00")))

    with summing_up(ledger, every_s=0.05):
        until(lambda: rows(ledger, "usage_day") > 0 and not rows(ledger, "dirty_day"))
        ledger.observe(*PLACE, batch(changed("web", "12:00", vcpus=10)))
        until(lambda: not rows(ledger, "dirty_day"))

    [found] = ledger.questions.usage(Asked(period=MONTH), until=MONTH.end)
    assert found.amounts.vcpu_s == (2 * 2 + (30 * 24 + 12) * 10) * 3600
