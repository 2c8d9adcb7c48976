"""Fields of payloads are what they should be, or the message is not understood."""

import json
from datetime import UTC, datetime

import pytest

from usance.collector.fields import (
    LARGEST,
    LONGEST_METADATA,
    identifier,
    integer,
    metadata_text,
    optional_identifier,
    optional_integer,
    optional_text,
    section,
    sections,
)
from usance.collector.reading import NotUnderstoodError
from usance.collector.times import Instant, instant

DAY = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "at", "resolution_us"),
    [
        ("2026-11-21 23:06:11+00:00", DAY.replace(hour=23, minute=6, second=11), 1_000_000),
        ("2026-11-21T23:06:33.000000", DAY.replace(hour=23, minute=6, second=33), 1_000_000),
        ("2026-11-21T23:06:04Z", DAY.replace(hour=23, minute=6, second=4), 1_000_000),
        ("2026-11-21 23:00:00", DAY.replace(hour=23), 1_000_000),
        ("2026-11-21 23:57:16.097188", DAY.replace(hour=23, minute=57, second=16, microsecond=97188), 0),
        ("2026-11-21T01:30:00.5+02:00", datetime(2026, 11, 20, 23, 30, 0, 500_000, tzinfo=UTC), 0),
        ("1970-01-01T00:00:00Z", datetime(1970, 1, 1, tzinfo=UTC), 1_000_000),
        ("2199-12-31T23:59:59.999999Z", datetime(2199, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), 0),
    ],
)
def test_times_of_all_forms_are_instants(written, at, resolution_us):
    assert instant({"at": written}, "at") == Instant(at, resolution_us)


@pytest.mark.parametrize("payload", [{}, {"at": None}, {"at": ""}, {"at": "None"}])
def test_missing_time_is_none(payload):
    assert instant(payload, "at") is None


@pytest.mark.parametrize(
    "written",
    [
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00+01:00",
        "2200-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "2026-11-21",
        "2026-W47-6T23:00:00",
        "20261121T230000",
        "2026-13-21T23:00:00",
        "2026-11-21T25:00:00",
        "2026-11-21T23:00:00" + "0" * 100,
        "2026-11-21T23:00:00\0",
        "\uff12\uff10\uff12\uff16-11-21T23:00:00",
        "now",
        1_600_000_000,
        1.5,
        True,
        [],
        {},
    ],
)
def test_what_is_no_time_is_not_understood(written):
    with pytest.raises(NotUnderstoodError, match="`at`"):
        instant({"at": written}, "at")


@pytest.mark.parametrize("written", ["two words", "nul\0", "line\n", "x" * 256, 5, [], {}, True, "\ud800"])
def test_what_is_no_id_is_not_understood(written):
    with pytest.raises(NotUnderstoodError, match="`id`"):
        optional_identifier({"id": written}, "id")


@pytest.mark.parametrize("payload", [{}, {"id": None}, {"id": ""}])
def test_missing_id_is_named(payload):
    assert optional_identifier(payload, "id") is None
    with pytest.raises(NotUnderstoodError, match="`id` is missing"):
        identifier(payload, "id")


def test_text_is_cut_and_cleaned():
    assert optional_text({"name": " a\0b\n\x1b[31m" + "c" * 2000}, "name", 11) == "a b  [31mc"
    assert optional_text({"name": "\0\n"}, "name") is None
    with pytest.raises(NotUnderstoodError, match="`name` is no text"):
        optional_text({"name": {"a": 1}}, "name")


@pytest.mark.parametrize(
    ("written", "number"), [(0, 0), (LARGEST, LARGEST), ("12", 12), ("", None), (None, None)]
)
def test_amounts_are_whole_numbers(written, number):
    assert optional_integer({"n": written}, "n") == number


@pytest.mark.parametrize(
    "written", [-1, LARGEST + 1, 10**40, 1.0, True, "1.5", "-1", "²", "9" * 5000, [], {}]
)
def test_what_is_no_amount_is_not_understood(written):
    with pytest.raises(NotUnderstoodError, match="`n`"):
        optional_integer({"n": written}, "n")
    with pytest.raises(NotUnderstoodError, match="`n` is missing"):
        integer({}, "n")


def test_objects_and_lists_are_checked():
    assert section({"a": {"b": 1}}, "a") == {"b": 1}
    assert section({"a": None}, "a") == {}
    assert sections({"a": [{"b": 1}]}, "a") == [{"b": 1}]
    assert sections({}, "a") == []
    for odd in ("text", 5, [1], [None]):
        with pytest.raises(NotUnderstoodError, match="`a`"):
            sections({"a": odd}, "a")
    with pytest.raises(NotUnderstoodError, match="`a` has 5000 items"):
        sections({"a": [{}] * 5000}, "a")
    with pytest.raises(NotUnderstoodError, match="`a` is no object"):
        section({"a": []}, "a")


def test_metadata_is_canonical_and_bounded():
    assert metadata_text({"m": {"b": "2", "a": "1"}}, "m") == '{"a":"1","b":"2"}'
    assert metadata_text({"m": {"a": ["x"], "b": None, "c": 10**30, "d": "nul\0"}}, "m") == '{"d":"nul"}'
    for empty in ([], ["x"], None, "", {}, 5, "text"):
        assert metadata_text({"m": empty}, "m") == "{}"
    endless = {f"key-{number}": "v" * 2000 for number in range(1000)}
    assert len(metadata_text({"m": endless}, "m")) <= LONGEST_METADATA
    assert json.loads(metadata_text({"m": endless}, "m"))
