"""What nobody understands is put aside, and is in nobody's way."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bus import Server, in_envelope, lives, message
from usance.ledger.ledger import Ledger

T0 = "2026-10-01 10:00:00.000000"
GOOD = Server("good", T0)

STRANGE = {
    "not JSON": b"\x00\xff{{{ nothing",
    "empty": b"",
    "a number": b"17",
    "nested too deep": b"[" * 200_000,
    "an envelope that holds none": json.dumps({"oslo.message": "{"}).encode(),
    "no event type": in_envelope({"payload": {}}),
    "an event type that is no text": in_envelope({"event_type": ["x"], "payload": {}}),
    "no payload": in_envelope(message("compute.instance.create.end", None, T0)),
    "a payload that is a list": in_envelope(message("compute.instance.create.end", [1], T0)),
    "nulls": in_envelope(message("compute.instance.create.end", dict.fromkeys(GOOD.payload()), T0)),
    "nothing in it": in_envelope(message("compute.instance.create.end", {}, T0)),
    "an id with a NUL": GOOD.create(instance_id="nul\0", tenant_id="nul\0"),
    "half a character": in_envelope(message("compute.instance.create.end", {"instance_id": "\ud800"}, T0)),
    "a number without end": b'{"event_type": "compute.instance.create.end", "payload": {"vcpus": 1e999}}',
    "larger than what is read": in_envelope(
        message("compute.instance.create.end", {"x": "y" * 10_000_000}, T0)
    ),
}


def usance(path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).with_name("usance"), "events", arguments[0], "--config-file",
         path / "collector-0" / "usance.conf", *arguments[1:]],
        capture_output=True, text=True, timeout=60, check=False, env={"HOME": str(path)},
    )  # fmt: skip


def test_strange_messages_are_put_aside_and_the_others_come_through(bus, collecting, ledger_url):
    bus.declare()
    bodies = [GOOD.create(), *STRANGE.values(), Server("later", T0).create()]
    bus.send(bodies)
    collector = collecting(ledger_url)

    collector.acknowledged(len(bodies))

    assert sorted(lives(ledger_url)) == ["good", "later"]
    with Ledger.open(ledger_url) as ledger:
        parked = ledger.parking.page()
    assert len(parked) == len(STRANGE), [one.reason for one in parked]
    assert all(one.reason for one in parked)
    assert max(len(one.body) for one in parked) <= 65_536
    assert max(one.size for one in parked) > 10_000_000
    assert collector.metric("usance_collector_messages_parked_total") == len(STRANGE)
    assert collector.stop() == 0
    assert bus.depth() == 0


@pytest.mark.parametrize("year", [1970, 2100])
def test_events_of_any_year_are_kept_and_the_lag_stays_believable(bus, collecting, sqlite_url, year):
    bus.declare()
    bus.send([Server("web", f"{year}-01-01 00:00:01.000000").create()])
    collector = collecting(sqlite_url)

    collector.acknowledged(1)

    ((begin, *_),) = lives(sqlite_url).values()
    assert begin.year == year
    assert collector.metric("usance_collector_lag_seconds") >= 0


def test_a_secret_is_never_kept(bus, collecting, sqlite_url):
    bus.declare()
    secret = message("compute.instance.create.end", {}, T0)
    cut = json.dumps(json.dumps(secret)).encode()[:-9]
    bus.send([in_envelope(secret), json.dumps(secret).encode(), cut])
    collecting(sqlite_url).acknowledged(3)

    with Ledger.open(sqlite_url) as ledger:
        bodies = [one.body for one in ledger.parking.page()]

    assert len(bodies) == 3
    assert not [one for one in bodies if b"gAAAA" in one]
    assert [one for one in bodies if b"req-1" in one] == bodies


def test_types_that_nobody_knows_are_counted(bus, collecting, sqlite_url, tmp_path):
    bus.declare()
    bus.send([in_envelope(message(f"acme.thing.{number % 2}", {}, T0)) for number in range(5)])
    collector = collecting(sqlite_url)
    collector.acknowledged(5)

    assert collector.metric("usance_collector_events_ignored_total") == 5
    assert collector.stop() == 0
    listed = usance(tmp_path, "list", "--ignored", "--output", "csv")
    assert [line.split(",")[:2] for line in listed.stdout.splitlines()[1:]] == [
        ["acme.thing.0", "3"],
        ["acme.thing.1", "2"],
    ]


def test_no_more_messages_are_parked_than_were_asked_for(bus, collecting, sqlite_url):
    bus.declare()
    bus.send([b"nothing %d" % number for number in range(20)])
    collector = collecting(sqlite_url, "parked_limit = 5", "batch_size = 2")
    collector.acknowledged(20)

    assert collector.stop() == 0

    with Ledger.open(sqlite_url) as ledger:
        kept = [one.body for one in ledger.parking.page()]
    assert 3 <= len(kept) <= 5
    assert b"nothing 19" in kept


def test_what_was_put_aside_is_read_again_once_it_is_understood(bus, collecting, sqlite_url, tmp_path):
    """An operator parks a type until she knows what it means; then she says so."""
    bus.declare()
    events = tmp_path / "events.yaml"
    events.write_text("events:\n  acme.made: park\n")
    own = Server("web", T0)
    foreign = in_envelope(message("acme.made", own.payload(), T0, request="req-7"))
    bus.send([foreign, foreign, b"nothing"])
    collecting(sqlite_url, f"events_file = {events}").acknowledged(3)
    assert usance(tmp_path, "replay").returncode == 1

    events.write_text("events:\n  acme.made: compute.instance.create.end\n")
    replayed = usance(tmp_path, "replay", "--output", "json")

    assert replayed.returncode == 1, replayed.stderr
    report = json.loads(replayed.stdout)
    assert (report["understood"], [one["event_type"] for one in report["still_parked"]]) == (1, [""])
    assert list(lives(sqlite_url)) == ["web"]
    (left,) = json.loads(usance(tmp_path, "list", "--output", "json").stdout)
    assert "nothing" in usance(tmp_path, "show", left["id"]).stdout
    assert usance(tmp_path, "drop").returncode == 2
    assert usance(tmp_path, "drop", left["id"]).stdout == "1 messages were dropped\n"
    assert usance(tmp_path, "replay").returncode == 0
    assert usance(tmp_path, "show", left["id"]).returncode == 1


def test_the_side_door_says_how_it_goes(bus, collecting, sqlite_url):
    bus.declare()
    collector = collecting(sqlite_url).ready()
    bus.send([GOOD.create()] * 3)
    collector.acknowledged(3)

    status, metrics = collector.get("/metrics")

    assert status == 200
    assert (
        'usance_collector_events_total{cloud="default",event_type="compute.instance.create.end"} 3' in metrics
    )
    assert collector.metric("usance_collector_batch_seconds_count") >= 1
    assert collector.metric("usance_collector_broker_connected") == 1
    assert collector.get("/health") == (200, '{"status": "alive"}')
    assert collector.get("/ready") == (200, '{"status":"ready","troubles":[]}')
    assert collector.get("/elsewhere")[0] == 404


def test_a_collector_says_when_it_was_there(bus, collecting, sqlite_url):
    bus.declare()
    bus.send([GOOD.create()] * 3)
    collector = collecting(sqlite_url).ready()
    collector.acknowledged(3)

    assert collector.stop() == 0

    with Ledger.open(sqlite_url) as ledger:
        (stretch,) = ledger.listening.stretches("default")
    assert (stretch.messages, stretch.since < stretch.until) == (3, True)
