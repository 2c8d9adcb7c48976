"""Nothing is lost and nothing is counted twice, whoever dies, and whenever.

Each test ends with the ledger that the same messages make when nothing happens.
"""

from __future__ import annotations

import os
import random
import signal
import socket
from typing import Any, NamedTuple

import pytest

from bus import Server, history, lives, undisturbed, until
from wire import Wire

SOAK = os.environ.get("USANCE_SOAK") == "1"
SERVERS = 2000 if SOAK else 120
ROUNDS = 40 if SOAK else 4

POINTS = {
    "before the commit": ("usance.ledger.ledger:Ledger.hear", "before"),
    "between commit and acknowledgement": ("usance.ledger.ledger:Ledger.hear", "after"),
    "after the acknowledgement": ("usance.collector.broker:Line.acknowledge", "after"),
    "after the first message": ("usance.collector.intake:Intake.take", "after"),
}


class Load(NamedTuple):
    """Messages, and what a ledger makes of them when nothing happens."""

    bodies: list[bytes]
    expected: dict[str, tuple[Any, ...]]


@pytest.fixture(scope="module")
def load(tmp_path_factory) -> Load:
    bodies = history(SERVERS, seed=4)
    return Load(bodies, undisturbed(f"sqlite:///{tmp_path_factory.mktemp('undisturbed')}/ledger.db", bodies))


def is_done(bus, collector) -> bool:
    """Say whether a collector that has ended has left nothing on the broker."""
    assert collector.stop() == 0, collector.said()
    return bus.depth() == 0


def finish(bus, collecting, url) -> None:
    """Let undisturbed collectors take what is left; the broker may notice late that somebody died."""
    for _ in range(3):
        collector = collecting(url).ready()
        until(lambda: bus.depth() == 0)
        if is_done(bus, collector):
            return
    raise AssertionError(collector.said())


@pytest.mark.parametrize("point", list(POINTS))
def test_a_collector_that_is_killed_at_a_point_loses_and_doubles_nothing(
    bus, collecting, sqlite_url, load, point
):
    bus.declare()
    bus.send(load.bodies)

    killed = collecting(sqlite_url, "batch_size = 50", crash=(*POINTS[point], "3"))

    assert killed.process.wait(60) == -signal.SIGKILL, killed.said()
    finish(bus, collecting, sqlite_url)
    assert lives(sqlite_url) == load.expected


def test_a_collector_that_is_killed_at_random_loses_and_doubles_nothing(bus, collecting, postgres_url, load):
    bus.declare()
    bodies = load.bodies
    source = random.Random(9)
    shuffled = source.sample(bodies, len(bodies))
    share = -(-len(shuffled) // ROUNDS)
    for number in range(ROUNDS):
        bus.send(shuffled[number * share : (number + 1) * share])
        collector = collecting(postgres_url, "batch_size = 10")
        wanted = source.randrange(1, 60)
        until(lambda: collector.metric("usance_collector_messages_acknowledged_total") >= wanted)  # noqa: B023 -- it is called in this round
        collector.kill()
    finish(bus, collecting, postgres_url)

    assert lives(postgres_url) == load.expected


def test_a_collector_that_is_told_to_end_finishes_what_it_was_given(bus, collecting, sqlite_url, load):
    bus.declare()
    bus.send(load.bodies)
    collector = collecting(sqlite_url, "batch_size = 20")
    until(lambda: collector.metric("usance_collector_messages_acknowledged_total") > 0)

    assert collector.stop() == 0

    left = bus.depth()
    assert left > 0
    again = collecting(sqlite_url).ready()
    again.acknowledged(left)
    assert again.metric("usance_collector_redelivered_messages_total") == 0
    assert again.metric("usance_collector_observations_duplicate_total") == 0
    assert lives(sqlite_url) == load.expected


@pytest.mark.parametrize("end", ["restart", "kill"])
def test_a_broker_that_goes_away_is_found_again(bus, collecting, sqlite_url, load, end):
    broker, bodies = bus.broker, load.bodies
    bus.declare()
    bus.send(bodies[: len(bodies) // 2])
    collector = collecting(sqlite_url, "batch_size = 20").ready()
    until(lambda: collector.metric("usance_collector_messages_acknowledged_total") > 0)

    if end == "kill":
        broker.kill()
        broker.start_broker()
    else:
        broker.control("stop_app")
        assert until(lambda: collector.get("/ready")[0] == 503)
        broker.control("start_app")
    bus.send(bodies[len(bodies) // 2 :])

    collector.ready()
    until(lambda: bus.depth() == 0)
    assert is_done(bus, collector)
    assert lives(sqlite_url) == load.expected
    assert collector.said().count("trying again") == 1


def test_a_network_that_swallows_everything_is_noticed(bus, collecting, sqlite_url):
    """Nobody says that the connection is gone: the heartbeats that are missing do."""
    bus.declare()
    with Wire(bus.broker.amqp_port) as wire:
        url = bus.broker.url(port=wire.port)
        collector = collecting(sqlite_url, "heartbeat = 2", url=url).ready()
        wire.cut()
        bus.send([Server("web", "2026-10-01 10:00:00.000000").create()])
        assert until(lambda: collector.get("/ready")[0] == 503)

        wire.mend()

        collector.acknowledged(1)
        assert collector.stop() == 0
    assert list(lives(sqlite_url)) == ["web"]


def test_a_broker_that_never_answers_keeps_nobody_from_ending(collecting, sqlite_url, bus):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        collector = collecting(sqlite_url, url=bus.broker.url(port=mute.getsockname()[1]))
        until(lambda: collector.get("/health")[0] == 200)

        assert collector.stop() == 0


def test_a_queue_that_is_deleted_is_taken_up_again(bus, collecting, sqlite_url):
    server = Server("web", "2026-10-01 10:00:00.000000")
    bus.declare()
    collector = collecting(sqlite_url).ready()

    bus.delete()
    assert until(lambda: "there is no queue" in collector.get("/ready")[1])
    bus.declare()
    bus.send([server.create()])

    collector.acknowledged(1)
    assert list(lives(sqlite_url)) == ["web"]


def test_a_broker_that_takes_no_more_messages_still_gives_them(bus, collecting, sqlite_url, load):
    """An alarm (memory, disk) blocks who sends; who acknowledges is what it needs."""
    broker, bodies = bus.broker, load.bodies
    bus.declare()
    bus.send(bodies)
    broker.control("set_vm_memory_high_watermark", "absolute", "1")
    try:
        collector = collecting(sqlite_url).ready()
        collector.acknowledged(len(bodies))
    finally:
        broker.control("set_vm_memory_high_watermark", "0.4")


def test_a_database_that_restarts_is_waited_for(bus, collecting, load, own_postgres):
    bus.declare()
    collector = collecting(own_postgres.url, "batch_size = 20").ready()
    bodies = load.bodies
    bus.send(bodies[:200])
    until(lambda: collector.metric("usance_collector_messages_acknowledged_total") > 0)

    own_postgres.end()
    bus.send(bodies[200:])
    assert until(lambda: "can't be reached" in collector.get("/ready")[1], what=collector.said())
    assert collector.get("/health")[0] == 200
    own_postgres.start_again()

    collector.acknowledged(len(bodies))
    assert is_done(bus, collector)
    assert lives(own_postgres.url) == load.expected
    assert collector.said().count("what comes waits") == 1


def test_who_ends_while_the_database_is_away_says_what_is_left(bus, collecting, load, own_postgres):
    bus.declare()
    collector = collecting(own_postgres.url, "leave_after = 1").ready()
    own_postgres.end()
    bus.send(load.bodies[:10])
    until(lambda: "can't be reached" in collector.get("/ready")[1])
    until(lambda: collector.metric("usance_collector_messages_total") == 10)

    assert collector.stop() == 1

    assert "10 messages could not be written" in collector.said()
    assert bus.depth() == 10
    own_postgres.start_again()
