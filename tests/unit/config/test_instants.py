"""Instants as people write them."""

import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usance.config.instants import parse_instant

DAY = datetime(2026, 11, 21, tzinfo=UTC)
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-11-21", DAY),
        ("20261121", DAY),
        ("2026/11/21", DAY),
        ("21 Nov 2026", DAY),
        ("November 21, 2026", DAY),
        ("2026-11-21 12:00", NOON),
        ("2026-11-21T12:00", NOON),
        ("2026-11-21T12:00:00Z", NOON),
        ("2026-11-21 12:00 UTC", NOON),
        ("2026-11-21 12:00:00 GMT", NOON),
        ("2026-11-21T14:00:00+02:00", NOON),
        ("2026-11-21 14:00:00 +0200", NOON),
        ("2026-11-21T07:00-05:00", NOON),
        ("21 Nov 2026 14:00 +0200", NOON),
        (" 2026-11-21  12:00 ", NOON),
        ("2026-11-21 12:00:00.250000+00:00", NOON.replace(microsecond=250000)),
    ],
)
def test_the_usual_forms(text, instant):
    assert parse_instant(text) == instant
    assert parse_instant(text).tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "",
        "None",
        "yesterday",
        "11/12/2026",
        "2026-11",
        "2026",
        "12:00",
        "2026-02-30",
        "0001-01-01T00:00+02:00",
        "9999-12-31T23:59-02:00",
        "2026-11-21T25:00",
        "2026-11-21\0",
        "x" * 10_000,
    ],
)
def test_what_is_ambiguous_or_no_time_is_refused(text):
    with pytest.raises(ValueError, match=r"^it "):
        parse_instant(text)


@given(
    st.datetimes(datetime(1970, 1, 1), datetime(9000, 1, 1), timezones=st.timezones())  # noqa: DTZ001 - Hypothesis wants bounds without a zone
)
def test_what_python_prints_is_read_back(instant):
    assert parse_instant(str(instant)) == instant.astimezone(UTC)


@given(st.text(max_size=80))
def test_any_text_is_an_instant_or_a_sentence(text):
    found = None
    with contextlib.suppress(ValueError):
        found = parse_instant(text)

    assert found is None or found.tzinfo is UTC
