"""Usage by day: made from spans, a project at a time, and made again where something has changed.

A day is claimed first: from then on it counts as summed up but dirty, so that whoever changes a
timeline notes it. Then it is summed up without any lock, and kept only if nobody has noted a
change meanwhile. So several programs may do it at once, beside those that write.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from datetime import datetime, timedelta
from typing import Final

import msgspec
from sqlalchemy import Connection, and_, delete, func, or_, select, update

from usance.ledger import schema, status
from usance.ledger.answers import Asked, By, Window
from usance.ledger.counting import DAY_S, DAY_US, FIRST_DAY
from usance.ledger.engine import Row, Store, bulk_insert
from usance.ledger.listing import conditions
from usance.ledger.locking import lock_project
from usance.ledger.standing import NOW, of_places
from usance.ledger.summing import Sums, add_spans
from usance.ledger.upserting import bulk_upsert
from usance.model.period import EPOCH

MARGIN: Final = timedelta(hours=3)
"""How long a day has to be over: what is looked at hourly tells of the evening after midnight."""

_DAYS: Final = 31  # from the first to the last day of those that are summed up at once
_LARGEST: Final = (1 << 63) - 1
_AMOUNTS_FROM: Final = len(schema.usage_day.primary_key)

_Place = tuple[str, str]
_Marks = dict[tuple[str, int], int]
"""The revisions in which days of a kind became dirty last, by kind and day."""


class Rolled(msgspec.Struct, frozen=True):
    """What was summed up."""

    projects: int  # in which there was something to do
    days: int  # days of a kind of a project
    finished: bool  # False: there is more to do


class Rollups:
    """Sums up the days of a ledger."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def may_write(self) -> bool:
        """Tell whether the account of the ledger may write; of a file only the file system knows."""
        with self._store.read() as connection:
            return status.may_write(connection)

    def roll(
        self,
        now: datetime,
        *,
        projects: Collection[str] | None = None,
        clouds: Collection[str] | None = None,
        margin: timedelta = MARGIN,
        stop: Callable[[], bool] = lambda: False,
    ) -> Rolled:
        """Sum up the days that are over by more than a margin and are not yet, or are dirty.

        Of all projects and clouds, or of these. *stop* is asked between two steps of some days
        of one project each; what was done until then is kept.
        """
        asked = Asked(
            projects=None if projects is None else tuple(projects),
            clouds=None if clouds is None else tuple(clouds),
        )
        today = (now - margin - EPOCH).days
        done, days = 0, 0
        for place in self._due(asked, today):
            if stop():
                return Rolled(done, days, finished=False)
            self._claim(place, today)
            marks = self._marks(place)
            for part in _parts(marks):
                if stop():
                    return Rolled(done, days, finished=False)
                days += self._sum_up(place, part)
            done += 1
        return Rolled(done, days, finished=True)

    def _due(self, asked: Asked, today: int) -> list[_Place]:
        """Return the projects in which there is something to sum up."""
        table, dirty = schema.project, schema.dirty_day
        late = select(table.c.project_id, table.c.cloud_id).where(
            *of_places(table, asked), or_(table.c.rolled_day.is_(None), table.c.rolled_day < today)
        )
        changed = select(dirty.c.project_id, dirty.c.cloud_id).where(*of_places(dirty, asked)).distinct()
        with self._store.read() as connection:
            found = {(one, cloud) for query in (late, changed) for one, cloud in connection.execute(query)}
        return sorted(found)

    def _claim(self, place: _Place, today: int) -> None:
        """Let the days before *today* count as summed up, but dirty."""
        table = schema.project
        with self._store.write() as connection:
            revision = lock_project(connection, *place)
            this = and_(table.c.project_id == place[0], table.c.cloud_id == place[1])
            rolled = connection.execute(select(table.c.rolled_day).where(this)).scalar()
            if rolled is not None and rolled >= today:
                return
            rows: list[Row] = []
            for kind, first in _kinds(connection, place, since=rolled).items():
                rows += [(*place, kind, day, revision) for day in range(max(first, FIRST_DAY), today)]
            bulk_upsert(connection, schema.dirty_day, rows)
            connection.execute(update(table).where(this).values(rolled_day=today))

    def _marks(self, place: _Place) -> _Marks:
        table = schema.dirty_day.c
        query = (
            select(table.kind, table.day, table.revision)
            .where(table.project_id == place[0], table.cloud_id == place[1])
            .order_by(table.day, table.kind)
        )
        with self._store.read() as connection:
            return {(kind, day): revision for kind, day, revision in connection.execute(query)}

    def _sum_up(self, place: _Place, marks: _Marks) -> int:
        """Sum up some days, and keep those that nobody has changed meanwhile; return how many these are."""
        days = [day for _, day in marks]
        stretch = min(days) * DAY_S, (max(days) + 1) * DAY_S
        sums = Sums(stretch, (By.KIND, By.FLAVOR, By.STATE), Window.DAY, ())
        kinds = tuple(sorted({kind for kind, _ in marks}))
        asked = Asked(projects=(place[0],), clouds=(place[1],), kinds=kinds)
        with self._store.read() as connection:
            add_spans(connection, sums, NOW, conditions(NOW, asked), stretch)
        rows: dict[tuple[str, int], list[Row]] = {key: [] for key in marks}
        for (_, _, kind, flavor, state), start, own in sums.items():
            key = (kind or "", start // DAY_S)
            if key in rows:
                rows[key].append(_row(place, key, (flavor or "", state or ""), own))
        with self._store.write() as connection:
            return _keep(connection, place, marks, rows)


def _kinds(connection: Connection, place: _Place, *, since: int | None) -> dict[str, int]:
    """Return the kinds of which the project has something, and the day from which there is anything new."""
    table = schema.timeline.c
    here = and_(table.project_id == place[0], table.cloud_id == place[1])
    found: dict[str, int] = {}
    kind = ""
    while True:
        # One look into the index for each kind.
        following = select(func.min(table.kind)).where(here, table.kind > kind)
        kind = connection.execute(following).scalar() or ""
        if not kind:
            return found
        if since is not None:
            found[kind] = since
        else:
            first = connection.execute(select(func.min(table.begin_at)).where(here, table.kind == kind))
            found[kind] = first.scalar_one() // DAY_US


def _parts(marks: _Marks) -> Iterator[_Marks]:
    """Cut what is to be done, in the order of days, into parts of not too many days."""
    part: _Marks = {}
    first: int | None = None
    for (kind, day), revision in marks.items():
        if first is not None and day >= first + _DAYS:
            yield part
            part, first = {}, None
        first = day if first is None else first
        part[kind, day] = revision
    if part:
        yield part


def _row(place: _Place, key: tuple[str, int], of: tuple[str, str], sums: list[int]) -> Row:
    """Return the row of `usage_day`, in the order of its columns."""
    seconds, _, vcpu, ram, disk, size, inferred, inferred_vcpu, resources, begun = sums
    return (
        *place,
        *key,
        *of,
        resources,
        begun,
        seconds,
        vcpu,
        ram,
        disk,
        size,
        inferred,
        inferred_vcpu,
    )


def _fits(row: Row) -> bool:
    """Tell whether every amount of a row is one that an integer of a database can hold."""
    return all(abs(amount) <= _LARGEST for amount in row[_AMOUNTS_FROM:])


def _keep(
    connection: Connection, place: _Place, marks: _Marks, rows: dict[tuple[str, int], list[Row]]
) -> int:
    """Replace what was summed up before by what is now, for days that did not change meanwhile."""
    lock_project(connection, *place)
    usage, dirty = schema.usage_day, schema.dirty_day
    days = [day for _, day in marks]
    query = select(dirty.c.kind, dirty.c.day, dirty.c.revision).where(
        dirty.c.project_id == place[0],
        dirty.c.cloud_id == place[1],
        dirty.c.day.between(min(days), max(days)),
    )
    still = {(kind, day): revision for kind, day, revision in connection.execute(query)}
    good: dict[str, list[int]] = {}
    inserts: list[Row] = []
    for (kind, day), revision in marks.items():
        own = rows[kind, day]
        # What no integer of a database holds stays dirty, and is told from its spans.
        if still.get((kind, day)) == revision and all(_fits(row) for row in own):
            good.setdefault(kind, []).append(day)
            inserts += own
    for kind, own_days in good.items():
        for table in (usage, dirty):
            connection.execute(
                delete(table).where(
                    table.c.project_id == place[0],
                    table.c.cloud_id == place[1],
                    table.c.kind == kind,
                    table.c.day.in_(own_days),
                )
            )
    bulk_insert(connection, usage, inserts)
    return sum(map(len, good.values()))
