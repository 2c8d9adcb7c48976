"""Where the messages are: exchanges and queues of every kind, several virtual hosts, TLS, several nodes."""

from __future__ import annotations

import pytest

from bus import Bus, Server, lives, until
from service.rabbitmq import free_ports

T0 = "2026-10-01 10:00:00.000000"


def sent(name: str) -> bytes:
    return Server(name, T0).create()


def heard(url: str, *names: str) -> None:
    """Wait until the ledger knows these servers, and no others."""
    until(lambda: sorted(lives(url)) == sorted(names), what=f"{names} are in the ledger")


def test_exchanges_of_every_kind_lead_to_a_queue_of_our_own(bus, collecting, sqlite_url):
    """One of them comes into being only later, and one is missing for ever."""
    kinds = {f"{kind}-{bus.topic}": kind for kind in ("topic", "fanout", "direct")}
    for exchange, kind in kinds.items():
        bus.make_exchange(exchange, kind)
    collecting(
        sqlite_url, f"queues = {bus.queue}", f"exchanges = {', '.join(kinds)}, missing-{bus.topic}"
    ).ready()

    for exchange, kind in kinds.items():
        bus.send([sent(kind)], exchange=exchange)

    heard(sqlite_url, "topic", "fanout", "direct")


def test_a_topic_of_others_is_heard_beside_those_who_have_its_queue(bus, collecting, sqlite_url):
    """Ceilometer takes what is in notifications.info: with a queue of its own nobody takes from anybody."""
    bus.declare(exchange=f"nova-{bus.topic}")
    own = Bus(bus.broker, f"own-{bus.topic}")
    collecting(
        sqlite_url, f"queues = {own.queue}", f"exchanges = nova-{bus.topic}", "queue_type = quorum"
    ).ready()

    bus.send([sent("web")], exchange=f"nova-{bus.topic}")

    heard(sqlite_url, "web")
    assert bus.depth() == 1


@pytest.mark.parametrize(
    "made",
    [
        {"durable": False},
        {"durable": True},
        {"arguments": {"x-queue-type": "quorum"}},
        {"arguments": {"x-max-length": 1000}},
    ],
    ids=["transient", "durable", "quorum", "limited"],
)
def test_a_queue_that_exists_is_used_as_it_is(bus, collecting, sqlite_url, made):
    """A notifier of oslo.messaging made it, as its service is configured; we would make it otherwise."""
    bus.declare(exchange=f"nova-{bus.topic}", **made)
    bus.send([sent("before")])
    collecting(sqlite_url, "queue_type = classic").ready()

    bus.send([sent("after")])

    heard(sqlite_url, "before", "after")


def test_a_queue_of_the_services_is_waited_for(bus, collecting, sqlite_url):
    """Made by us, in another way than theirs, it would keep them from sending anything."""
    collector = collecting(sqlite_url)
    until(lambda: f"there is no queue {bus.queue}" in collector.get("/ready")[1])

    bus.declare(durable=False, exchange=f"nova-{bus.topic}")
    bus.send([sent("web")])

    heard(sqlite_url, "web")
    assert collector.ready().stop() == 0


def test_what_failed_is_heard_too_once_something_failed(bus, collecting, sqlite_url):
    """The queue of errors comes into being with the first of them; until then nothing is amiss."""
    bus.declare()
    collector = collecting(sqlite_url).ready()
    collector.stop()
    errors = Bus(bus.broker, bus.topic)
    errors.queue = f"{bus.topic}.error"
    errors.declare()
    errors.send([sent("failed")])

    collecting(sqlite_url).ready()

    heard(sqlite_url, "failed")


def test_several_virtual_hosts_are_listened_to_at_once(bus, collecting, sqlite_url, two_hosts):
    places = [Bus(bus.broker, bus.topic, name) for name in two_hosts]
    for place in places:
        place.declare()
    collector = collecting(sqlite_url, url=", ".join(bus.broker.url(name) for name in two_hosts)).ready()

    for place in places:
        place.send([sent(place.virtual_host)])

    heard(sqlite_url, *two_hosts)
    collector.acknowledged(2)
    assert collector.stop() == 0
    assert [place.depth() for place in places] == [0, 0]


def test_two_clouds_are_told_apart_by_their_brokers(bus, collecting, sqlite_url, two_hosts):
    north, south = (Bus(bus.broker, bus.topic, name) for name in two_hosts)
    for place in (north, south):
        place.declare()
    sections = (
        f"[cloud_north]\ncollector.transport_url = {bus.broker.url(north.virtual_host)}",
        f"[cloud_south]\ncollector.transport_url = {bus.broker.url(south.virtual_host)}",
        "[usance]\nclouds = north, south",
    )
    collecting(sqlite_url, *sections).ready()

    north.send([sent("one")])
    south.send([sent("two")])

    until(lambda: (list(lives(sqlite_url, "north")), list(lives(sqlite_url, "south"))) == (["one"], ["two"]))


def test_tls_is_verified_both_ways(bus, collecting, sqlite_url, place):
    bus.declare()
    bus.send([sent("web")])
    files = (
        f"cafile = {place.cafile}",
        f"certfile = {place.path / 'collector.pem'}",
        f"keyfile = {place.path / 'collector.key'}",
    )

    collecting(sqlite_url, *files, url=bus.broker.url(port=bus.broker.amqps_port)).ready()

    heard(sqlite_url, "web")


def test_a_broker_that_is_not_who_it_says_is_not_spoken_to(bus, collecting, sqlite_url):
    bus.declare()
    collector = collecting(sqlite_url, url=bus.broker.url(scheme="amqps", port=bus.broker.amqps_port))

    assert until(lambda: "CERTIFICATE_VERIFY_FAILED" in collector.get("/ready")[1], what=collector.said())


def test_a_node_that_is_away_is_passed_over(bus, collecting, sqlite_url):
    bus.declare()
    (nobody,) = free_ports(1)
    alive = bus.broker.url().removeprefix("rabbit://")
    collecting(sqlite_url, url=f"rabbit://usance:loopback@localhost:{nobody},{alive}").ready()

    bus.send([sent("web")])

    heard(sqlite_url, "web")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda url: url.replace(":loopback@", ":wrong@"), "does not accept the user or the password"),
        (lambda url: f"{url}nowhere", "does not let us into the virtual host"),
    ],
    ids=["password", "virtual host"],
)
def test_an_account_that_is_refused_ends_the_collector_with_one_sentence(
    bus, collecting, sqlite_url, change, said
):
    collector = collecting(sqlite_url, url=change(bus.broker.url()))

    assert collector.process.wait(60) == 1

    assert said in collector.said()
    assert "wrong" not in collector.said()
    assert len(collector.said().splitlines()) == 1
