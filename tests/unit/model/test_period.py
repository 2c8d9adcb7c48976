"""Periods and the months that they touch."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usance.model.period import EPOCH, Period, epoch_seconds, from_us, month_start, next_month, to_us


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_months_are_whole_and_cover_every_month_that_the_period_touches():
    period = Period(at("2026-11-30T23:59:59"), at("2027-01-01T00:00:00"))

    months = list(period.months())

    assert months == [
        Period(at("2026-11-01"), at("2026-12-01")),
        Period(at("2026-12-01"), at("2027-01-01")),
    ]


def test_a_period_that_ends_before_it_starts_is_refused():
    with pytest.raises(ValueError, match="before it starts"):
        Period(at("2026-02-01"), at("2026-01-01"))


def test_clip_is_half_open():
    period = Period(at("2026-01-01"), at("2026-02-01"))

    assert period.clip(at("2026-02-01"), None) is None
    assert period.clip(at("2025-12-31"), at("2026-01-01")) is None
    assert period.clip(at("2026-01-31"), None) == Period(at("2026-01-31"), at("2026-02-01"))


def test_microseconds_survive_the_way_to_the_ledger_and_back():
    instant = datetime(2026, 11, 22, 1, 2, 3, 456789, tzinfo=UTC)

    assert from_us(to_us(instant)) == instant
    assert epoch_seconds(instant) == to_us(instant) // 1_000_000


def test_december_is_followed_by_january():
    assert next_month(at("2026-12-31T23:59:59")) == at("2027-01-01")
    assert month_start(at("2026-12-31T23:59:59")) == at("2026-12-01")


@given(st.integers(min_value=-(10**16), max_value=10**17))
def test_instants_are_counted_exactly(microseconds):
    instant = from_us(microseconds)

    assert instant == EPOCH + timedelta(microseconds=microseconds)
    assert to_us(instant) == microseconds
    assert epoch_seconds(instant) == microseconds // 1_000_000
