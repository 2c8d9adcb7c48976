"""Which timelines the silence of a new look may change, found without loading the others."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, except_, select, union

from usance.ledger import rows, schema
from usance.model.observation import Look, Scope
from usance.model.period import MICROSECOND, to_us

PAGE: Final = 500

_Open = tuple[str, int | None, int]  # resource id, end, the latest instant that is known


def may_change(connection: Connection, look: Look, tolerance: timedelta) -> Iterator[list[str]]:
    """Yield, page by page, the ids of the resources that the look's silence may say something about.

    Silence repeats the source's last report. That can change a timeline only if some report
    disagrees with how the timeline ends, or if something is known of it that is as late as the
    look itself. What the source reported within the look was not met with silence. And of what
    the source never reported, a full look says that it is absent.

    The queries join no tables: a database that has no statistics yet, as at a first look, would
    compare each timeline with each report.
    """
    found: set[str] = set()
    for page in rows.pages(_open_questions(connection, look, tolerance), PAGE):
        found.update(_met_with_silence(connection, look, page, tolerance))
    if look.scope is Scope.FULL:
        found.update(_never_reported(connection, look))
    yield from rows.pages(sorted(found), PAGE)


def _open_questions(connection: Connection, look: Look, tolerance: timedelta) -> list[_Open]:
    table = schema.timeline.c
    query = select(table.resource_id, table.end_at, table.last_at).where(*_of_kind(table, look))
    late = _late(look, tolerance)
    either = union(query.where(table.unsettled), query.where(table.last_at >= late))
    return [(resource_id, end, last_us) for resource_id, end, last_us in connection.execute(either)]


def _late(look: Look, tolerance: timedelta) -> int:
    return to_us(look.begin) - 2 * (tolerance // MICROSECOND)


def _met_with_silence(
    connection: Connection, look: Look, timelines: list[_Open], tolerance: timedelta
) -> Iterator[str]:
    table = schema.report.c
    query = select(table.resource_id, table.at, table.alive).where(
        *_of_kind(table, look),
        table.source == look.source,
        table.resource_id.in_([resource_id for resource_id, _, _ in timelines]),
    )
    reports = {resource_id: (at, alive) for resource_id, at, alive in connection.execute(query)}
    begin, end, late = to_us(look.begin), to_us(look.end), _late(look, tolerance)
    for resource_id, ended_at, last_us in timelines:
        report = reports.get(resource_id)
        if report is None:
            if last_us >= late:
                yield resource_id
            continue
        at, alive = report
        if not begin <= at <= end and (last_us >= late or alive or ended_at is None):
            yield resource_id


def _never_reported(connection: Connection, look: Look) -> list[str]:
    """Return what lives and is not among what the source saw last."""
    timelines, reports = schema.timeline.c, schema.report.c
    query = except_(
        select(timelines.resource_id).where(*_of_kind(timelines, look), timelines.end_at.is_(None)),
        select(reports.resource_id).where(
            *_of_kind(reports, look), reports.source == look.source, reports.alive
        ),
    )
    return [resource_id for (resource_id,) in connection.execute(query)]


def _of_kind(table: Any, look: Look) -> tuple[ColumnElement[bool], ...]:
    return (
        table.project_id == look.project_id,
        table.cloud_id == look.cloud_id,
        table.kind == look.kind,
    )
