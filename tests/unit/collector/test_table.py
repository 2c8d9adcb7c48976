"""Which types of events something is made of, and what an operator's file says of others."""

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pages import blocks
from said import at
from unit.collector.nova_messages import real
from usance.collector import document
from usance.collector.irrelevant import IRRELEVANT
from usance.collector.reading import NOTHING, Notification, NotUnderstoodError
from usance.collector.table import EVENTS, load_events, read
from usance.config.settings import FlavorKeys
from usance.model.errors import ConfigurationError

PAGE = Path(__file__).parents[3] / "docs" / "howto" / "own-events.md"
REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "events.md"
NAMED = Notification(
    "volume_type.create", {"volume_types": {"id": "type-ssd", "name": "ssd"}}, at("10:00"), request_id="req-1"
)


def of_type(event_type):
    return Notification(event_type, NAMED.payload, at("10:00"))


def test_the_reference_is_generated():
    """After a change: python -m usance.collector.document > docs/reference/events.md."""
    assert REFERENCE.read_text(encoding="utf-8") == document.document()


def test_every_type_stands_once_and_says_what_it_does():
    assert len({*EVENTS}) == len(EVENTS) > 80
    assert all(one.effect and one.service and one.type == name for name, one in EVENTS.items())


def test_a_type_is_read_or_known_to_change_nothing_or_unknown():
    assert read(NAMED, "region1").names[0].name == "ssd"
    assert read(of_type("port.update.end"), "region1") is NOTHING
    assert read(of_type("compute.instance.resize.start"), "region1") is NOTHING
    assert read(of_type("dns.zone.create"), "region1") is None
    assert EVENTS.get("dns.zone.create") is None


def test_what_is_read_comes_before_what_changes_nothing():
    """A transfer's begin is seen in the project that gives the volume away, though it is a `.start`."""
    for event_type in (
        "volume.transfer.accept.start",
        "compute.instance.create.start",
        "identity.user.created",
    ):
        assert EVENTS[event_type].type == event_type


@pytest.mark.parametrize("event_type", ["Port.update.end", "xport.update.end", "port", "volume.create", ""])
def test_a_pattern_stands_for_whole_types(event_type):
    assert EVENTS.get(event_type) is None


def test_no_pattern_hides_a_volume_an_image_or_a_floating_ip():
    """What a newer service may say of what is accounted is unknown, not irrelevant."""
    for event_type in ("volume.shrink.end", "image.convert", "floatingip.transfer.end", "snapshot.copy.end"):
        assert EVENTS.get(event_type) is None


def test_all_patterns_are_well_formed():
    patterns = [pattern for one in IRRELEVANT for pattern in one.patterns]

    assert len(patterns) == len(set(patterns))
    assert all("*" not in pattern.strip("*") and pattern.strip("*") for pattern in patterns)


@given(st.lists(st.text(max_size=20), max_size=30))
def test_any_type_is_answered_the_same_each_time(types):
    assert [EVENTS.get(one) for one in types] == [EVENTS.get(one) for one in types]


# --- an operator's file ---------------------------------------------------------------------------


@pytest.fixture
def load(tmp_path):
    def load(text):
        path = tmp_path / "events.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_events(path)

    return load


def test_types_of_an_operators_own(load):
    events = load("""
        events:
          acme.type.named: volume_type.create
          acme.heartbeat: ignore
          "acme.debug.*": ignore
          "*.billing": park
          volume_type.update: ignore
          port.create.end: park
    """)

    assert read(of_type("acme.type.named"), "region1", events) == read(NAMED, "region1")
    assert read(of_type("acme.heartbeat"), "region1", events) is NOTHING
    assert read(of_type("acme.debug.a.b"), "region1", events) is NOTHING
    assert read(of_type("volume_type.update"), "region1", events) is NOTHING
    assert read(of_type("acme.other"), "region1", events) is None
    assert read(of_type("subnet.create.end"), "region1", events) is NOTHING
    for parked in ("acme.billing", "port.create.end"):
        with pytest.raises(NotUnderstoodError, match="to be parked"):
            read(of_type(parked), "region1", events)


def test_an_operators_pattern_comes_before_ours_and_after_whole_types(load):
    events = load("events: {'port.*': park, 'volume*': park}")

    assert read(NAMED, "region1", events) == read(NAMED, "region1")
    for parked in ("port.update.end", "volume.revert.end"):
        with pytest.raises(NotUnderstoodError):
            read(of_type(parked), "region1", events)


def test_without_a_file_there_is_the_table_alone():
    assert dict(load_events(None)).keys() == dict(EVENTS).keys()


def test_flavors_are_read_by_the_keys_that_are_configured():
    """Those of the pull source: the two would contradict each other for ever."""
    keys = FlavorKeys(benchmark_type=("site:benchmark",))
    payload = real("instance.create.end")["payload"]
    payload["nova_object.data"]["flavor"]["nova_object.data"]["extra_specs"] = {
        "site:benchmark": "HEPscore23",
        "accounting:benchmark_value": "20",
    }
    message = Notification("instance.create.end", payload, at("10:00"))

    found = [
        read(message, "region1", events).observations[0].accounted["benchmark_type"]
        for events in (load_events(None), load_events(None, keys))
    ]

    assert found == ["", "HEPscore23"]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "has no `events:`"),
        ("events:", "line 1: `events` is no mapping"),
        ("- events", "line 1: the file is no mapping"),
        ("events: {}\nevent: {}", "line 2: unknown key 'event'"),
        ("other: {}", "line 1: unknown key 'other'"),
        ("events:\n  a.b: volume.creat.end", "line 2: a.b is said to be 'volume.creat.end'"),
        ("events:\n  a.b: Ignore", "line 2: a.b is said to be 'Ignore'"),
        ("events:\n  a.b: ignore\n  a.b: park", "line 3: 'a.b' stands in line 2 already"),
        ("events:\n  a.b: yes", "line 2: what 'a.b' means is no text"),
        ("events:\n  a.b: [ignore]", "line 2: what 'a.b' means is no text"),
        ("events:\n  a.b:", "line 2: what 'a.b' means is no text"),
        ("events:\n  1: ignore", "line 2: a key is no text"),
        ("events:\n  'a b': ignore", "line 2: 'a b' is no type of event"),
        ("events:\n  '': ignore", "line 2: '' is no type of event"),
        ("events:\n  'a.*.b': ignore", "line 2: 'a.*.b': a * stands at the begin or the end"),
        ("events:\n  '*': ignore", "line 2: '*': a * stands at the begin or the end"),
        ("events:\n  'a.*': volume.create.end", "line 2: 'a.*' stands for many types"),
        ("events:\n  a.b: ignore\n c: d", "line 3: this is no YAML"),
        ("events: &a {b.c: *a}", "line 1: what 'b.c' means is no text"),
        ("events: {a.b: !!python/object:os.system ignore}", "line 1: what 'a.b' means is no text"),
        ("events: {}\n---\nevents: {}", "line 2: this is no YAML"),
        (b"events: {a\xff: ignore}", "is not in UTF-8"),
        (b"events: {a: \x00}", "is no YAML"),
        ("[" * 100_000, "is no YAML"),
        (b" " * (1 << 20) + b" ", "is larger than"),
    ],
)
def test_a_mistake_in_the_file_is_told_with_its_line(load, text, error):
    with pytest.raises(ConfigurationError) as raised:
        load(text)

    assert error in str(raised.value)


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(ConfigurationError, match="can't be read"):
        load_events(tmp_path / "none.yaml")


@given(st.dictionaries(st.text(max_size=12), st.text(max_size=12) | st.integers(), max_size=4))
def test_any_file_is_read_or_refused(tmp_path_factory, events):
    path = tmp_path_factory.mktemp("events") / "events.yaml"
    path.write_text(json.dumps({"events": events}), encoding="utf-8", errors="replace")

    with contextlib.suppress(ConfigurationError):
        load_events(path)


def test_the_file_of_the_guide_is_as_the_guide_says(load):
    (example,) = (one for one in blocks(PAGE) if one.kind == "yaml")

    events = load(example.body)

    assert events["acme.volume.made"].reader is EVENTS["volume.create.end"].reader
    assert read(of_type("acme.debug.noise"), "region1", events) is NOTHING
    with pytest.raises(NotUnderstoodError):
        read(of_type("acme.invoice"), "region1", events)
