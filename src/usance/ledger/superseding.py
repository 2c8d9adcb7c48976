"""Writing what became of timelines; what they were before goes to the history."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, delete, update

from usance.ledger import schema
from usance.ledger.counting import DAY_US
from usance.ledger.difference import differs_from
from usance.ledger.dirty import mark_dirty, rolled_day
from usance.ledger.engine import Row, bulk_insert
from usance.ledger.rows import Kept, encode, kept_row, span_row, these, version_row
from usance.model.period import to_us
from usance.model.resource import Resource
from usance.model.span import Timeline


class TimelineWriter:
    """Writes timelines of one project under one revision; its lock is held."""

    def __init__(self, connection: Connection, project_id: str, cloud_id: str, revision: int) -> None:
        self.connection = connection
        self.project_id = project_id
        self.cloud_id = cloud_id
        self.revision = revision
        self.changed = 0  # timelines that are different now
        self._differs: dict[Resource, int] = {}  # of those about to be written: since when
        self._rolled_day: int | None = None  # -1: nothing was summed up; None: not known yet

    def successor(self, before: Kept | None, now: Timeline, *, last_us: int, unsettled: bool) -> Kept:
        """Return what to keep of a timeline, given what is kept."""
        if before is None:
            written = tuple(self.revision for _ in now.spans)
            return Kept(now, self.revision, self.revision, last_us, unsettled, written)
        differs = differs_from(before.timeline, now)
        if differs is None:
            return Kept(
                now, before.revision, before.first_revision, last_us, unsettled, before.span_revisions
            )
        self._differs[now.resource] = to_us(differs)
        old = {
            one.start: (one, written)
            for one, written in zip(before.timeline.spans, before.span_revisions, strict=True)
        }
        revisions = []
        for one in now.spans:
            was = old.get(one.start)
            revisions.append(was[1] if was is not None and was[0] == one else self.revision)
        return Kept(now, self.revision, before.first_revision, last_us, unsettled, tuple(revisions))

    def write(self, kind: str, known: dict[str, Kept], made: dict[str, Kept]) -> None:
        """Write what became of some timelines; what they were goes to the history.

        A resource comes here once in a transaction at most.
        """
        changed = {one: kept for one, kept in made.items() if kept.revision == self.revision}
        replaced = [one for one in changed if one in known]
        self._mark_dirty(kind, known, changed)
        versions: list[Row] = []
        old_spans: list[Row] = []
        for one in replaced:
            before, after = known[one], made[one]
            differs = self._differs.pop(before.timeline.resource)
            versions.append((*version_row(before.timeline, before.revision), self.revision, differs))
            still = {
                span.start
                for span, written in zip(after.timeline.spans, after.span_revisions, strict=True)
                if written != self.revision
            }
            old_spans += [
                (*span_row(before.timeline.resource, span, written), self.revision)
                for span, written in zip(before.timeline.spans, before.span_revisions, strict=True)
                if span.start not in still
            ]
        bulk_insert(self.connection, schema.timeline_history, versions)
        bulk_insert(self.connection, schema.span_history, old_spans)
        self._remove(kind, replaced, old_spans)
        bulk_insert(self.connection, schema.timeline, [kept_row(one) for one in changed.values()])
        bulk_insert(
            self.connection,
            schema.span,
            [
                span_row(one.timeline.resource, span, written)
                for one in changed.values()
                for span, written in zip(one.timeline.spans, one.span_revisions, strict=True)
                if written == self.revision
            ],
        )
        self._note(kind, [one for one in made.values() if one.revision != self.revision], known)
        self.changed += len(changed)

    def _mark_dirty(self, kind: str, known: dict[str, Kept], changed: dict[str, Kept]) -> None:
        """Note the days that were summed up and are to be so again; what is news costs a look."""
        if not changed:
            return
        if self._rolled_day is None:
            self._rolled_day = rolled_day(self.connection, self.project_id, self.cloud_id)
        rolled_us = self._rolled_day * DAY_US
        late = []
        for one, after in changed.items():
            before = known.get(one)
            timeline = after.timeline
            since = to_us(timeline.begin) if before is None else self._differs[timeline.resource]
            if since < rolled_us:
                late.append((None if before is None else before.timeline, timeline))
        if late:
            place = (self.project_id, self.cloud_id, kind)
            mark_dirty(self.connection, place, self.revision, self._rolled_day, late)

    def _remove(self, kind: str, ids: Sequence[str], spans: Sequence[Row]) -> None:
        if ids:
            self.connection.execute(
                delete(schema.timeline).where(
                    *these(schema.timeline, self.project_id, self.cloud_id, kind, ids)
                )
            )
        if spans:
            table = schema.span.c
            self.connection.execute(
                delete(schema.span).where(
                    table.project_id == self.project_id,
                    table.cloud_id == self.cloud_id,
                    table.kind == kind,
                    table.resource_id == bindparam("of_resource"),
                    table.start_at == bindparam("of_start"),
                ),
                [{"of_resource": row[3], "of_start": row[4]} for row in spans],
            )

    def _note(self, kind: str, unchanged: Sequence[Kept], known: dict[str, Kept]) -> None:
        """Write what the ledger knows of timelines that did not change themselves."""
        notes = [
            {
                "of_resource": _id(one),
                "new_last_at": one.last_us,
                "new_unsettled": one.unsettled,
                "new_memory": encode(one.timeline.memory),
            }
            for one in unchanged
            if _notes(one) != _notes(known[_id(one)])
        ]
        if notes:
            table = schema.timeline
            self.connection.execute(
                update(table)
                .where(
                    table.c.project_id == self.project_id,
                    table.c.cloud_id == self.cloud_id,
                    table.c.kind == kind,
                    table.c.resource_id == bindparam("of_resource"),
                )
                .values(
                    last_at=bindparam("new_last_at"),
                    unsettled=bindparam("new_unsettled"),
                    memory=bindparam("new_memory"),
                ),
                notes,
            )


def _id(kept: Kept) -> str:
    return kept.timeline.resource.id


def _notes(kept: Kept) -> tuple[object, ...]:
    memory = kept.timeline.memory
    return kept.last_us, kept.unsettled, memory.heard_until, memory.occurrences
