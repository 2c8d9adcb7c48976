"""Resources and spans, page by page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Connection, FromClause, Select, Text, and_, cast, exists, select

from usance.ledger import rows, schema
from usance.ledger.answers import Asked, Cursor, LifeRow, Page, ResourceRow, Sort, SpanRow
from usance.ledger.engine import Store
from usance.ledger.paging import Order, checked, merged, order
from usance.ledger.schema import RESOURCE_KEY
from usance.ledger.standing import NOW, TIMELINE, Standing, holds, kinds_of, of_places, stands, touches
from usance.model.period import Period, from_us
from usance.model.resource import FLAVOR, STATE, VOLUME, VOLUME_TYPE, Resource, Value
from usance.model.span import Anomaly, Described, Doubt

NAME: Final = "name"
"""The described attribute in which the name of a resource stands."""

PLACE: Final = ("project_id", "cloud_id")

_doubts = msgspec.json.Decoder(tuple[Doubt, ...])
_anomalies = msgspec.json.Decoder(tuple[Anomaly, ...])
_described = msgspec.json.Decoder(tuple[Described, ...])
_NOTHING: Final = "[]"


class Listing(msgspec.Struct, frozen=True):
    """A question for rows of one standing, and the order of its answers."""

    query: Select[Any]
    order: Order
    # What is still to be read beside the rows of a page, once these are found.
    complete: Callable[[Select[Any]], Select[Any]] = lambda page: page


def resources(
    store: Store, asked: Asked, *, sort: Sort, descending: bool, after: Cursor | None, limit: int
) -> Page[ResourceRow]:
    """Return resources; see :meth:`usance.ledger.questions.Questions.resources`."""
    asked = checked(asked, limit)

    def listing(standing: Standing) -> Listing:
        def with_last_span(page: Select[Any]) -> Select[Any]:
            found = page.subquery()
            ordered = order("resources", found, sort, start="begin_at", descending=descending)
            return _with_last_span(found, standing.spans).order_by(*ordered.by)

        table = standing.timelines
        which = conditions(standing, asked)
        last = holds(standing.spans, asked)
        if last:
            which.append(exists().where(_is_last(table, standing.spans), *last))
        return Listing(
            select(*(table.c[name] for name in TIMELINE)).where(*which),
            order("resources", table, sort, start="begin_at", descending=descending),
            with_last_span,
        )

    with store.read() as connection:
        found, following = _page(connection, asked, listing, after, limit)
    return Page(tuple(resource_row(row) for row in found), following)


def spans(
    store: Store,
    asked: Asked,
    *,
    sort: Sort,
    descending: bool,
    after: Cursor | None,
    limit: int,
    clip: bool,
) -> Page[SpanRow]:
    """Return spans; see :meth:`usance.ledger.questions.Questions.spans`."""
    asked = checked(asked, limit)

    def listing(standing: Standing) -> Listing:
        table = standing.spans
        which = [*conditions(standing, asked), *holds(table, asked)]
        if asked.period is not None:
            which.append(touches(table.c.start_at, table.c.end_at, asked.period))
        return Listing(
            span_query(standing).where(*which),
            order("spans", table, sort, start="start_at", descending=descending),
        )

    with store.read() as connection:
        found, following = _page(connection, asked, listing, after, limit)
    period = asked.period if clip else None
    return Page(tuple(span_row(row, period) for row in found), following)


def lives(store: Store, asked: Asked) -> list[LifeRow]:
    """Return whole lives; see :meth:`usance.ledger.questions.Questions.lives`."""
    asked = checked(asked)
    found: list[LifeRow] = []
    with store.read() as connection:
        table = schema.timeline
        # Of a resource there is a timeline of today in every project in which it ever had one.
        owners = select(table.c.project_id, table.c.cloud_id).distinct().where(*conditions(NOW, asked))
        for project_id, cloud_id in connection.execute(owners.order_by(*owners.selected_columns)).all():
            own = msgspec.structs.replace(asked, projects=(project_id,), clouds=(cloud_id,))
            if asked.as_of is None:
                found += _lives(connection, NOW, own)
                continue
            for one in stands(connection, own, asked.as_of):
                found += _lives(connection, one.standing, own)
    found.sort(key=lambda one: (one.resource.begin, one.resource.resource))
    return found


def _lives(connection: Connection, standing: Standing, asked: Asked) -> Iterator[LifeRow]:
    """Yield the lives that fulfil the conditions, in one project and cloud."""
    which = conditions(standing, asked)
    page = select(*(standing.timelines.c[name] for name in TIMELINE)).where(*which).subquery()
    spans: dict[Resource, list[SpanRow]] = {}
    for row in connection.execute(span_query(standing).where(*which).order_by(standing.spans.c.start_at)):
        one = span_row(row)
        spans.setdefault(one.resource, []).append(one)
    for row in connection.execute(_with_last_span(page, standing.spans)).all():
        resource = resource_row(row)
        own = tuple(spans.get(resource.resource, ()))
        yield LifeRow(resource, own, described_of(row.described))


# --- which rows ------------------------------------------------------------------------------


def _with_last_span(timelines: FromClause, spans: FromClause) -> Select[Any]:
    """Return the query for timelines, each with what its last span accounts."""
    return select(timelines, spans.c.accounted).select_from(
        timelines.outerjoin(spans, _is_last(timelines, spans))
    )


def _is_last(timelines: FromClause, spans: FromClause) -> ColumnElement[bool]:
    """Return the condition that a span is the last one of a timeline: it ends with it."""
    own = (timelines.c[name] == spans.c[name] for name in RESOURCE_KEY)
    return and_(*own, spans.c.end_at.is_not_distinct_from(timelines.c.end_at))


def conditions(standing: Standing, asked: Asked) -> list[ColumnElement[bool]]:
    """Return the conditions for timelines, of which the projects are those of a revision or of all."""
    table = standing.timelines.c
    found = [*of_places(standing.timelines, asked), table.kind.in_(kinds_of(asked))]
    if asked.ids is not None:
        found.append(table.resource_id.in_(sorted(set(asked.ids))))
    if asked.period is not None:
        found.append(touches(table.begin_at, table.end_at, asked.period))
    if asked.alive is not None:
        found.append(table.end_at.is_(None) if asked.alive else table.end_at.is_not(None))
    if asked.name is not None:
        # What is described is text to the database. This finds every bearer of the name, and some more.
        fragment = rows.encode(asked.name)
        found.append(cast(table.described, Text).contains(fragment, autoescape=True))
    return found


def span_query(standing: Standing) -> Select[Any]:
    """Return the query for spans, each with what is to be known of its timeline."""
    timelines, spans = standing.timelines, standing.spans
    return select(
        *(spans.c[name] for name in (*RESOURCE_KEY, "start_at", "end_at", "accounted", "revision")),
        timelines.c.launched,
        timelines.c.begin_exact,
        timelines.c.end_exact,
        timelines.c.doubts,
        timelines.c.described,
        timelines.c.begin_at.label("life_begin_at"),
        timelines.c.end_at.label("life_end_at"),
    ).select_from(timelines.join(spans, and_(*(timelines.c[name] == spans.c[name] for name in RESOURCE_KEY))))


def _page(
    connection: Connection,
    asked: Asked,
    listing: Callable[[Standing], Listing],
    after: Cursor | None,
    limit: int,
) -> tuple[list[Any], Cursor | None]:
    """Return the rows of a page, and where the next one begins."""
    if asked.as_of is None:
        return _filled(connection, asked, listing(NOW), after, limit)
    made = listing(NOW).order
    by_project = made.names[: len(PLACE)] == PLACE and not made.descending
    pages: list[list[Any]] = []
    # Where projects come one after the other, those before the cursor's are done with.
    first = str(after.key[0]) if by_project and after is not None and after.key else None
    for one in stands(connection, asked, asked.as_of, first=first):
        page, _ = _filled(connection, asked, listing(one.standing), after, limit + 1)
        pages.append(page)
        if by_project and sum(map(len, pages)) > limit:
            break  # projects come in this order: what follows is behind the page
    found = merged(pages, made.key, descending=made.descending)
    if len(found) <= limit:
        return found, None
    return found[:limit], made.cursor(found[limit - 1])


def _filled(
    connection: Connection, asked: Asked, listing: Listing, after: Cursor | None, limit: int
) -> tuple[list[Any], Cursor | None]:
    """Return as many rows as were asked for; where names are compared here, that may take several tries."""
    made = listing.order
    found: list[Any] = []
    while True:
        behind = [] if after is None else [made.behind(after)]
        page = listing.query.where(*behind).order_by(*made.by).limit(limit + 1)
        answer = connection.execute(listing.complete(page)).all()
        for row in answer:
            if len(found) == limit:
                return found, after
            after = made.cursor(row)
            if asked.name is None or name_of(described_of(row.described)) == asked.name:
                found.append(row)
        if len(answer) <= limit:
            return found, None


# --- from rows to answers --------------------------------------------------------------------


def resource_row(row: Any) -> ResourceRow:
    """Return what a row of a timeline, with its last span's values, says."""
    described = described_of(row.described)
    accounted = {} if row.accounted is None else rows.values_of(row.accounted)
    return ResourceRow(
        resource=Resource(row.project_id, row.cloud_id, row.kind, row.resource_id),
        name=name_of(described),
        begin=from_us(row.begin_at),
        end=rows.instant_or_none(row.end_at),
        begin_exact=bool(row.begin_exact),
        end_exact=bool(row.end_exact),
        launched=bool(row.launched),
        flavor=_text(accounted.get(VOLUME_TYPE if row.kind == VOLUME else FLAVOR)),
        state=_text(accounted.get(STATE)),
        accounted=accounted,
        described={one.attribute: one.value for one in described},
        anomalies=() if row.anomalies == _NOTHING else _anomalies.decode(row.anomalies),
        revision=row.revision,
    )


def span_row(row: Any, period: Period | None = None) -> SpanRow:
    """Return what a row of a span, with its timeline, says; cut to a period that it touches."""
    start, end = from_us(row.start_at), rows.instant_or_none(row.end_at)
    doubts = () if row.doubts == _NOTHING else _doubts.decode(row.doubts)
    start_exact = bool(row.begin_exact) if row.start_at == row.life_begin_at else _is_exact(start, doubts)
    end_exact = bool(row.end_exact) if row.end_at == row.life_end_at else _is_exact(end, doubts)
    cut = None if period is None else period.clip(start, end)
    if cut is not None and period is not None:
        start_exact, end_exact = start_exact or cut.start > start, end_exact or cut.end != end
        start = cut.start
        # What goes on beyond the period ends with it; so does what has no end.
        end = cut.end
    return SpanRow(
        resource=Resource(row.project_id, row.cloud_id, row.kind, row.resource_id),
        name=name_of(described_of(row.described)),
        start=start,
        end=end,
        start_exact=start_exact,
        end_exact=end_exact,
        inferred=tuple(sorted({one.attribute for one in doubts if _overlap(one, start, end)})),
        launched=bool(row.launched),
        accounted=rows.values_of(row.accounted),
        revision=row.revision,
    )


def _is_exact(boundary: datetime | None, doubts: tuple[Doubt, ...]) -> bool:
    """Tell whether a change is exact: one that was inferred ends the stretch in which it may have been."""
    return boundary is None or all(one.end != boundary for one in doubts)


def _overlap(doubt: Doubt, start: datetime, end: datetime | None) -> bool:
    return (end is None or doubt.start < end) and (doubt.end is None or doubt.end > start)


def described_of(text: str) -> tuple[Described, ...]:
    """Return what is described of a resource, in the order of attributes and instants."""
    return () if text == _NOTHING else _described.decode(text)


def name_of(described: tuple[Described, ...]) -> str | None:
    """Return the last name that is known."""
    found = [one.value for one in described if one.attribute == NAME]
    return str(found[-1]) if found else None


def _text(value: Value | None) -> str | None:
    return None if value is None else str(value)
