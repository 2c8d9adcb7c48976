"""The track of one attribute through a life: exact claims, and sightings checked against them.

A track is a row of stretches. Exact claims make them; a sighting confirms them, tells what a
claim left untold, fills what nobody claimed, or begins an inferred stretch (TIMELINE, rules 5 to 7).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec

from usance.model.claims import Claim
from usance.model.resource import Value


class Glimpse(msgspec.Struct, frozen=True, gc=False):
    """The value of one attribute at some moment of `[begin, end]`."""

    begin: datetime
    end: datetime
    value: Value


class Track(msgspec.Struct, frozen=True):
    """How one attribute went: its changes, from the begin of the life on, and what is inferred of it."""

    changes: tuple[tuple[datetime, Value], ...]  # ordered by time; empty: it was never known
    doubts: tuple[tuple[datetime, datetime | None], ...]


class _Stretch(msgspec.Struct):
    """One stretch of a track; it ends where the next one starts."""

    start: datetime
    begin: datetime  # of the action that ended at `start`
    value: Value | None  # None: not known yet
    evidence: datetime  # until then the value is certain
    inferred_since: datetime | None = None  # made by a sighting: it may have begun at any moment since then
    claimed: bool = True  # False: nobody claimed anything here; it lasts from the creation to the first claim
    doubt_until: datetime | None = None  # the value is inferred from `start` until then
    doubtful: bool = False  # the value is inferred all the way
    corrected: bool = False  # somebody stated it against what was reported: no sighting changes it


def track(
    claims: Sequence[Claim],
    glimpses: Sequence[Glimpse],
    *,
    begin: datetime,
    end: datetime | None,
    tolerance: timedelta,
) -> Track:
    """Return the track of an attribute in the life `[begin, end)`.

    *claims* are in order (:func:`usance.model.claims.in_order`); *glimpses* are ordered by the end
    and the begin of their windows, which lie in the life. One whose window is `[end, end]` says
    what was so when the life ended.
    """
    row = _Row(_stretches(claims, begin), tolerance)
    if row.has_untold:
        row.tell_untold(glimpses, end)
    for glimpse in glimpses:
        row.check(glimpse)
    row.fill()
    return Track(_changes(row.stretches, begin, end), _doubts(row, begin, end))


def _stretches(claims: Sequence[Claim], begin: datetime) -> list[_Stretch]:
    stretches = [_Stretch(begin, begin, None, begin, claimed=False)]
    for claim in claims:
        start = begin if claim.creation else max(claim.at, begin)
        stretch = _Stretch(start, start if claim.creation else claim.begin, claim.value, start)
        stretch.corrected = claim.correction and claim.value is not None
        if claim.creation:
            stretches[0] = stretch
        else:
            stretches.append(stretch)
    return stretches


class _Row:
    """The stretches of one attribute while glimpses are checked against them."""

    def __init__(self, stretches: list[_Stretch], tolerance: timedelta) -> None:
        self.stretches = stretches
        self.starts = [one.start for one in stretches]
        self.tolerance = tolerance
        self.has_untold = any(one.value is None and one.claimed for one in stretches)
        # Of the exact changes: whether one later in time was already under way at a moment.
        self._exact = list(stretches)
        self._exact_starts = list(self.starts)
        self._least_begin = [one.begin for one in stretches]
        for index in range(len(stretches) - 2, -1, -1):
            self._least_begin[index] = min(self._least_begin[index], self._least_begin[index + 1])

    def tell_untold(self, glimpses: Sequence[Glimpse], end: datetime | None) -> None:
        """Give untold stretches the value of the first glimpse that lies safely inside."""
        for one in glimpses:
            first, last = self._touched(one)
            stretch = self.stretches[first]
            if stretch.value is None and last == first + 1 and not self._under_way(one):
                self._tell(stretch, one)
        if end is None:
            return
        # What was so at the end was so in the last stretch, however short it is: even if, in whole
        # seconds, it has no length at all.
        final = next((one for one in reversed(glimpses) if one.begin == one.end == end), None)
        last = bisect_right(self.starts, end)
        stretch = self.stretches[last - 1]
        if (
            final is not None
            and stretch.value is None
            and last == bisect_right(self.starts, end + self.tolerance)
        ):
            self._tell(stretch, final)

    @staticmethod
    def _tell(stretch: _Stretch, glimpse: Glimpse) -> None:
        stretch.value = glimpse.value
        if not stretch.claimed:
            stretch.doubt_until = glimpse.end

    def _touched(self, glimpse: Glimpse) -> tuple[int, int]:
        """Return the slice of the stretches that hold at any moment of the window, with the tolerance."""
        first = max(0, bisect_right(self.starts, glimpse.begin - self.tolerance) - 1)
        return first, max(first + 1, bisect_right(self.starts, glimpse.end + self.tolerance))

    def _under_way(self, glimpse: Glimpse) -> list[_Stretch]:
        """Return the exact changes after the window whose action had begun in it."""
        latest = glimpse.end + self.tolerance
        found: list[_Stretch] = []
        for index in range(bisect_right(self._exact_starts, latest), len(self._exact)):
            if self._least_begin[index] > latest:
                break
            if self._exact[index].begin <= latest:
                found.append(self._exact[index])
        return found

    def check(self, glimpse: Glimpse) -> None:
        """Hold one glimpse against the row, and change the row where nothing in it explains the glimpse."""
        value = glimpse.value
        current = bisect_right(self.starts, glimpse.end) - 1
        here = self.stretches[current]
        first, last = self._touched(glimpse)
        touched = self.stretches[first:last]
        if any(one.value == value for one in touched):
            if here.value == value and glimpse.begin > here.evidence:
                here.evidence = glimpse.begin
            return
        if any(one.corrected for one in touched):
            return
        candidates = touched + self._under_way(glimpse)
        if any(one.value == value for one in candidates):
            return
        unknown = [one for one in candidates if one.value is None]
        if unknown:
            told = (
                here
                if here.value is None
                else next((one for one in reversed(touched) if one.value is None), unknown[0])
            )
            self._tell(told, glimpse)
            told.evidence = max(told.evidence, glimpse.begin)
            # Another stretch that the window touches may be the one that was seen.
            told.doubtful = len(unknown) > 1
            return
        # It was so at some moment of the window, perhaps before an exact change in it.
        since = touched[0].evidence
        self.starts.insert(current + 1, glimpse.end)
        self.stretches.insert(
            current + 1, _Stretch(glimpse.end, glimpse.end, value, glimpse.end, inferred_since=since)
        )

    def fill(self) -> None:
        """Give what nobody told the nearest known value: the next one, or else the previous one."""
        known: Value | None = None
        for one in reversed(self.stretches):
            if one.value is None:
                one.value, one.doubtful = known, True
            known = one.value
        known = None
        for one in self.stretches:
            if one.value is None:
                one.value = known
            known = one.value


def _changes(
    stretches: Sequence[_Stretch], begin: datetime, end: datetime | None
) -> tuple[tuple[datetime, Value], ...]:
    changes: list[tuple[datetime, Value]] = []
    for one in stretches:
        if one.value is None or (end is not None and one.start >= end and one.start > begin):
            break
        if changes and changes[-1][0] == one.start:
            changes.pop()
        if not changes or changes[-1][1] != one.value:
            changes.append((one.start, one.value))
    return tuple(changes)


def _doubts(row: _Row, begin: datetime, end: datetime | None) -> tuple[tuple[datetime, datetime | None], ...]:
    """Return the stretches in which the value is inferred, cut to the life, joined where they touch."""
    found: list[tuple[datetime, datetime | None]] = []
    stretches = row.stretches
    if stretches[0].value is None:
        return ()
    for index, one in enumerate(stretches):
        following = stretches[index + 1].start if index + 1 < len(stretches) else end
        if one.inferred_since is not None:
            found.append((one.inferred_since, one.start))
        if one.doubtful:
            found.append((one.start, following))
        elif one.doubt_until is not None:
            until = one.doubt_until
            found.append((one.start, until if following is None else min(until, following)))
    return join(found, begin, end)


def join(
    stretches: Iterable[tuple[datetime, datetime | None]], begin: datetime, end: datetime | None
) -> tuple[tuple[datetime, datetime | None], ...]:
    """Cut stretches to `[begin, end)`, drop the empty ones, and join those that overlap or touch."""
    joined: list[tuple[datetime, datetime | None]] = []
    for first, last in sorted(stretches, key=lambda one: one[0]):
        start = max(first, begin)
        stop = last if end is None else end if last is None else min(last, end)
        if stop is not None and stop <= start:
            continue
        if joined and (joined[-1][1] is None or start <= joined[-1][1]):
            before = joined[-1]
            longer = None if before[1] is None or stop is None else max(before[1], stop)
            joined[-1] = (before[0], longer)
        else:
            joined.append((start, stop))
    return tuple(joined)
