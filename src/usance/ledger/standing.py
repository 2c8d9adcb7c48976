"""The timelines and spans that stand: now, or as a project's revision had them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    Table,
    Text,
    and_,
    cast,
    false,
    func,
    not_,
    or_,
    select,
    union_all,
)

from usance.ledger import rows, schema
from usance.ledger.answers import Asked
from usance.ledger.past import revision_at
from usance.model.period import Period, to_us
from usance.model.resource import FLAVOR, KINDS, STATE, VOLUME, VOLUME_TYPE

ENDLESS = 1 << 62
"""Where what has no end stands in an order by ends: behind every instant there is."""

TIMELINE: Final = (
    *schema.RESOURCE_KEY,
    "begin_at",
    "end_at",
    "begin_exact",
    "end_exact",
    "launched",
    "doubts",
    "anomalies",
    "described",
    "revision",
)
SPAN: Final = (*schema.RESOURCE_KEY, "start_at", "end_at", "accounted", "revision")


class Standing(msgspec.Struct, frozen=True):
    """Where to read timelines and spans, with equal columns whether it is now or an earlier revision."""

    timelines: FromClause
    spans: FromClause


NOW = Standing(schema.timeline, schema.span)


class Stand(msgspec.Struct, frozen=True):
    """One place of which the standing at a revision is asked."""

    project_id: str
    cloud_id: str
    revision: int

    @property
    def standing(self) -> Standing:
        """What stood at the revision, in this project and cloud."""
        return Standing(
            self._versions(schema.timeline, schema.timeline_history, TIMELINE),
            self._versions(schema.span, schema.span_history, SPAN),
        )

    def _versions(self, now: Table, history: Table, names: tuple[str, ...]) -> FromClause:
        def of(table: Table, *more: ColumnElement[bool]) -> Select[Any]:
            return select(*(table.c[name] for name in names)).where(
                table.c.project_id == self.project_id,
                table.c.cloud_id == self.cloud_id,
                table.c.revision <= self.revision,
                *more,
            )

        return union_all(of(now), of(history, history.c.superseded > self.revision)).subquery()


def stands(
    connection: Connection, asked: Asked, instant: datetime, *, first: str | None = None
) -> Iterator[Stand]:
    """Yield the revisions that the projects asked about had at an instant; those of none are left out.

    They come in the order of projects and clouds, those before the project *first* are left out.
    """
    for project_id, cloud_id in places(connection, asked, first=first):
        revision = revision_at(connection, project_id, cloud_id, instant)
        if revision:
            yield Stand(project_id, cloud_id, revision)


def places(connection: Connection, asked: Asked, *, first: str | None = None) -> list[tuple[str, str]]:
    """Return (project id, cloud id) of the projects asked about, in order, from the project *first* on."""
    table = schema.project.c
    query = (
        select(table.project_id, table.cloud_id)
        .where(*of_places(schema.project, asked), *([] if first is None else [table.project_id >= first]))
        .order_by(table.project_id, table.cloud_id)
    )
    return [(project_id, cloud_id) for project_id, cloud_id in connection.execute(query)]


def of_places(table: FromClause, asked: Asked) -> list[ColumnElement[bool]]:
    """Return the conditions for the rows of the projects and clouds asked about."""
    found: list[ColumnElement[bool]] = []
    if asked.projects is None:
        found.append(table.c.project_id > "")
    elif len(asked.projects) == 1:
        found.append(table.c.project_id == asked.projects[0])
    else:
        found.append(table.c.project_id.in_(sorted(set(asked.projects))))
    if asked.clouds is not None:
        found.append(table.c.cloud_id.in_(sorted(set(asked.clouds))))
    return found


def kinds_of(asked: Asked) -> tuple[str, ...]:
    """Return the kinds of resource asked about."""
    return KINDS if asked.kinds is None else tuple(sorted(set(asked.kinds)))


def touches(start: ColumnElement[int], end: ColumnElement[int | None], period: Period) -> ColumnElement[bool]:
    """Return the condition that `[start, end)` touches a period."""
    return and_(start < to_us(period.end), or_(end.is_(None), end > to_us(period.start)))


def holds(spans: FromClause, asked: Asked) -> list[ColumnElement[bool]]:
    """Return the conditions for spans that have one of the flavors and states asked about.

    What is accounted is text to the database, in one canonical form: so a name and its value are in it
    as written here, or are not there. A quote within a value is escaped, and no value looks like that.
    """
    found = []
    if asked.flavors is not None:
        of_volume = and_(spans.c.kind == VOLUME, _says(spans, VOLUME_TYPE, asked.flavors))
        found.append(or_(of_volume, and_(spans.c.kind != VOLUME, _says(spans, FLAVOR, asked.flavors))))
    if asked.states is not None:
        found.append(_says(spans, STATE, asked.states))
    return found


def _says(spans: FromClause, attribute: str, values: tuple[str, ...]) -> ColumnElement[bool]:
    def has(fragment: str) -> ColumnElement[bool]:
        # Not LIKE, which takes small letters for large ones on SQLite.
        return func.replace(text, fragment, "") != text

    text = cast(spans.c.accounted, Text)
    name = rows.encode(attribute) + ":"
    return or_(
        false(), *(has(name + rows.encode(one)) if one else not_(has(name)) for one in sorted(set(values)))
    )
