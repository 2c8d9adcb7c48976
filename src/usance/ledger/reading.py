"""Reading: timelines that changed or that a period touches, and what sources said last."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import Final

from sqlalchemy import ColumnElement, Connection, Select, Text, bindparam, func, select

from usance.ledger import rows, schema
from usance.ledger.engine import Store
from usance.ledger.values import Changed, Looked
from usance.model.observation import Look, Scope
from usance.model.period import Period, from_us, to_us

PAGE: Final = 1000
"""Timelines read at once."""

BLOCK: Final = 20_000
"""Ids read at once."""


def timelines(
    store: Store,
    project_id: str,
    cloud_id: str,
    kind: str,
    *,
    since_revision: int,
    touching: Period | None,
) -> Iterator[Changed]:
    """Yield timelines page by page; no transaction is open while the caller has them."""
    reader = _Reader(store, project_id, cloud_id, kind, since_revision)
    for page in rows.pages(reader.ids(touching), PAGE):
        with store.read() as connection:
            found = reader.changed(connection, page)
        yield from found


class _Reader:
    """The timelines of one kind of one project, seen from a revision."""

    def __init__(self, store: Store, project_id: str, cloud_id: str, kind: str, since: int) -> None:
        self.store = store
        self.place = (project_id, cloud_id, kind)
        self.since = since
        table = schema.timeline.c
        self._own = select(table.resource_id).where(
            table.project_id == project_id, table.cloud_id == cloud_id, table.kind == kind
        )

    def ids(self, touching: Period | None) -> Iterator[str]:
        """Yield the ids, in order, of what changed or lives in the period.

        Each condition is a query of its own with an index of its own, so that the dead of past
        years cost nothing: all that lives goes by blocks, the rest is little enough to be held.
        """
        if self.since <= 0:
            return self._blocks(self._own)
        table = schema.timeline.c
        changed = self._own.where(table.revision > self.since)
        if touching is None:
            return iter(self._held(changed))
        lives = table.begin_at < to_us(touching.end)
        ended = self._own.where(table.end_at > to_us(touching.start), lives)
        alive = self._own.where(table.end_at.is_(None), lives)
        merged = heapq.merge(self._held(changed, ended), self._blocks(alive))
        return (resource_id for resource_id, _ in groupby(merged))

    def _held(self, *queries: Select[str]) -> list[str]:
        with self.store.read() as connection:
            return sorted({one for query in queries for (one,) in connection.execute(query)})

    def _blocks(self, query: Select[str]) -> Iterator[str]:
        column = schema.timeline.c.resource_id
        block = query.where(column > bindparam("after", type_=Text)).order_by(column).limit(BLOCK)
        after = ""
        while True:
            with self.store.read() as connection:
                ids = [one for (one,) in connection.execute(block, {"after": after})]
            yield from ids
            if len(ids) < BLOCK:
                return
            after = ids[-1]

    def changed(self, connection: Connection, ids: Sequence[str]) -> list[Changed]:
        """Return the timelines, each with the instant from which it differs from what it was."""
        told = list(rows.told(connection, *self.place, ids))
        news = [timeline.resource.id for timeline, revision, first in told if first <= self.since < revision]
        differs = self._differs_from(connection, news) if news else {}
        found = []
        for timeline, revision, first in told:
            changed_from = None
            if first > self.since:
                changed_from = timeline.begin
            elif revision > self.since:
                changed_from = from_us(differs[timeline.resource.id])
            found.append(Changed(timeline, revision, changed_from))
        return found

    def _differs_from(self, connection: Connection, ids: Sequence[str]) -> dict[str, int]:
        table = schema.timeline_history.c
        query = (
            select(table.resource_id, func.min(table.differs_from))
            .where(
                table.project_id == self.place[0],
                table.cloud_id == self.place[1],
                table.kind == self.place[2],
                table.resource_id.in_(ids),
                table.superseded > self.since,
            )
            .group_by(table.resource_id)
        )
        return dict(connection.execute(query).all())


def statements(
    connection: Connection, project_id: str, cloud_id: str, source: str, kind: str, *, ids: Sequence[str]
) -> dict[str, str]:
    """Return the digests of a source's last sightings, by resource id."""
    table = schema.report.c
    found: dict[str, str] = {}
    for page in rows.pages(ids, PAGE):
        query = select(table.resource_id, table.statement).where(
            *_of_source(project_id, cloud_id, source, kind), table.resource_id.in_(page)
        )
        found.update(dict(connection.execute(query).all()))
    return found


def alive(connection: Connection, project_id: str, cloud_id: str, source: str, kind: str) -> set[str]:
    """Return the ids of the resources of which the source's last sighting says that they are there."""
    table = schema.report.c
    query = select(table.resource_id).where(*_of_source(project_id, cloud_id, source, kind), table.alive)
    return set(connection.execute(query).scalars())


def _of_source(project_id: str, cloud_id: str, source: str, kind: str) -> tuple[ColumnElement[bool], ...]:
    table = schema.report.c
    return (
        table.project_id == project_id,
        table.cloud_id == cloud_id,
        table.source == source,
        table.kind == kind,
    )


def last_full_look(
    connection: Connection, project_id: str, cloud_id: str, source: str, kind: str
) -> Look | None:
    """Return the latest full look of a source at a kind of resource."""
    table = schema.look.c
    row = connection.execute(
        select(schema.look)
        .where(
            table.project_id == project_id,
            table.cloud_id == cloud_id,
            table.kind == kind,
            table.source == source,
            table.scope == Scope.FULL.value,
        )
        .order_by(table.end_at.desc(), table.begin_at.desc())
        .limit(1)
    ).first()
    return None if row is None else rows.look_of(row)


def looked(
    connection: Connection, project_id: str, cloud_id: str, kinds: Collection[str], *, revision: int | None
) -> Looked | None:
    """Return since when, and when last, all of these kinds were looked at, up to a revision."""
    table = schema.look.c
    query = select(func.min(table.begin_at), func.max(table.begin_at)).where(
        table.project_id == project_id,
        table.cloud_id == cloud_id,
        table.kind.in_(sorted(kinds)),
        table.scope == Scope.FULL.value,
    )
    if revision is not None:
        query = query.where(table.revision <= revision)
    windows = connection.execute(query.group_by(table.kind)).all()
    if not windows or len(windows) < len(kinds):
        return None
    return Looked(from_us(max(first for first, _ in windows)), from_us(min(last for _, last in windows)))


def looked_until(connection: Connection, project_id: str, cloud_id: str, kind: str) -> datetime | None:
    """Return when the last complete look at a kind of resource began."""
    table = schema.look.c
    query = select(func.max(table.begin_at)).where(
        table.project_id == project_id, table.cloud_id == cloud_id, table.kind == kind
    )
    at = connection.execute(query).scalar()
    return None if at is None else from_us(at)


def revision(connection: Connection, project_id: str, cloud_id: str) -> int:
    """Return the project's last revision; 0 if the ledger doesn't know the project."""
    table = schema.project.c
    found = connection.execute(
        select(table.revision).where(table.project_id == project_id, table.cloud_id == cloud_id)
    ).scalar()
    return 0 if found is None else found


def lives_in(connection: Connection, project_id: str, cloud_id: str) -> bool:
    """Tell whether anything of a project has no end yet."""
    table = schema.timeline.c
    query = (
        select(table.resource_id)
        .where(table.project_id == project_id, table.cloud_id == cloud_id, table.end_at.is_(None))
        .limit(1)
    )
    return connection.execute(query).first() is not None


def projects(connection: Connection) -> list[tuple[str, str]]:
    """Return (project id, cloud id) of all that the ledger knows."""
    table = schema.project.c
    query = (
        select(table.project_id, table.cloud_id)
        .where(table.project_id != "")  # under which is kept what nobody is known to own
        .order_by(table.project_id, table.cloud_id)
    )
    return [(project_id, cloud_id) for project_id, cloud_id in connection.execute(query)]
