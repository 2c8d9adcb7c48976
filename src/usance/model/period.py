"""Periods: half-open stretches of time, and the calendar months that they touch."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import msgspec

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
SECOND = timedelta(seconds=1)


def to_us(instant: datetime) -> int:
    """Return the microseconds since 1970 of an aware instant, exactly."""
    since = instant - EPOCH
    return (since.days * 86400 + since.seconds) * 1_000_000 + since.microseconds


def from_us(microseconds: int) -> datetime:
    """Return the instant, in UTC, that lies so many microseconds after 1970."""
    return EPOCH + timedelta(0, 0, microseconds)


def floor_second(instant: datetime) -> datetime:
    """Return the instant without its fraction of a second."""
    return instant.replace(microsecond=0) if instant.microsecond else instant


def epoch_seconds(instant: datetime) -> int:
    """Return the whole seconds since 1970, rounded down."""
    since = instant - EPOCH
    return since.days * 86400 + since.seconds  # a timedelta counts its days down, and the rest up


def month_start(instant: datetime) -> datetime:
    """Return the first instant, in UTC, of the calendar month that the instant lies in."""
    utc = instant if instant.tzinfo is UTC else instant.astimezone(UTC)
    return _first_instant(utc.year, utc.month)


def next_month(instant: datetime) -> datetime:
    """Return the first instant, in UTC, of the calendar month after the one that the instant lies in."""
    return month_of(instant).end


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
        """Return the calendar months (in UTC) that this period touches, each of them whole."""
        return months(self.start, self.end)


def month_of(instant: datetime) -> Period:
    """Return the calendar month, in UTC, that the instant lies in."""
    return _month(month_start(instant))


def months(start: datetime, end: datetime) -> Iterator[Period]:
    """Yield the calendar months (in UTC) that `[start, end)` touches, each of them whole."""
    month = month_of(start)
    while month.start < end:
        yield month
        month = month_of(month.end)


@lru_cache(maxsize=1200)  # a century of them
def _first_instant(year: int, month: int) -> datetime:
    return datetime(year, month, 1, tzinfo=UTC)


@lru_cache(maxsize=1200)
def _month(start: datetime) -> Period:
    return Period(start, start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1))
