"""What became of spans, revision by revision."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    Table,
    literal,
    select,
    union_all,
)

from usance.ledger import reading, schema
from usance.ledger.answers import Asked, Change, Changes, Cursor, SpanRow, What
from usance.ledger.engine import Store
from usance.ledger.listing import span_row
from usance.ledger.paging import Order
from usance.ledger.past import revision_at
from usance.ledger.standing import SPAN, TIMELINE, kinds_of
from usance.model.period import from_us

_Place = tuple[str, str]
_Step = tuple[int, str, str]  # revision, kind, resource id
_NOT_YET: Final = 1 << 62
"""The revision in which a version that stands is superseded."""


class _Version(msgspec.Struct, frozen=True):
    """A row of a timeline or span, and the revisions from which and up to which it stood."""

    row: Any
    revision: int
    superseded: int

    def stood_at(self, revision: int) -> bool:
        return self.revision <= revision < self.superseded


class _Joined(msgspec.Struct, frozen=True):
    """A span and its timeline as :func:`usance.ledger.listing.span_row` reads them."""

    project_id: str
    cloud_id: str
    kind: str
    resource_id: str
    start_at: int
    end_at: int | None
    accounted: str
    revision: int
    launched: bool
    begin_exact: bool
    end_exact: bool
    doubts: str
    described: str
    life_begin_at: int
    life_end_at: int | None


def changes(
    store: Store,
    place: _Place,
    asked: Asked,
    *,
    since_revision: int,
    since: datetime | None,
    after: Cursor | None,
    limit: int,
) -> Changes:
    """Return a page of changes; see :meth:`usance.ledger.questions.Questions.changes`."""
    with store.read() as connection:
        last = reading.revision(connection, *place)
        if since is not None:
            since_revision = max(since_revision, revision_at(connection, *place, since))
        if after is None and since_revision >= last:
            return Changes((), None, last)  # what those who come back often are told most often
        order = _order(schema.timeline)
        steps = _steps(connection, place, kinds_of(asked), since=since_revision, after=after, limit=limit + 1)
        found = steps[:limit]
        items = tuple(_told(connection, place, found)) if found else ()
    following = None
    if len(steps) > limit:
        following = Cursor(order.of, found[-1])
    return Changes(items, following, last)


def _order(table: Table) -> Order:
    names = ("revision", "kind", "resource_id")
    return Order("changes", names, tuple(table.c[name] for name in names))


def _steps(
    connection: Connection,
    place: _Place,
    kinds: Sequence[str],
    *,
    since: int,
    after: Cursor | None,
    limit: int,
) -> list[_Step]:
    """Return which resource changed in which revision, in order; each kind and table by its index."""
    parts = []
    for table in (schema.timeline, schema.timeline_history):
        made = _order(table)
        behind = [] if after is None else [made.behind(after)]
        first = since if after is None else max(since, int(after.key[0]) - 1)
        for kind in kinds:
            part = (
                select(*made.columns)
                .where(*_of(table, place), table.c.kind == kind, table.c.revision > first, *behind)
                .order_by(*made.columns)
                .limit(limit)
                .subquery()
            )
            parts.append(select(part))
    if not parts:
        return []
    every = union_all(*parts).subquery()
    ordered = select(every).order_by(every.c.revision, every.c.kind, every.c.resource_id).limit(limit)
    return [(revision, kind, one) for revision, kind, one in connection.execute(ordered)]


def _told(connection: Connection, place: _Place, steps: Sequence[_Step]) -> Iterator[Change]:
    """Yield what became of the spans of each resource in each of the revisions."""
    lowest, highest = steps[0][0], steps[-1][0]
    recorded = _recorded_at(connection, place, lowest, highest)
    keys = {(kind, resource_id) for _, kind, resource_id in steps}
    between = (lowest, highest)
    timelines = _versions(connection, place, (schema.timeline, schema.timeline_history), keys, between)
    spans = _versions(connection, place, (schema.span, schema.span_history), keys, between)
    for revision, kind, resource_id in steps:
        key = (kind, resource_id)
        own = timelines.get(key, []), spans.get(key, [])
        before, now = _stood(*own, revision - 1), _stood(*own, revision)
        for start in sorted(before.keys() | now.keys()):
            was, is_now = before.get(start), now.get(start)
            if is_now is None and was is not None:
                yield Change(revision, recorded[revision], What.WITHDRAWN, was)
            elif is_now is not None and (was is None or _says(was) != _says(is_now)):
                what = What.NEW if was is None else What.CHANGED
                yield Change(revision, recorded[revision], what, is_now)


def _says(span: SpanRow) -> SpanRow:
    """Return what counts of a span: a new name is no change of it."""
    return msgspec.structs.replace(span, name=None, revision=0)


def _stood(timelines: list[_Version], spans: list[_Version], revision: int) -> dict[int, SpanRow]:
    """Return the spans that stood at a revision, by their starts."""
    version = next((one.row for one in timelines if one.stood_at(revision)), None)
    if version is None:
        return {}
    return {one.row.start_at: span_row(_joined(one.row, version)) for one in spans if one.stood_at(revision)}


def _joined(span: Any, timeline: Any) -> _Joined:
    return _Joined(
        **{name: getattr(span, name) for name in SPAN},
        launched=timeline.launched,
        begin_exact=timeline.begin_exact,
        end_exact=timeline.end_exact,
        doubts=timeline.doubts,
        described=timeline.described,
        life_begin_at=timeline.begin_at,
        life_end_at=timeline.end_at,
    )


def _versions(
    connection: Connection,
    place: _Place,
    tables: tuple[Table, Table],
    keys: set[tuple[str, str]],
    between: tuple[int, int],
) -> dict[tuple[str, str], list[_Version]]:
    """Return the versions that stood at some of the revisions, or right before the first of them.

    The tables are the one of what stands now, and the one of what was superseded.
    """
    now, history = tables
    lowest, highest = between
    names = TIMELINE if now is schema.timeline else SPAN
    found: dict[tuple[str, str], list[_Version]] = {}
    for kind in sorted({kind for kind, _ in keys}):
        ids = sorted(resource_id for of_kind, resource_id in keys if of_kind == kind)
        for table in tables:
            ended = literal(_NOT_YET, BigInteger) if table is now else table.c.superseded
            query: Select[Any] = select(*(table.c[name] for name in names), ended.label("superseded")).where(
                *_of(table, place),
                table.c.kind == kind,
                table.c.resource_id.in_(ids),
                table.c.revision <= highest,
            )
            if table is history:
                query = query.where(table.c.superseded >= lowest)
            for row in connection.execute(query):
                version = _Version(row, row.revision, row.superseded)
                found.setdefault((kind, row.resource_id), []).append(version)
    return found


def _recorded_at(connection: Connection, place: _Place, lowest: int, highest: int) -> dict[int, datetime]:
    table = schema.revision
    query = select(table.c.revision, table.c.recorded_at).where(
        *_of(table, place), table.c.revision.between(lowest, highest)
    )
    return {revision: from_us(at) for revision, at in connection.execute(query)}


def _of(table: Table, place: _Place) -> tuple[ColumnElement[bool], ...]:
    return table.c.project_id == place[0], table.c.cloud_id == place[1]
