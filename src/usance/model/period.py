"""Periods: half-open stretches of time, and the calendar months that they touch."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
SECOND = timedelta(seconds=1)


def to_us(instant: datetime) -> int:
    """Return the microseconds since 1970 of an aware instant, exactly."""
    return (instant - EPOCH) // MICROSECOND


def from_us(microseconds: int) -> datetime:
    """Return the instant, in UTC, that lies so many microseconds after 1970."""
    return EPOCH + timedelta(microseconds=microseconds)


def floor_second(instant: datetime) -> datetime:
    """Return the instant without its fraction of a second."""
    return instant.replace(microsecond=0)


def epoch_seconds(instant: datetime) -> int:
    """Return the whole seconds since 1970, rounded down."""
    return (instant - EPOCH) // SECOND


def month_start(instant: datetime) -> datetime:
    """Return the first instant, in UTC, of the calendar month that the instant lies in."""
    utc = instant.astimezone(UTC)
    return datetime(utc.year, utc.month, 1, tzinfo=UTC)


def next_month(instant: datetime) -> datetime:
    """Return the first instant, in UTC, of the calendar month after the one that the instant lies in."""
    start = month_start(instant)
    return start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)


class Period(msgspec.Struct, frozen=True, order=True):
    """The stretch `[start, end)`; both aware and in UTC."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("a period needs aware instants")
        if self.end < self.start:
            raise ValueError(f"a period can't end ({self.end}) before it starts ({self.start})")

    def clip(self, start: datetime, end: datetime | None) -> Period | None:
        """Return the part of `[start, end)` that lies in this period; None if there is none."""
        first = max(self.start, start)
        last = self.end if end is None else min(self.end, end)
        return Period(first, last) if first < last else None

    def months(self) -> Iterator[Period]:
        """Yield the calendar months (in UTC) that this period touches, each of them whole."""
        start = month_start(self.start)
        while start < self.end:
            end = next_month(start)
            yield Period(start, end)
            start = end
