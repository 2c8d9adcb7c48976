"""Whatever a server goes through, the formats, the order and the repetition of its messages don't matter."""

import json
import os
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from unit.collector.nova_messages import (
    EVENTS,
    STEPS,
    History,
    Server,
    inner,
    legacy_of,
    read,
    versioned_of,
)
from unit.model.lives import at, life
from usance.collector.envelope import open_envelope
from usance.collector.reading import NotUnderstoodError
from usance.model.resource import ACCELERATORS, BENCHMARK_TYPE, BENCHMARK_VALUE, Value
from usance.model.span import Timeline

# How often each property is tried: `USANCE_HYPOTHESIS_PROFILE=soak` for long.
TRIES = settings(max_examples=5000 if os.environ.get("USANCE_HYPOTHESIS_PROFILE") == "soak" else 80)

ONLY_VERSIONED = {ACCELERATORS, BENCHMARK_TYPE, BENCHMARK_VALUE}


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Scripted lives: some of the steps that a server's state allows, seconds to hours apart."""
    history = History()
    when = at("10:00:20") + timedelta(microseconds=draw(st.integers(1, 999_999)))
    history.create(when)
    names = st.sampled_from([*STEPS, "rename"])
    gaps = st.integers(2_000_000, 20_000_000_000)
    for name, gap in draw(st.lists(st.tuples(names, gaps), max_size=12)):
        when += timedelta(microseconds=gap)
        if name == "rename":
            history.rename(when)
        else:
            history.step(name, when)
    if draw(st.booleans()):
        history.delete((when + timedelta(seconds=60)).replace(microsecond=0))
    return history


Story = tuple[list[tuple[datetime, datetime | None, dict[str, Value]]], object]


def story(made: Timeline) -> Story:
    """Return what a timeline tells without the attributes that only versioned messages know."""
    spans: list[tuple[datetime, datetime | None, dict[str, Value]]] = []
    for span in made.spans:
        values = {name: value for name, value in span.values.items() if name not in ONLY_VERSIONED}
        if spans and spans[-1][2] == values:
            spans[-1] = (spans[-1][0], span.end, values)
        else:
            spans.append((span.start, span.end, values))
    doubts = [one for one in made.doubts if one.attribute not in ONLY_VERSIONED]
    known = [one for one in made.described if not one.attribute.startswith("os_")]
    return spans, (made.begin, made.end, made.launched, doubts, made.anomalies, known)


@TRIES
@given(histories())
def test_legacy_or_versioned_or_both_tell_the_same_life(history):
    both = life(*read(*history.messages))

    assert story(life(*read(*legacy_of(history.messages)))) == story(both)
    assert story(life(*read(*versioned_of(history.messages)))) == story(both)
    assert not [one for one in both.doubts if one.attribute not in ONLY_VERSIONED]
    assert not both.anomalies


@TRIES
@given(histories(), st.randoms(use_true_random=False))
def test_order_and_repetition_of_messages_make_no_difference(history, random):
    shuffled = history.messages + random.choices(history.messages, k=5)
    random.shuffle(shuffled)

    assert life(*read(*shuffled)) == life(*read(*history.messages))


@TRIES
@given(histories())
def test_updates_change_nothing_that_the_ends_of_actions_tell(history):
    assert life(*read(*history.messages, *history.updates)).spans == life(*read(*history.messages)).spans


@TRIES
@given(histories())
def test_updates_tell_the_states_where_the_ends_were_lost(history):
    """Then they are known within their second."""
    kept = [one for one in history.messages if "create" in one["event_type"] or "delete" in one["event_type"]]
    full = [(start, values["state"]) for start, _, values in story(life(*read(*history.messages)))[0]]
    lost = [(start, values["state"]) for start, _, values in story(life(*read(*kept, *history.updates)))[0]]

    assert _states(lost) == _states(full)


def _states(spans: list[tuple[datetime, Value]]) -> list[Value]:
    found: list[Value] = []
    for _, state in spans:
        if not found or found[-1] != state:
            found.append(state)
    return found


_hostile = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([2**63, -(2**63), 2**64, 10**300, 1e308, -0.5])
    | st.text(max_size=30)
    | st.sampled_from(
        [
            "\0",
            "\x1b[2J",
            "a\nb",
            "x" * 1_000_000,
            "1969-12-31T00:00:00Z",
            "2300-01-01 00:00:00",
            "'; --",
            "\u202e",
        ]
    )
    | st.lists(st.integers() | st.text(max_size=5), max_size=3)
    | st.dictionaries(st.text(max_size=10), st.none() | st.integers() | st.text(max_size=10), max_size=3)
)
_fields = list(Server().legacy("x", at("10:00"), "r")["payload"])
_fields += list(Server().versioned("x", at("10:00"), "r")["payload"]["nova_object.data"])
_fields += ["old_state", "old_display_name", "state_update", "audit_period", "audit_period_ending"]
_fields += ["instance_properties", "request_spec", "instance_uuid"]


@TRIES
@given(
    event=st.sampled_from(list(EVENTS)),
    odd=st.dictionaries(st.sampled_from(_fields), _hostile, max_size=4),
    inside=st.dictionaries(
        st.sampled_from(["name", "vcpus", "root_gb", "extra_specs", "audit_period_ending", "state"]), _hostile
    ),
    timestamp=st.sampled_from(["2026-11-20 12:00:00.5", None, "", "2026-11-20"]) | _hostile,
)
def test_hostile_payloads_are_read_or_not_understood(event, odd, inside, timestamp):
    server = Server()
    server.state = "active"
    legacy = server.legacy("x", at("12:00"), "req-1", **odd)
    versioned = server.versioned("x", at("12:00"), "req-1", **odd)
    data = versioned["payload"]["nova_object.data"]
    for name in ("flavor", "state_update", "audit_period"):
        if name not in odd:
            data[name] = inner("X", (data[name]["nova_object.data"] if name == "flavor" else {}) | inside)
    for message in (legacy, versioned):
        _survives(message | {"event_type": event, "timestamp": timestamp})


@TRIES
@given(st.sampled_from(list(EVENTS)), _hostile | st.dictionaries(st.text(max_size=8), _hostile, max_size=3))
def test_payload_of_anything_is_read_or_not_understood(event, payload):
    message = {"event_type": event, "timestamp": "2026-11-20 12:00:00", "payload": payload}
    _survives(message)
    _survives(message | {"payload": {"nova_object.data": payload}})


def _survives(message: dict[str, Any]) -> None:
    """Read a message; what it says can be kept by any database."""
    try:
        notification = open_envelope(json.dumps(message).encode())
        reading = EVENTS[notification.event_type].reader(notification, "cloud-1")
    except NotUnderstoodError as error:
        reason, said = error.message, ()
    else:
        reason, said = "", reading.observations
    assert len(reason) < 400
    for one in said:
        assert len(one.key) == 32
        for value in (
            one.resource.id,
            one.resource.project_id,
            *one.accounted.values(),
            *one.described.values(),
        ):
            if isinstance(value, str):
                assert "\0" not in value
                assert len(value) < 17_000
            else:
                assert 0 <= value < 2**31
