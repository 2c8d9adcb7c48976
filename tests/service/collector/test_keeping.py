"""A message that the ledger refuses is parked alone; where it refuses most of them, nothing is given up."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import msgspec
import pytest

from bus import CLOUD, Server, delivered, lives
from usance.collector.keeping import Entry, Keeper
from usance.collector.table import EVENTS
from usance.collector.understanding import Understanding
from usance.ledger.ledger import Ledger

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
UNDERSTANDING = Understanding(CLOUD, EVENTS, largest=1 << 20, kept=1 << 16)


def entry(name: str, *, bad: bool = False) -> Entry:
    delivery = delivered(Server(name, "2026-10-01 10:00:00").create("2026-10-01 10:00:00.000000"))
    understood = UNDERSTANDING.of(delivery, NOW)
    if bad:  # half a character: no database can keep it
        said = understood.reading.observations[0]
        resource = msgspec.structs.replace(said.resource, id=f"{name}\ud800")
        reading = msgspec.structs.replace(
            understood.reading, observations=(msgspec.structs.replace(said, resource=resource),)
        )
        understood = msgspec.structs.replace(understood, reading=reading)
    return Entry(delivery, understood)


def park(delivery, reason):
    return UNDERSTANDING.parked(delivery, reason, NOW)


async def keep(url, entries):
    with Ledger.open(url) as ledger:
        keeper = Keeper(ledger)
        try:
            return await keeper.keep(entries, park)
        finally:
            keeper.close()


def test_what_the_ledger_refuses_is_parked_and_the_rest_is_kept(ledger_url):
    entries = [entry(f"server-{number:02}", bad=number in {7, 30}) for number in range(40)]

    kept = asyncio.run(keep(ledger_url, entries))

    assert (kept.refused, kept.of.parked) == (2, 2)
    assert len(lives(ledger_url)) == 38
    with Ledger.open(ledger_url) as ledger:
        assert {"the ledger refuses" in one.reason for one in ledger.parking.page()} == {True}


def test_a_ledger_that_refuses_most_is_a_fault_that_is_raised(sqlite_url):
    """The batch is not acknowledged then: whoever mends the fault finds all of it on the broker."""
    entries = [entry(f"server-{number:02}", bad=number % 3 != 0) for number in range(60)]

    with pytest.raises(UnicodeEncodeError):
        asyncio.run(keep(sqlite_url, entries))
