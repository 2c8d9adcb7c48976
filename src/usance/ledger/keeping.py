"""Timelines as the ledger has them, for those who bring them up to date."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Connection

from usance.ledger import engine, schema
from usance.ledger.keyed import columns, joined, same, select_these
from usance.ledger.rows import encode, timeline_of, values_of, version_row
from usance.ledger.schema import RESOURCE_KEY
from usance.model.period import from_us
from usance.model.resource import Resource
from usance.model.span import Memory, Span, Timeline

_memory = msgspec.json.Decoder(Memory)

_COLUMNS: Final = (
    *(*RESOURCE_KEY, "begin_at", "end_at", "begin_exact", "end_exact", "launched"),
    *("doubts", "anomalies", "described"),
    *("revision", "first_revision", "last_at", "unsettled", "memory"),
)
_DESCRIBED: Final = _COLUMNS.index("described")
_VERSION: Final = _COLUMNS.index("revision") + 1  # the columns of a version
_WHOLE: Final = joined(schema.timeline, _COLUMNS)
_SPANS: Final = joined(schema.span, (*RESOURCE_KEY, "start_at", "end_at", "accounted", "revision"))
_OF_SPAN: Final = slice(len(_COLUMNS), None)
_OPEN: Final = " AND ".join(f"span.{name} = timeline.{name}" for name in RESOURCE_KEY)
_TAILS: Final = (
    f"SELECT {columns(schema.timeline, _COLUMNS)},"  # noqa: S608  # names of our own schema
    f" {columns(schema.span, ('start_at', 'accounted', 'revision'))} FROM these CROSS JOIN timeline"
    f" LEFT JOIN span ON {_OPEN} AND span.end_at IS NULL WHERE {same('timeline')}"
)


class Kept(msgspec.Struct, frozen=True, gc=False):
    """A timeline as the ledger has it, and what the ledger knows about it."""

    timeline: Timeline
    revision: int  # in which it became so
    first_revision: int  # in which the resource appeared
    last_us: int  # the latest instant of anything that is known of it
    unsettled: bool  # the silence of a further look may change it
    span_revisions: tuple[int, ...]  # in which each of its spans was written
    # As it is stored: what becomes history is written again, and not made again. Empty for what is new.
    stored: engine.Row = ()  # as `version_row` makes it
    stored_spans: tuple[engine.Row, ...] = ()  # of each span the start, the end, the values, the revision


def kept_row(kept: Kept, before: Kept | None = None) -> engine.Row:
    """Return the row of the table `timeline`, given what it replaces."""
    described = None
    if before is not None and kept.timeline.described is before.timeline.described:
        described = before.stored[_DESCRIBED]
    return (
        *version_row(kept.timeline, kept.revision, described),
        kept.first_revision,
        kept.last_us,
        kept.unsettled,
        encode(kept.timeline.memory),
    )


def key_of(resource: Resource) -> engine.Row:
    """Return the key of a resource, as its tables have it."""
    return resource.project_id, resource.cloud_id, resource.kind, resource.id


def tails(connection: Connection, resources: Sequence[Resource]) -> dict[Resource, Kept]:
    """Return the timelines of some resources, of the spans the open one only: it can be extended."""
    found: dict[Resource, Kept] = {}
    for row in select_these(connection, _TAILS, [key_of(one) for one in resources]):
        start, accounted, written = row[_OF_SPAN]
        resource = Resource(row[0], row[1], row[2], row[3])
        if start is None:
            found[resource] = _kept(row, resource, (), ())
        else:
            span = Span(from_us(start), None, values_of(accounted))
            found[resource] = _kept(row, resource, (span,), ((start, None, accounted, written),))
    return found


def whole(connection: Connection, resources: Sequence[Resource]) -> dict[Resource, Kept]:
    """Return the timelines of some resources."""
    keys = [key_of(one) for one in resources]
    spans: dict[engine.Row, list[tuple[int, Any, str, int]]] = {}
    for row in select_these(connection, _SPANS, keys):
        spans.setdefault(row[:4], []).append(row[4:])
    found: dict[Resource, Kept] = {}
    for row in select_these(connection, _WHOLE, keys):
        resource = Resource(row[0], row[1], row[2], row[3])
        own = sorted(spans.get(row[:4], ()))
        found[resource] = _kept(
            row,
            resource,
            tuple(
                Span(from_us(start), None if end is None else from_us(end), values_of(accounted))
                for start, end, accounted, _ in own
            ),
            tuple(own),
        )
    return found


def _kept(
    row: Any, resource: Resource, spans: tuple[Span, ...], stored_spans: tuple[engine.Row, ...]
) -> Kept:
    revision, first_revision, last_us, unsettled, memory = row[12:17]
    return Kept(
        timeline_of(row[3:12], resource, spans, _memory.decode(memory)),
        revision,
        first_revision,
        last_us,
        bool(unsettled),
        tuple(written for *_, written in stored_spans),
        row[:_VERSION],
        stored_spans,
    )
