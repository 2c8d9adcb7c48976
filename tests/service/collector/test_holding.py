"""How much a collector takes from a broker ahead is bounded in bytes, whatever somebody has sent."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import repeat

import pytest

from bus import PATIENCE_S, Server, lives, until
from service.rabbitmq import PASSWORD, USER
from usance.collector.broker import Line
from usance.collector.delivery import Delivery
from usance.config.settings import BrokerHost

T0 = "2026-10-01 10:00:00.000000"
MIB = 1024 * 1024
FEW = 200  # messages
LARGE = 500_000  # bytes of a message
MANY = 600  # messages: 300 MB
MOST = 260  # MiB of a collector that holds four batches, reads one and writes one, and of its code


class Taken:
    """What a line gave, and when it was the first and the last of it."""

    def __init__(self) -> None:
        self.count = 0
        self.first, self.all = asyncio.Event(), asyncio.Event()

    def take(self, _: Delivery) -> None:
        self.count += 1
        self.first.set()
        if self.count == FEW:
            self.all.set()


@asynccontextmanager
async def listening(bus, context: ssl.SSLContext | None) -> AsyncIterator[tuple[Line, Taken]]:
    """Consume what is in the queue; pika looks for signs of the broker's life every seven seconds."""
    port = bus.broker.amqps_port if context else bus.broker.amqp_port
    line = await Line.open(BrokerHost("localhost", port, USER, PASSWORD), "/", context, heartbeat_s=2)
    taken = Taken()
    try:
        await line.consume(bus.queue, prefetch=1000, largest=MIB, kept=100, take=taken.take)
        yield line, taken
    finally:
        await line.close()


# The broker is looked for after 7 s, when it was still heard, and after 14.
@pytest.mark.parametrize(("tls", "pause_s"), [(False, 15), (True, 1)], ids=["plain", "TLS"])
def test_nothing_comes_while_nothing_is_read_and_all_of_it_afterwards(bus, place, tls, pause_s):
    bus.declare()
    bus.send(repeat(b"x" * 50_000, FEW))
    context = None
    if tls:
        context = ssl.create_default_context(cafile=place.cafile)
        context.load_cert_chain(place.path / "collector.pem", place.path / "collector.key")

    async def run() -> tuple[int, bool]:
        async with listening(bus, context) as (line, taken):
            await taken.first.wait()
            line.hold()
            await asyncio.sleep(pause_s)
            found = taken.count, line.lost.done()
            line.go_on()
            async with asyncio.timeout(PATIENCE_S):
                await taken.all.wait()
            return found

    came, is_lost = asyncio.run(run())

    assert came < FEW // 4  # what was being read when that was said
    assert not is_lost
    assert bus.depth() == FEW  # nothing was acknowledged


def flood(bus, collector) -> None:
    """Send much, and wait until the collector's memory has not grown for some seconds."""
    fat = {"metadata": {"note": "x" * LARGE}}
    bus.send(Server(f"web-{number}", T0).create(**fat) for number in range(MANY))
    seen = [collector.peak_mib()] * 4

    def stands() -> bool:
        time.sleep(1)
        seen.append(collector.peak_mib())
        return seen[-4] == seen[-1] > seen[0]

    until(stands, what="it takes no more")


def has_all(collector) -> bool:
    """Say whether all that came is acknowledged; some may have come twice, since the broker lost patience."""
    came = collector.metric("usance_collector_messages_total")
    return collector.metric("usance_collector_messages_acknowledged_total") == came >= MANY


def test_large_messages_do_not_fill_the_memory_while_the_ledger_is_away(bus, collecting, own_postgres):
    bus.declare()
    collector = collecting(own_postgres.url).ready()
    own_postgres.end()
    flood(bus, collector)
    own_postgres.start_again()

    until(lambda: has_all(collector) and len(lives(own_postgres.url)) == MANY)

    assert collector.peak_mib() < MOST
    assert collector.stop() == 0
    assert bus.depth() == 0


def test_a_collector_that_holds_all_it_may_can_be_stopped(bus, collecting, own_postgres):
    bus.declare()
    collector = collecting(own_postgres.url, "leave_after = 1").ready()
    own_postgres.end()
    flood(bus, collector)

    assert collector.stop() == 1

    assert "messages could not be written" in collector.said()
    assert until(lambda: bus.depth() == MANY)
    own_postgres.start_again()
