"""Days that were summed up, and of which something says otherwise since."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import Connection

from usance.ledger import schema
from usance.ledger.counting import DAY_US, FIRST_DAY
from usance.ledger.upserting import bulk_upsert
from usance.model.period import to_us
from usance.model.span import Span, Timeline

Difference = tuple[int, int | None]
"""From which microsecond to which two versions of a timeline say different things; None: endless."""


def mark_dirty(
    connection: Connection,
    place: tuple[str, str, str],
    revision: int,
    rolled_day: int,
    changes: Iterable[tuple[Timeline | None, Timeline]],
) -> None:
    """Note the days that are to be summed up again, as timelines became others in a revision.

    *place* is project, cloud and kind; the project's lock is held. *changes* are what timelines were,
    and are; only days before *rolled_day* were summed up.
    """
    days: set[int] = set()
    for before, after in changes:
        difference = difference_of(before, after)
        if difference is not None:
            first_us, last_us = difference
            last = rolled_day if last_us is None else min(last_us // DAY_US + 1, rolled_day)
            days.update(range(max(first_us // DAY_US, FIRST_DAY), last))
    if days:
        bulk_upsert(connection, schema.dirty_day, [(*place, day, revision) for day in sorted(days)])


def difference_of(before: Timeline | None, after: Timeline) -> Difference | None:
    """Return from when to when two versions of a timeline may count differently; None: they don't.

    The end belongs to it: a life that begins at midnight is one that begins on that day.
    """
    if before is None:
        return _of_spans((), after.spans)
    differences = [
        _of_spans(before.spans, after.spans),
        _lives(before, after) if before.launched != after.launched else None,
        *(_stretch(one.start, one.end) for one in set(before.doubts) ^ set(after.doubts)),
    ]
    found = [one for one in differences if one is not None]
    if not found:
        return None
    ends = [end for _, end in found]
    return (
        min(start for start, _ in found),
        None if None in ends else max(end for end in ends if end is not None),
    )


def _lives(before: Timeline, after: Timeline) -> Difference:
    """Return all of a life; of its spans only the last may be there."""
    ends = [one.end for one in (before, after) if one.end is not None]
    return to_us(min(before.begin, after.begin)), to_us(max(ends)) if len(ends) == 2 else None


def _stretch(start: datetime, end: datetime | None) -> Difference:
    return to_us(start), None if end is None else to_us(end)


def _of_spans(before: Sequence[Span], after: Sequence[Span]) -> Difference | None:
    """Return where two rows of spans differ, each of them without a gap."""
    equal = 0
    for one, other in zip(before, after, strict=False):
        if one != other:
            break
        equal += 1
    before, after = before[equal:], after[equal:]
    equal = 0
    for one, other in zip(reversed(before), reversed(after), strict=False):
        if one != other:
            break
        equal += 1
    before, after = before[: len(before) - equal], after[: len(after) - equal]
    if not before and not after:
        return None
    starts = [to_us(spans[0].start) for spans in (before, after) if spans]
    ends = [one.end for one in (*before, *after)]
    first_us = min(starts)
    last_us = None if None in ends else max(to_us(end) for end in ends if end is not None)
    if before and after:
        one, other = before[0], after[0]
        if one.start == other.start and one.values == other.values:
            first_us = min(to_us(end) for end in (one.end, other.end) if end is not None)
        one, other = before[-1], after[-1]
        if one.end == other.end and one.values == other.values:
            last_us = max(to_us(one.start), to_us(other.start))
    return first_us, last_us
