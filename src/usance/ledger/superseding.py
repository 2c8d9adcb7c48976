"""Writing what became of timelines; what they were before goes to the history."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from usance.ledger import schema
from usance.ledger.counting import DAY_US
from usance.ledger.difference import differs_from
from usance.ledger.dirty import mark_dirty
from usance.ledger.engine import Row, bulk_insert
from usance.ledger.keeping import Kept, kept_row, key_of
from usance.ledger.keyed import remove
from usance.ledger.locking import Held, Place
from usance.ledger.rows import span_row
from usance.ledger.schema import RESOURCE_KEY
from usance.ledger.upserting import bulk_upsert
from usance.model.period import to_us
from usance.model.resource import Resource
from usance.model.span import Span, Timeline

_OF_SPAN: Final = (*RESOURCE_KEY, "start_at")
_START, _VALUES = 0, 2  # where they are in `Kept.stored_spans`


class Successor:
    """What to keep of a timeline, what it was before, and from which microsecond they differ.

    Of both only the last spans may be there, if the others are the same.
    """

    __slots__ = ("before", "differs_us", "is_news", "kept")

    def __init__(self, before: Kept | None, kept: Kept, differs_us: int, *, is_news: bool) -> None:
        self.before = before
        self.kept = kept
        self.differs_us = differs_us
        self.is_news = is_news  # the timeline itself is another than it was


class _SpanRows:
    """The rows of spans that are to be written, and of those that are superseded."""

    def __init__(self) -> None:
        self.new: list[Row] = []
        self.replaced: list[Row] = []  # those that begin where one did before
        self.gone: list[Row] = []  # the keys of those that begin where none does any more
        self.superseded: list[Row] = []

    def add(self, one: Successor) -> None:
        """Add what becomes of the spans of a timeline."""
        resource = one.kept.timeline.resource
        key = key_of(resource)
        revision = one.kept.revision
        old: dict[datetime, tuple[Span, Row]] = {}
        if one.before is not None:
            before = one.before
            for span, stored in zip(before.timeline.spans, before.stored_spans, strict=True):
                old[span.start] = (span, stored)
        for span, written in zip(one.kept.timeline.spans, one.kept.span_revisions, strict=True):
            was = old.pop(span.start, None)
            if written != revision:
                continue
            if was is None:
                self.new.append(span_row(resource, span, revision))
            else:
                known = was[1][_VALUES] if span.values is was[0].values else None
                self.replaced.append(span_row(resource, span, revision, known))
                self.superseded.append((*key, *was[1], revision))
        for _, stored in old.values():
            self.superseded.append((*key, *stored, revision))
            self.gone.append((*key, stored[_START]))


class TimelineWriter:
    """Writes timelines under the next revisions of their projects, whose locks are held."""

    def __init__(self, connection: Connection, held: Mapping[Place, Held]) -> None:
        self.connection = connection
        self.changed = 0  # timelines that are different now
        self._held = held

    def successor(
        self,
        before: Kept | None,
        now: Timeline,
        *,
        last_us: int,
        unsettled: bool,
    ) -> Successor:
        """Return what to keep of a timeline, given what is kept."""
        revision = self._held[now.resource.project_id, now.resource.cloud_id].next
        if before is None:
            written = (revision,) * len(now.spans)
            kept = Kept(now, revision, revision, last_us, unsettled, written)
            return Successor(None, kept, to_us(now.begin), is_news=True)
        first = before.first_revision
        differs = differs_from(before.timeline, now)
        if differs is None:
            kept = Kept(now, before.revision, first, last_us, unsettled, before.span_revisions)
            return Successor(before, kept, last_us, is_news=False)
        old = {
            one.start: (one, written)
            for one, written in zip(before.timeline.spans, before.span_revisions, strict=True)
        }
        revisions = []
        for one in now.spans:
            was = old.get(one.start)
            revisions.append(was[1] if was is not None and was[0] == one else revision)
        kept = Kept(now, revision, first, last_us, unsettled, tuple(revisions))
        return Successor(before, kept, to_us(differs), is_news=True)

    def write(self, made: Mapping[Resource, Successor]) -> None:
        """Write what became of some timelines; what they were goes to the history.

        A resource comes here once in a transaction at most.
        """
        news = {resource: one for resource, one in made.items() if one.is_news}
        self._mark_dirty(news)
        spans = _SpanRows()
        for one in news.values():
            spans.add(one)
        versions = [
            (*one.before.stored, one.kept.revision, one.differs_us)
            for one in news.values()
            if one.before is not None
        ]
        bulk_insert(self.connection, schema.timeline_history, versions)
        bulk_insert(self.connection, schema.span_history, spans.superseded)
        remove(self.connection, schema.span, _OF_SPAN, spans.gone)
        bulk_upsert(self.connection, schema.span, spans.replaced)
        bulk_insert(self.connection, schema.span, spans.new)
        # With those that did not change themselves, but of which the ledger knows more now.
        noted = [one for one in made.values() if one.is_news or _notes(one.kept) != _notes(one.before)]
        changed = [kept_row(one.kept, one.before) for one in noted if one.before is not None]
        bulk_upsert(self.connection, schema.timeline, changed)
        bulk_insert(
            self.connection, schema.timeline, [kept_row(one.kept) for one in noted if one.before is None]
        )
        self.changed += len(news)

    def _mark_dirty(self, news: Mapping[Resource, Successor]) -> None:
        """Note the days that were summed up and are to be so again; what is news costs a look."""
        late: dict[tuple[str, str, str], list[tuple[Timeline | None, Timeline]]] = {}
        for resource, one in news.items():
            held = self._held[resource.project_id, resource.cloud_id]
            if one.differs_us < held.rolled_day * DAY_US:
                place = (resource.project_id, resource.cloud_id, resource.kind)
                before = None if one.before is None else one.before.timeline
                late.setdefault(place, []).append((before, one.kept.timeline))
        for place, changes in late.items():
            held = self._held[place[0], place[1]]
            mark_dirty(self.connection, place, held.next, held.rolled_day, changes)


def _notes(kept: Kept | None) -> tuple[object, ...] | None:
    if kept is None:
        return None
    memory = kept.timeline.memory
    return kept.last_us, kept.unsettled, memory.heard_until, memory.occurrences, memory.plain
