"""What is parked, what is counted, and that no secret stays in either."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from bus import Server, delivered, in_envelope, message
from usance.collector.delivery import Delivery
from usance.collector.reading import Event, Reading
from usance.collector.table import EVENTS
from usance.collector.understanding import Understanding, is_whole, without_secrets

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
T0 = "2026-10-01 10:00:00.000000"


def fails(_notification, _cloud_id) -> Reading:
    raise KeyError("instance_id")


FAULTY = {"acme.broken": Event("acme.broken", fails, "breaks")}


@pytest.fixture
def understanding() -> Understanding:
    return Understanding("region1", EVENTS, largest=100_000, kept=1000)


def test_a_known_event_is_read(understanding):
    found = understanding.of(delivered(Server("web", T0).create()), NOW)

    assert {one.resource.id for one in found.reading.observations} == {"web"}
    assert (found.event_type, found.ignored, found.parked) == ("compute.instance.create.end", "", None)
    assert found.sent == datetime(2026, 10, 1, 10, tzinfo=UTC)


def test_an_unknown_event_is_counted_only(understanding):
    found = understanding.of(delivered(in_envelope(message("acme.thing", {}, T0))), NOW)

    assert (found.ignored, found.parked, found.reading.observations) == ("acme.thing", None, ())


def test_a_fault_of_ours_is_parked_and_logged_once(caplog):
    understanding = Understanding("region1", FAULTY, largest=100_000, kept=1000)
    body = in_envelope(message("acme.broken", {}, T0))

    found = [understanding.of(delivered(body), NOW) for _ in range(3)]

    assert {one.parked.event_type for one in found} == {"acme.broken"}
    assert "fault of this program: KeyError" in found[0].parked.reason
    assert len(caplog.records) == 1


def test_the_same_message_has_the_same_id_wherever_it_was_cut(understanding):
    wide = Understanding("region1", EVENTS, largest=100_000, kept=5000)
    body = b"x" * 3000

    narrow_one, wide_one = (one.of(delivered(body), NOW).parked for one in (understanding, wide))

    assert narrow_one.id == wide_one.id
    assert (len(narrow_one.body), len(wide_one.body)) == (1000, 3000)
    assert (is_whole(narrow_one), is_whole(wide_one)) == (False, True)


def test_what_is_too_large_is_told_by_the_digest_of_all_of_it(understanding):
    one, same, other = (
        Delivery(1, "q", b"x" * 1000, 200_000, digest * 32, is_repeated=False)
        for digest in ("ab", "ab", "cd")
    )

    parked = understanding.of(one, NOW).parked

    assert (parked.size, len(parked.body)) == (200_000, 1000)
    assert parked.id == understanding.of(same, NOW).parked.id != understanding.of(other, NOW).parked.id
    assert "larger than 100000 bytes" in parked.reason


def test_each_cloud_parks_its_own_even_of_one_message(understanding):
    elsewhere = Understanding("region2", EVENTS, largest=100_000, kept=1000)

    here, there = (one.of(delivered(b"nothing"), NOW).parked for one in (understanding, elsewhere))

    assert here.id != there.id


def test_what_stays_of_the_context_is_what_the_readers_ask_for():
    whole = message("acme.thing", {"a": 1}, T0) | {"_context_project_id": "p", "_context_roles": ["admin"]}

    kept = json.loads(json.loads(without_secrets(in_envelope(whole)))["oslo.message"])

    assert kept == {
        name: one for name, one in whole.items() if name not in {"_context_auth_token", "_context_roles"}
    }


@pytest.mark.parametrize(
    "body",
    [
        b'{"oslo.message": "{\\"_context_auth_token\\": \\"gAAAAB-x_y\\", \\"a',
        b"{'_context_auth_token': 'gAAAAB-x_y'",
        b'"auth_token" : "gAAAAB-x_y"',
        b'{"admin_password": "gAAAAB-x_y"',
        json.dumps({"payload": {"trust": {"token_id": "gAAAAB-x_y"}}}).encode(),
    ],
)
def test_in_what_is_no_json_secrets_are_found_by_their_names(body):
    assert b"gAAAAB" not in without_secrets(body)


@pytest.mark.timeout(30)
@pytest.mark.parametrize("word", [b"token", b"secret_", b"passwd\\\\", b'token" '])
def test_looking_for_secrets_takes_no_longer_than_reading(word):
    """A name, or any text of a user's, can be a megabyte of one word: the broker must not wait for it."""
    body = b'"' + word * (1_000_000 // len(word))

    assert without_secrets(body) == body
