"""Between the model's values and the rows of the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, Select, Table, select

from usance.ledger import engine, schema
from usance.ledger.keyed import joined, select_these
from usance.model.observation import DeletionQuality, Look, Observation, Scope, Verb
from usance.model.period import from_us, to_us
from usance.model.resource import Resource, Value
from usance.model.span import Anomaly, Described, Doubt, Memory, Span, Timeline


class _Said(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an observation says beside what has a column of its own."""

    resolution_us: int = 0
    accounted: dict[str, Value] = {}
    untold: tuple[str, ...] = ()
    described: dict[str, Value] = {}
    created_at: datetime | None = None
    created_resolution_us: int = 0
    launched: bool = False
    seq: int | None = None
    quality: DeletionQuality | None = None


_encoder = msgspec.json.Encoder(order="deterministic")
_said = msgspec.json.Decoder(_Said)
_values = msgspec.json.Decoder(dict[str, Value])
_doubts = msgspec.json.Decoder(tuple[Doubt, ...])
_anomalies = msgspec.json.Decoder(tuple[Anomaly, ...])
_described = msgspec.json.Decoder(tuple[Described, ...])
_VERBS: Final = {one.value: one for one in Verb}
_EMPTY = Memory()
_NONE = "[]"
_NOTHING = len(_NONE)

_Spans = tuple[list[Span], list[int]]
"""The spans of a timeline, and the revisions in which they were written."""
_NO_SPANS: _Spans = ([], [])


def encode(value: Any) -> str:
    """Return a value as canonical JSON text."""
    return _encoder.encode(value).decode()


def us_or_none(instant: datetime | None) -> int | None:
    """Return the microseconds of an instant, if there is one."""
    return None if instant is None else to_us(instant)


def instant_or_none(microseconds: int | None) -> datetime | None:
    """Return the instant of some microseconds, if there are any."""
    return None if microseconds is None else from_us(microseconds)


# --- observations and looks ------------------------------------------------------------------


def observation_row(one: Observation, at_us: int, key: str, revision: int) -> engine.Row:
    """Return the row of an observation, in the order of the table's columns.

    Its instant in microseconds and its key are given: who stores it needs them before.
    """
    said = _Said(
        one.resolution_us,
        one.accounted,
        one.untold,
        one.described,
        one.created_at,
        one.created_resolution_us,
        one.launched,
        one.seq,
        one.quality,
    )
    resource = one.resource
    return (
        resource.project_id,
        resource.cloud_id,
        resource.kind,
        resource.id,
        at_us,
        key,
        one.source,
        one.verb._value_,  # `value` takes five times as long
        us_or_none(one.begin),
        one.occurrence,
        encode(said),
        revision,
    )


_OBSERVATIONS: Final = joined(
    schema.observation,
    (*schema.RESOURCE_KEY, "at", "source", "verb", "begin_at", "occurrence", "said"),
)


def observations(
    connection: Connection, project_id: str, cloud_id: str, kind: str, ids: Sequence[str]
) -> dict[str, list[Observation]]:
    """Return all that was said of some resources of one project, by their ids."""
    said = observations_of(connection, [Resource(project_id, cloud_id, kind, one) for one in ids])
    return {resource.id: own for resource, own in said.items()}


def observations_of(
    connection: Connection, resources: Sequence[Resource]
) -> dict[Resource, list[Observation]]:
    """Return all that was said of some resources."""
    keys = [(one.project_id, one.cloud_id, one.kind, one.id) for one in resources]
    found: dict[tuple[str, ...], list[Observation]] = {}
    named: dict[tuple[str, ...], Resource] = dict(zip(keys, resources, strict=True))
    for row in select_these(connection, _OBSERVATIONS, keys):
        key = row[:4]
        at, source, verb, begin, occurrence, text = row[4:]
        said = _said.decode(text)
        found.setdefault(key, []).append(
            Observation(
                resource=named[key],
                verb=_VERBS[verb],
                at=from_us(at),
                source=source,
                begin=instant_or_none(begin),
                resolution_us=said.resolution_us,
                accounted=said.accounted,
                untold=said.untold,
                described=said.described,
                created_at=said.created_at,
                created_resolution_us=said.created_resolution_us,
                launched=said.launched,
                occurrence=occurrence,
                seq=said.seq,
                quality=said.quality,
            )
        )
    return {named[key]: own for key, own in found.items()}


def look_row(look: Look, revision: int) -> engine.Row:
    """Return the row of a look, in the order of the table's columns."""
    return (
        look.project_id,
        look.cloud_id,
        look.kind,
        look.source,
        look.scope.value,
        to_us(look.end),
        to_us(look.begin),
        us_or_none(look.since),
        revision,
    )


def look_of(row: Row[Any]) -> Look:
    """Return the look that a row of the table holds."""
    return Look(
        project_id=row.project_id,
        cloud_id=row.cloud_id,
        source=row.source,
        kind=row.kind,
        scope=Scope(row.scope),
        begin=from_us(row.begin_at),
        end=from_us(row.end_at),
        since=instant_or_none(row.since_at),
    )


# --- timelines -------------------------------------------------------------------------------


def version_row(timeline: Timeline, revision: int, described: str | None = None) -> engine.Row:
    """Return the columns that a timeline and its superseded versions share.

    *described* is its column as it is stored already, if it is.
    """
    resource = timeline.resource
    if described is None:
        described = encode(timeline.described) if timeline.described else _NONE
    return (
        resource.project_id,
        resource.cloud_id,
        resource.kind,
        resource.id,
        to_us(timeline.begin),
        us_or_none(timeline.end),
        timeline.begin_exact,
        timeline.end_exact,
        timeline.launched,
        encode(timeline.doubts) if timeline.doubts else _NONE,
        encode(timeline.anomalies) if timeline.anomalies else _NONE,
        described,
        revision,
    )


def span_row(resource: Resource, span: Span, revision: int, values: str | None = None) -> engine.Row:
    """Return the row of a span; *values* is its column as it is stored already, if it is."""
    return (
        resource.project_id,
        resource.cloud_id,
        resource.kind,
        resource.id,
        to_us(span.start),
        us_or_none(span.end),
        encode(span.values) if values is None else values,
        revision,
    )


def told(
    connection: Connection, project_id: str, cloud_id: str, kind: str, ids: Sequence[str]
) -> Iterator[tuple[Timeline, int, int]]:
    """Yield the timelines of some resources, in the order of their ids: what they say, for those who read.

    With each, the revision in which it became so and the one in which the resource appeared. Its
    memory, which is needed to extend it, is left empty.
    """
    which = these(schema.timeline, project_id, cloud_id, kind, ids)
    spans = _spans(connection, project_id, cloud_id, kind, ids)
    for row in _timelines(connection, which):
        resource_id, *_, revision, first_revision = row
        own, _ = spans.get(resource_id, _NO_SPANS)
        resource = Resource(project_id, cloud_id, kind, resource_id)
        yield timeline_of(row, resource, tuple(own)), revision, first_revision


def _timelines(
    connection: Connection, which: tuple[ColumnElement[bool], ...], *more: ColumnElement[Any]
) -> Sequence[Any]:
    table = schema.timeline.c
    query: Select[Any] = (
        select(
            table.resource_id,
            table.begin_at,
            table.end_at,
            table.begin_exact,
            table.end_exact,
            table.launched,
            table.doubts,
            table.anomalies,
            table.described,
            table.revision,
            table.first_revision,
            *more,
        )
        .where(*which)
        .order_by(table.resource_id)
    )
    return connection.execute(query).all()


def _spans(
    connection: Connection, project_id: str, cloud_id: str, kind: str, ids: Sequence[str]
) -> dict[str, _Spans]:
    table = schema.span.c
    query: Select[Any] = (
        select(table.resource_id, table.start_at, table.end_at, table.accounted, table.revision)
        .where(*these(schema.span, project_id, cloud_id, kind, ids))
        .order_by(table.resource_id, table.start_at)
    )
    found: dict[str, _Spans] = {}
    own: list[Span] = []
    written: list[int] = []
    current = end_us = end = None
    for resource_id, start_us, next_us, text, revision in connection.execute(query).all():
        if resource_id != current:
            found[resource_id] = own, written = [], []
            current = resource_id
            end_us = None
        # Most spans begin where the one before them ends.
        start = end if end is not None and start_us == end_us else from_us(start_us)
        end_us, end = next_us, None if next_us is None else from_us(next_us)
        own.append(Span(start, end, _values.decode(text)))
        written.append(revision)
    return found


def these(
    table: Table, project_id: str, cloud_id: str, kind: str, ids: Iterable[str]
) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions for the rows of some resources."""
    return (
        table.c.project_id == project_id,
        table.c.cloud_id == cloud_id,
        table.c.kind == kind,
        table.c.resource_id.in_(ids),
    )


def pages(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Cut something long into lists of at most so many items."""
    page: list[Any] = []
    for item in items:
        page.append(item)
        if len(page) == size:
            yield page
            page = []
    if page:
        yield page


def timeline_of(row: Any, resource: Resource, spans: tuple[Span, ...], memory: Memory = _EMPTY) -> Timeline:
    """Return the timeline that a row of `timeline` or `timeline_history` holds; its memory is given.

    The row begins with the id and what follows it in those tables, up to `described`. It is read
    by place: asking for names takes longer than all the rest.
    """
    _, begin, end, begin_exact, end_exact, launched, doubts, anomalies, described, *_ = row
    return Timeline(
        resource,
        from_us(begin),
        instant_or_none(end),
        spans,
        bool(begin_exact),
        bool(end_exact),
        bool(launched),
        _doubts.decode(doubts) if len(doubts) > _NOTHING else (),
        _anomalies.decode(anomalies) if len(anomalies) > _NOTHING else (),
        _described.decode(described) if len(described) > _NOTHING else (),
        memory,
    )


def values_of(text: str) -> dict[str, Value]:
    """Return the accounted values that a row holds as text."""
    return _values.decode(text)
