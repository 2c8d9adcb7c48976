"""Notifications come out of every envelope that services use, and nothing else does."""

import json
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usance.collector.envelope import LARGEST_BYTES, open_envelope
from usance.collector.reading import NotUnderstoodError

SENT = datetime(2026, 11, 21, 23, 57, 16, 97188, tzinfo=UTC)
MESSAGE = {
    "_context_request_id": "req-1",
    "_context_user_id": "user-1",
    "_context_project_id": "project-1",
    "_context_auth_token": "gAAAAAB-secret",
    "_context_roles": ["admin"],
    "message_id": "358766f2-e982-4783-b1a7-019d9373be9d",
    "publisher_id": "compute.compute2",
    "event_type": "compute.instance.create.end",
    "priority": "INFO",
    "payload": {"instance_id": "server-1"},
    "timestamp": "2026-11-21 23:57:16.097188",
    "_unique_id": "996a965636e542ed84a9b35fd41535ac",
}


def wrapped(message: object) -> bytes:
    return json.dumps({"oslo.version": "2.0", "oslo.message": json.dumps(message)}).encode()


def test_both_drivers_of_oslo_messaging_give_the_same_notification():
    bare = open_envelope(json.dumps(MESSAGE).encode())

    assert bare == open_envelope(wrapped(MESSAGE))
    assert bare.event_type == "compute.instance.create.end"
    assert bare.payload == {"instance_id": "server-1"}
    assert bare.timestamp == SENT
    assert (bare.request_id, bare.project_id, bare.user_id) == ("req-1", "project-1", "user-1")


def test_token_of_the_request_is_dropped():
    assert "secret" not in repr(open_envelope(wrapped(MESSAGE)))


def test_ids_of_an_old_context_are_found():
    old = {name: value for name, value in MESSAGE.items() if not name.startswith("_context_")}

    read = open_envelope(wrapped(old | {"_context_tenant": "project-2", "_context_user": "user-2"}))

    assert (read.request_id, read.project_id, read.user_id) == (None, "project-2", "user-2")


@pytest.mark.parametrize("odd", [{}, [], 5, "", "two words", "nul\0", "x" * 300, True])
def test_odd_context_tells_nothing_and_harms_nothing(odd):
    read = open_envelope(wrapped(MESSAGE | {"_context_request_id": odd, "_context_user_id": odd}))

    assert (read.request_id, read.user_id) == (None, None)


def test_bare_message_of_almanach_is_a_notification():
    body = b'{"event_type": "x.end", "timestamp": "2014-02-14T16:30:02.200000Z", "payload": {"a": 1}}'

    read = open_envelope(body)

    assert read.timestamp == datetime(2014, 2, 14, 16, 30, 2, 200000, tzinfo=UTC)
    assert read.payload == {"a": 1}


def test_message_that_almanach_put_back_has_the_time_of_its_request():
    """Almanach 4 publishes what it could not take again, half a minute later, as a new message."""
    again = MESSAGE | {"_context_retry_count": 2, "_context_timestamp": "2026-11-21T23:56:58.123456"}

    assert open_envelope(wrapped(again)).timestamp == datetime(2026, 11, 21, 23, 56, 58, 123456, tzinfo=UTC)
    assert open_envelope(wrapped(again | {"_context_retry_count": None})).timestamp == SENT


@pytest.mark.parametrize("payload", [None, [], "text", 5])
def test_payload_that_is_no_object_is_an_empty_one(payload):
    """Only its reader can tell whether that matters: most events are not read at all."""
    assert open_envelope(wrapped(MESSAGE | {"payload": payload})).payload == {}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "it is no JSON"),
        (b"\xff\xfe", "it is no JSON"),
        (b'{"event_type": "\xff"}', "it is no JSON"),
        (b'{"event_type": "\\ud800"}', "it is no JSON"),
        (b'{"event_type": "a", "payload": {"n": NaN}}', "it is no JSON"),
        (b'{"event_type": "a", "payload": {"n": 1e999}}', "it is no notification"),
        (b"[]", "it is no notification"),
        (b'"text"', "it is no notification"),
        (b'{"oslo.version": "2.0", "oslo.message": {}}', "it is no notification"),
        (b'{"oslo.version": "2.0", "oslo.message": "[]"}', "it is no notification"),
        (b'{"method": "build_and_run_instance", "args": {}}', "it is no notification"),
        (wrapped(MESSAGE | {"event_type": None}), "it is no notification"),
        (wrapped(MESSAGE | {"event_type": ["a"]}), "it is no notification"),
        (wrapped(MESSAGE | {"event_type": "a\0b"}), "it is no notification"),
        (wrapped(MESSAGE | {"event_type": "a" * 300}), "it is no notification"),
        (wrapped(MESSAGE | {"timestamp": 1_600_000_000}), "`timestamp` is no time"),
        (wrapped(MESSAGE | {"timestamp": "yesterday"}), "`timestamp` is no time"),
        (b'{"event_type": "a", "payload": ' + b"[" * 200_000 + b"]" * 200_000 + b"}", "nested too deeply"),
        (json.dumps({"oslo.message": '{"a":' * 100_000}).encode(), "nested too deeply"),
        (b" " * (LARGEST_BYTES + 1), "it is larger than"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_what_is_no_notification_is_told_as_such(body, reason):
    with pytest.raises(NotUnderstoodError, match=reason):
        open_envelope(body)


@given(st.binary(max_size=200))
def test_bytes_of_any_kind_are_read_or_not_understood(body):
    try:
        open_envelope(body)
    except NotUnderstoodError as error:
        reason = error.message
    else:
        reason = ""

    assert reason == "" or reason.isprintable()


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from([*MESSAGE, "oslo.message"]), anything))
def test_fields_of_any_type_are_read_or_not_understood(odd):
    with suppress(NotUnderstoodError):
        open_envelope(json.dumps(MESSAGE | odd).encode())
