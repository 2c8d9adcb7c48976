"""Where one timeline of a resource says something else than another: pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final

import msgspec

from usance.model.period import Period
from usance.model.resource import FLAVOR, FLAVOR_ATTRIBUTES, Value
from usance.model.span import LIFE, Timeline

APART: Final = timedelta(seconds=2)
"""What lies no further apart is the same: services cut or round times to whole seconds, and an event
is sent a moment after its row is saved."""

MISSING: Final = "missing"  # of a resource: nobody knows of it
BEGIN: Final = "begin"
END: Final = "end"


class Gap(msgspec.Struct, frozen=True):
    """A stretch in which one timeline says something else than another."""

    what: str  # MISSING, BEGIN, END, or an accounted attribute
    start: datetime
    end: datetime | None  # None: it goes on
    # It is inferred when it happened: after this, and at `start` at the latest. None: it is dated.
    not_before: datetime | None = None

    def is_in(self, period: Period) -> bool:
        """Whether it is there in a period, its last instant too, for longer than what counts as the same."""
        start = max(self.start, period.start)
        return start <= period.end and (self.end is None or self.end - start > APART)


def gaps(before: Timeline | None, after: Timeline | None, *, expected: Collection[str] = ()) -> list[Gap]:
    """Return what *after* tells that *before* lacks, or has otherwise.

    What *before* never asserted of a resource that it knows is no gap, unless it is *expected* to tell
    that; and neither is what *after* can only guess.
    """
    if after is None or before == after:
        return []
    if before is None:
        return [Gap(MISSING, after.begin, after.end, _not_before(after, LIFE, after.begin))]
    found = [*_begin_gap(before, after), *_end_gap(before, after)]
    names = {name for span in before.spans for name in span.values}
    names.update(name for span in after.spans for name in span.values if name in expected)
    attributes = [gap for name in sorted(names) for gap in _attribute_gaps(before, after, name)]
    resized = [gap for gap in attributes if gap.what == FLAVOR]
    return found + [one for one in attributes if not _comes_with(one, resized)]


def value_at(life: Timeline, name: str, moment: datetime) -> Value | None:
    """Return the value of an attribute at a moment; None outside the life, or if it is not known."""
    if moment < life.begin or (life.end is not None and moment >= life.end):
        return None
    return _Steps(life, name).at(moment)


def _begin_gap(before: Timeline, after: Timeline) -> Iterator[Gap]:
    if abs(before.begin - after.begin) > APART:
        first, last = sorted((before.begin, after.begin))
        yield Gap(BEGIN, first, last, _not_before(after, LIFE, after.begin))


def _end_gap(before: Timeline, after: Timeline) -> Iterator[Gap]:
    if before.end == after.end:
        return
    if before.end is None or after.end is None:
        start = after.end or before.end
        if start is not None:
            yield Gap(END, start, None, _not_before(after, LIFE, start))
    elif abs(before.end - after.end) > APART:
        first, last = sorted((before.end, after.end))
        yield Gap(END, first, last, _not_before(after, LIFE, after.end))


def _attribute_gaps(before: Timeline, after: Timeline, name: str) -> Iterator[Gap]:
    """Yield where an attribute differs, in the life that both tell."""
    start = max(before.begin, after.begin)
    end = min((one for one in (before.end, after.end) if one is not None), default=None)
    old, new = _Steps(before, name), _Steps(after, name)
    cuts = {start, *(one for one in (*old.starts, *new.starts) if one > start)}
    pair: tuple[Value | None, Value | None] = (None, None)
    begun = start
    for moment in sorted(one for one in cuts if end is None or one < end):
        here = old.at(moment), new.at(moment)
        if here != pair:
            if pair[0] != pair[1]:
                yield from _told(Gap(name, begun, moment), after)
            pair, begun = here, moment
    if pair[0] != pair[1]:
        yield from _told(Gap(name, begun, end), after)


def _told(gap: Gap, after: Timeline) -> Iterator[Gap]:
    """Yield a gap unless *after* guesses all the way: what nobody can tell contradicts nobody."""
    if not any(
        one.attribute == gap.what
        and one.start <= gap.start
        and (one.end is None or (gap.end is not None and one.end >= gap.end))
        for one in after.doubts
    ):
        yield msgspec.structs.replace(gap, not_before=_not_before(after, gap.what, gap.start))


def _not_before(life: Timeline, attribute: str, at: datetime) -> datetime | None:
    """Return since when an inferred change may have been so; None if it is dated."""
    return next((one.start for one in life.doubts if one.attribute == attribute and one.end == at), None)


def _comes_with(gap: Gap, resized: Iterable[Gap]) -> bool:
    """Whether it is what comes with a flavor, and is told by the flavor's name already."""
    return (
        gap.what in FLAVOR_ATTRIBUTES
        and gap.what != FLAVOR
        and any(
            one.start <= gap.start and (one.end is None or (gap.end is not None and gap.end <= one.end))
            for one in resized
        )
    )


class _Steps:
    """The values of one attribute, and since when each is so."""

    def __init__(self, life: Timeline, name: str) -> None:
        self.starts = [span.start for span in life.spans]
        self._values = [span.values.get(name) for span in life.spans]

    def at(self, moment: datetime) -> Value | None:
        place = bisect_right(self.starts, moment) - 1
        return self._values[place] if place >= 0 else None
