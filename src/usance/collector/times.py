"""The times that services write into their messages, as instants."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from usance.collector.reading import NotUnderstoodError

WHOLE_SECOND_US: Final = 1_000_000

FIRST: Final = datetime(1970, 1, 1, tzinfo=UTC)
BEYOND: Final = datetime(2200, 1, 1, tzinfo=UTC)
"""No message tells of anything earlier than the first, nor as late as the second."""

_SHORTEST, _LONGEST = len("2026-11-21T23:06:04"), len("2026-11-21T23:06:04.123456789+00:00")
_DATE_ENDS = ("--T", "-- ")
_FINE = len("2026-11-21T23:06:04.123456")


class Instant(msgspec.Struct, frozen=True):
    """An instant of the cloud, and how finely it is known."""

    at: datetime  # aware, in UTC
    resolution_us: int  # 0 for microseconds, 1_000_000 for whole seconds


def instant(payload: dict[str, Any], name: str) -> Instant | None:
    """Return the instant of a field; None if it is absent, null or empty.

    Services write `2026-11-21 23:06:11+00:00`, `2026-11-21T23:06:33.000000`,
    `2026-11-21T23:06:04Z` and `2026-11-21 23:00:00`; one without a zone is in UTC. What has no fraction, or
    one of zeros, is a whole second out of a database: a microsecond that happens to be 0 is too rare
    to be told apart from it. Raises NotUnderstoodError for anything else.
    """
    written = payload.get(name)
    if written in (None, "", "None"):  # as Python prints what is missing
        return None
    at = parse(written, name)
    return Instant(at, 0 if at.microsecond else WHOLE_SECOND_US)


def parse(written: object, name: str) -> datetime:
    """Return a time as an aware instant in UTC; *name* is what an error calls it."""
    if not isinstance(written, str):
        raise NotUnderstoodError(f"`{name}` is no time, but of the type {type(written).__name__}")
    if not _has_shape(written):
        raise NotUnderstoodError(f"`{name}` is no time: {written[:40]!r}")
    try:
        # To give an instant another zone takes three times as long as to read it.
        at = datetime.fromisoformat(written + "Z" if _has_no_zone(written) else written)
        if at.tzinfo is not UTC:
            at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise NotUnderstoodError(f"`{name}` is no time: {written[:40]!r}") from None
    if not FIRST <= at < BEYOND:
        raise NotUnderstoodError(f"`{name}` lies outside the years 1970 to 2199: {written[:40]!r}")
    return at


def _has_no_zone(written: str) -> bool:
    """Whether a time clearly ends with its seconds, or with six digits of a fraction."""
    length = len(written)
    return length == _SHORTEST or (length == _FINE and written[_SHORTEST + 1 :].isdigit())


def _has_shape(written: str) -> bool:
    """Whether it is a date and a time: ISO 8601 also knows weeks, bare dates, and times without seconds."""
    return (
        _SHORTEST <= len(written) <= _LONGEST
        and written[4:11:3] in _DATE_ENDS
        and written[13:17:3] == "::"
        and written.isprintable()  # Python takes a NUL at the end
    )
