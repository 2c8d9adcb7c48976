"""The streams on which Almanach went wrong, as real messages on a real broker: each gives the right life.

Almanach 4.1.0 made of them two active spans, spans that never ended, spans of negative length, and
messages that came back for ever.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from bus import Bus, Collecting, Server, Volume, configuration, spans, timelines
from service.postgres import drop_database, new_database
from usance.ledger.ledger import Ledger


class Stream:
    """A collector that listens, and the ledger that it writes."""

    def __init__(self, bus: Bus, collector: Collecting, url: str) -> None:
        self._bus = bus
        self._collector = collector
        self._url = url
        self._sent = 0

    def __call__(self, *bodies: bytes) -> None:
        """Send messages one after the other; return when they are acknowledged."""
        for body in bodies:
            self._bus.send([body])
            self._sent += 1
            self._collector.acknowledged(self._sent)

    def life(self, server: Server) -> list[str]:
        with Ledger.open(self._url) as ledger:
            return [line for one in timelines(ledger) if one.resource.id == server.id for line in spans(one)]

    def attachments(self, volume: Volume) -> list[str]:
        with Ledger.open(self._url) as ledger:
            return [
                f"{one.start:%H:%M:%S} {one.end:%H:%M:%S} {one.values['attachments']}"
                for life in timelines(ledger, "volume")
                if life.resource.id == volume.id
                for one in life.spans
            ]

    def parked(self) -> list[str]:
        with Ledger.open(self._url) as ledger:
            return [one.reason for one in ledger.parking.page()]


@pytest.fixture(params=["sqlite", "postgresql"], scope="module")
def stream(request, broker, tmp_path_factory) -> Iterator[Stream]:
    path = tmp_path_factory.mktemp("stream")
    if request.param == "sqlite":
        url = f"sqlite:///{path}/ledger.db"
    else:
        server = request.getfixturevalue("postgres_server_url")
        url = new_database(server, template=request.getfixturevalue("postgres_template"))
    bus = Bus(broker, f"streams-{secrets.token_hex(4)}")
    bus.declare()
    collector = Collecting(path, configuration(url, broker.url(), bus.topic))
    try:
        yield Stream(bus, collector.ready(), url)
        assert collector.stop() == 0
    finally:
        collector.kill()
        if request.param != "sqlite":
            drop_database(url)


@pytest.fixture
def server(request) -> Server:
    return Server(request.node.name, "2026-10-01 10:00:00.000000")


def test_a_creation_that_comes_twice_is_one(stream, server):
    stream(server.create(), server.create(), server.delete("2026-10-01 12:00:00.000000"))

    assert stream.life(server) == ["10-01 10:00:00 10-01 12:00:00 m1.small active"]


def test_a_creation_with_a_later_time_is_the_same_creation(stream, server):
    again = server.create("2026-10-01 11:30:00.000000", created_at="2026-10-01 11:29:50.000000")
    stream(server.create(), again, server.delete("2026-10-01 12:00:00.000000"))

    assert stream.life(server) == ["10-01 10:00:00 10-01 12:00:00 m1.small active"]


def test_a_creation_with_an_earlier_time_is_the_same_creation(stream, server):
    older = server.create("2026-10-01 09:00:07.000000", created_at="2026-10-01 09:00:00.000000")
    stream(server.create(), older)

    assert stream.life(server) == [
        "10-01 09:00:00 10-01 09:00:07 m1.small building",
        "10-01 09:00:07 ... m1.small active",
    ]


def test_a_deletion_that_comes_first_closes_the_creation_that_comes_later(stream, server):
    stream(server.delete("2026-10-01 12:00:00.000000"), server.create())

    assert stream.life(server) == ["10-01 10:00:00 10-01 12:00:00 m1.small active"]


def test_a_creation_that_comes_again_after_the_deletion_revives_nothing(stream, server):
    create = server.create()
    stream(create, server.delete("2026-10-01 12:00:00.000000"), create)

    assert stream.life(server) == ["10-01 10:00:00 10-01 12:00:00 m1.small active"]


def test_a_deletion_that_comes_twice_is_one(stream, server):
    delete = server.delete("2026-10-01 12:00:00.000000")
    stream(server.create(), delete, delete)

    assert stream.life(server) == ["10-01 10:00:00 10-01 12:00:00 m1.small active"]
    assert stream.parked() == []


def test_a_resize_that_comes_late_cuts_where_it_happened(stream, server):
    create = server.create()
    early = server.resize("2026-10-01 10:30:00.000000", "m1.medium")
    stream(create, server.resize("2026-10-01 11:00:00.000000", "m1.large"), early)

    assert stream.life(server) == [
        "10-01 10:00:00 10-01 10:30:00 m1.small active",
        "10-01 10:30:00 10-01 11:00:00 m1.medium active",
        "10-01 11:00:00 ... m1.large active",
    ]


def test_an_attachment_that_comes_late_cuts_where_it_happened(stream, server):
    volume = Volume(server.id, "2026-10-01 10:00:00")
    create = volume.event("create.end", "2026-10-01 10:00:01.500000")
    attach = volume.event("attach.end", "2026-10-01 10:30:00.500000", attached=("web",))
    detach = volume.event("detach.end", "2026-10-01 11:00:00.500000")
    stream(create, detach, attach, volume.event("delete.end", "2026-10-01 12:00:00.500000"))

    assert stream.attachments(volume) == [
        "10:00:00 10:30:00 []",
        '10:30:00 11:00:00 ["web"]',
        "11:00:00 12:00:00 []",
    ]


def test_a_resize_without_a_time_is_put_aside_and_nothing_waits_for_it(stream, server):
    """The resize that has its time comes through."""
    create, before = server.create(), len(stream.parked())
    timeless = server.event("finish_resize.end", None, instance_type="m1.large")
    stream(create, timeless, server.resize("2026-10-01 11:00:00.000000", "m1.large"))

    assert stream.life(server) == [
        "10-01 10:00:00 10-01 11:00:00 m1.small active",
        "10-01 11:00:00 ... m1.large active",
    ]
    assert len(stream.parked()) == before + 1


def test_a_deletion_without_terminated_at_ends_when_it_was_sent(stream, server):
    stream(server.create(), server.delete("2026-10-01 12:00:00.000000", terminated_at=""))

    assert stream.life(server) == ["10-01 10:00:00 10-01 12:00:00 m1.small active"]
