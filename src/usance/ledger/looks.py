"""The looks that matter to a resource, chosen by index: years of looks are never loaded.

Which they are is the rule of :func:`usance.model.looks.that_matter`; here it is answered from the
database, with what was loaded for one resource at hand for the next.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, func, select

from usance.ledger import rows, schema
from usance.ledger.keyed import select_these
from usance.model.looks import AFTER, Moment, moments
from usance.model.observation import Look, Observation, Scope
from usance.model.period import MICROSECOND, SECOND, from_us, to_us
from usance.model.resource import Resource

_LATEST = 16  # looks loaded to begin with
_AHEAD = 64  # looks loaded at once, from an instant on
_MOST_SEGMENTS = 200  # kept in memory for one source and scope
_BEGINNING = datetime.min.replace(tzinfo=UTC)


_LAST = (
    "SELECT look.project_id, look.cloud_id, look.kind, MAX(look.end_at) FROM these CROSS JOIN look"
    " WHERE look.project_id = these.project_id AND look.cloud_id = these.cloud_id"
    " AND look.kind = these.kind AND look.end_at >= these.since_at"
    " GROUP BY look.project_id, look.cloud_id, look.kind"
)
_OF_KIND = ("project_id", "cloud_id", "kind", "since_at")


def last_looks(
    connection: Connection, since: Mapping[Resource, int], tolerance: timedelta
) -> dict[tuple[str, str, str], datetime]:
    """Return when the last look at some resources ended, by project, cloud and kind.

    Of each resource it is given when something happened, in microseconds; looks that were clearly over
    by then are left out.
    """
    first: dict[tuple[str, str, str], int] = {}
    clear_us = (tolerance + SECOND) // MICROSECOND
    for resource, at_us in since.items():
        place = (resource.project_id, resource.cloud_id, resource.kind)
        known = first.get(place)
        if known is None or at_us - clear_us < known:
            first[place] = at_us - clear_us
    keys = [(*place, at_us) for place, at_us in sorted(first.items())]
    return {row[:3]: from_us(row[3]) for row in select_these(connection, _LAST, keys, _OF_KIND)}


class Looks:
    """The looks at one kind of resource of one project, as one transaction sees them."""

    def __init__(
        self, connection: Connection, project_id: str, cloud_id: str, kind: str, tolerance: timedelta
    ) -> None:
        self._shelves = []
        for source in _sources(connection, project_id, cloud_id, kind):
            for scope in Scope:
                shelf = _Shelf(connection, (project_id, cloud_id, kind, source, scope.value), tolerance)
                if shelf.last is not None:
                    self._shelves.append(shelf)
        self._lasts = [shelf.last for shelf in self._shelves if shelf.last is not None]

    def around(self, observations: Iterable[Observation]) -> tuple[Look, ...]:
        """Return the looks that may say something about a resource of which this was said."""
        if not self._shelves:
            return ()
        instants = {*moments(observations), *(Moment(look.begin, look.end) for look in self._lasts)}
        found = dict.fromkeys(self._lasts)
        for moment in sorted(instants):
            for shelf in self._shelves:
                found.update(dict.fromkeys(shelf.around(moment)))
        return tuple(found)


def _sources(connection: Connection, project_id: str, cloud_id: str, kind: str) -> list[str]:
    """Return who ever looked, by jumping from source to source in the index."""
    table = schema.look.c
    found: list[str] = []
    while True:
        following = connection.execute(
            select(func.min(table.source)).where(
                table.project_id == project_id,
                table.cloud_id == cloud_id,
                table.kind == kind,
                table.source > (found[-1] if found else ""),
            )
        ).scalar()
        if following is None:
            return found
        found.append(following)


class _Segment:
    """Consecutive looks of one source and scope: one before `low`, and those from there on."""

    def __init__(self, low: datetime, looks: list[Look], *, complete: bool) -> None:
        self.low = low
        self.looks = looks
        self.ends = [look.end for look in looks]
        self.complete = complete  # nothing lies after

    def around(self, first: datetime, moment: Moment, clear: datetime) -> list[Look] | None:
        """Return the looks about a moment; None if they are not all here.

        From the last that ends before `first`, up to the first that begins after `clear`, and
        at least three from the moment on.
        """
        start = max(0, bisect_left(self.ends, first) - 1)
        stop = bisect_left(self.ends, clear)
        while stop < len(self.looks) and self.looks[stop].begin <= clear:
            stop += 1
        stop = max(stop + 1, bisect_left(self.ends, moment.begin) + AFTER)
        if stop > len(self.looks) and not self.complete:
            return None
        return self.looks[start:stop]


class _Shelf:
    """The looks of one source and scope."""

    def __init__(
        self, connection: Connection, place: tuple[str, str, str, str, str], tolerance: timedelta
    ) -> None:
        table = schema.look.c
        key = (table.project_id, table.cloud_id, table.kind, table.source, table.scope)
        self._connection = connection
        self._tolerance = tolerance
        self._all = select(schema.look).where(
            *(column == value for column, value in zip(key, place, strict=True))
        )
        self._backwards = self._all.order_by(table.end_at.desc(), table.begin_at.desc())
        self._segments: list[_Segment] = []
        self._lows: list[datetime] = []
        found = connection.execute(self._backwards.limit(_LATEST)).all()
        latest = [rows.look_of(row) for row in reversed(found)]
        self.last = latest[-1] if latest else None
        self._keep_latest(latest)

    def _keep_latest(self, latest: list[Look]) -> None:
        """Keep the looks that were loaded first: most of what is said is about what is newest."""
        if len(latest) < _LATEST:
            self._shelve(_Segment(_BEGINNING, latest, complete=True))
            return
        # Of the earliest instant, others may be that were not loaded.
        place = next((n for n, look in enumerate(latest) if look.end > latest[0].end), None)
        if place is not None:
            self._shelve(_Segment(latest[place].end, latest[place - 1 :], complete=True))

    def around(self, moment: Moment) -> list[Look]:
        """Return the looks about a moment."""
        first, clear = moment.begin - self._tolerance, moment.end + self._tolerance
        place = bisect_right(self._lows, first) - 1
        if place >= 0:
            found = self._segments[place].around(first, moment, clear)
            if found is not None:
                return found
        ahead = _AHEAD
        while True:
            segment = self._load(first, ahead)
            found = segment.around(first, moment, clear)
            if found is not None:
                self._shelve(segment)
                return found
            ahead *= 4

    def _shelve(self, segment: _Segment) -> None:
        if len(self._segments) >= _MOST_SEGMENTS:
            self._segments, self._lows = [], []
        place = bisect_right(self._lows, segment.low)
        self._segments.insert(place, segment)
        self._lows.insert(place, segment.low)

    def _load(self, first: datetime, ahead: int) -> _Segment:
        table = schema.look.c
        before = self._connection.execute(self._backwards.where(table.end_at < to_us(first)).limit(1)).all()
        from_here = self._all.where(table.end_at >= to_us(first)).order_by(table.end_at, table.begin_at)
        after = self._connection.execute(from_here.limit(ahead)).all()
        looks = [rows.look_of(row) for row in (*before, *after)]
        return _Segment(first, looks, complete=len(after) < ahead)
