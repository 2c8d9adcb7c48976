"""Transaction 1, *observe*: what was said, the timelines that it changes, and how far was looked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import chain, groupby
from typing import Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Table,
    delete,
    select,
    update,
)

from usance.ledger import rows, schema
from usance.ledger.engine import Row, bulk_insert
from usance.ledger.locking import lock_project
from usance.ledger.looks import Looks
from usance.ledger.rows import Kept, look_row, observation_row, pages
from usance.ledger.settled import is_unsettled
from usance.ledger.silence import may_change
from usance.ledger.superseding import TimelineWriter
from usance.ledger.values import Observed
from usance.ledger.watermarks import move_source_watermark
from usance.model.fastpath import extend
from usance.model.observation import Batch, Look, Observation, Verb
from usance.model.period import to_us
from usance.model.timeline import timeline

PAGE: Final = 500
"""Resources worked on at once."""

_Keyed = tuple[str, Observation]  # with its key, which costs a digest


def observe(
    connection: Connection,
    project_id: str,
    cloud_id: str,
    batch: Batch,
    *,
    tolerance: timedelta,
    now: datetime,
    rewind: bool,
) -> Observed:
    """Keep a batch in the transaction that the connection is in.

    Raises ValueError if the batch speaks of another project or cloud.
    """
    _check(project_id, cloud_id, batch)
    last_revision = lock_project(connection, project_id, cloud_id)
    work = _Work(connection, project_id, cloud_id, last_revision + 1, tolerance)
    new_look = batch.look is not None and work.keep_look(batch.look)
    ordered = sorted(batch.observations, key=_by_resource)
    for kind, of_kind in groupby(ordered, key=lambda one: one.resource.kind):
        work.keep(kind, list(of_kind))
    if batch.look is not None and new_look:
        work.hear_silence(batch.look)
    if batch.watermark is not None:
        source = batch.look.source if batch.look is not None else _source_of(batch)
        move_source_watermark(connection, project_id, cloud_id, source, batch.watermark, rewind=rewind)
    revision = last_revision
    if work.inserted or work.changed or new_look:
        revision = last_revision + 1
        _allot(connection, project_id, cloud_id, revision, now)
    return Observed(
        inserted=work.inserted,
        duplicates=len(batch.observations) - work.inserted,
        changed=work.changed,
        revision=revision,
    )


def _by_resource(one: Observation) -> tuple[str, str]:
    return one.resource.kind, one.resource.id


def _check(project_id: str, cloud_id: str, batch: Batch) -> None:
    for one in batch.observations:
        if (one.resource.project_id, one.resource.cloud_id) != (project_id, cloud_id):
            raise ValueError(f"{one.resource} is not of project {project_id!r} of cloud {cloud_id!r}")
    look = batch.look
    if look is not None and (look.project_id, look.cloud_id) != (project_id, cloud_id):
        raise ValueError(f"{look} is not of project {project_id!r} of cloud {cloud_id!r}")


def _source_of(batch: Batch) -> str:
    sources = {one.source for one in batch.observations}
    if len(sources) != 1:
        raise ValueError("a watermark needs a look, or observations of one source, to say whose it is")
    return sources.pop()


def _allot(connection: Connection, project_id: str, cloud_id: str, revision: int, now: datetime) -> None:
    table = schema.project
    connection.execute(
        update(table)
        .where(table.c.project_id == project_id, table.c.cloud_id == cloud_id)
        .values(revision=revision)
    )
    bulk_insert(connection, schema.revision, [(project_id, cloud_id, revision, to_us(now))])


class _Work:
    """One transaction on one project, whose lock is held."""

    def __init__(
        self, connection: Connection, project_id: str, cloud_id: str, revision: int, tolerance: timedelta
    ) -> None:
        self.connection = connection
        self.project_id = project_id
        self.cloud_id = cloud_id
        self.revision = revision  # what is written now will belong to it
        self.tolerance = tolerance
        self.inserted = 0
        self._writer = TimelineWriter(connection, project_id, cloud_id, revision)
        self._looks: dict[str, Looks] = {}
        self._made: set[tuple[str, str]] = set()  # (kind, id) of the timelines that are up to date

    @property
    def changed(self) -> int:
        """How many timelines are different now."""
        return self._writer.changed

    # --- what was said -----------------------------------------------------------------------

    def keep_look(self, look: Look) -> bool:
        """Store a look; False if the ledger has it already."""
        table = schema.look.c
        row = look_row(look, self.revision)
        *key, _since, _revision = row
        is_this = [column == value for column, value in zip(schema.look.primary_key, key, strict=True)]
        if self.connection.execute(select(table.revision).where(*is_this)).first() is not None:
            return False
        bulk_insert(self.connection, schema.look, [row])
        return True

    def keep(self, kind: str, said: list[Observation]) -> None:
        """Store observations, ordered by resource id, and the timelines that they change."""
        by_id = ((one_id, list(one)) for one_id, one in groupby(said, key=lambda one: one.resource.id))
        for page in pages(by_id, PAGE):
            new = self._insert_new(kind, dict(page))
            # What nobody is known to own is only kept: it has no life of its own.
            if new and self.project_id:
                self._report(kind, new)
                self._update(kind, new)

    def _insert_new(self, kind: str, said: dict[str, list[Observation]]) -> dict[str, list[_Keyed]]:
        """Store what the ledger doesn't have yet, and return it.

        The project's lock is held, so nobody else adds anything between the look-up and the insert.
        """
        instants = [to_us(one.at) for own in said.values() for one in own]
        table = schema.observation.c
        query = select(table.resource_id, table.key).where(
            *self._these(schema.observation, kind, said), table.at.between(min(instants), max(instants))
        )
        known = {(resource_id, key) for resource_id, key in self.connection.execute(query)}
        new: dict[str, list[_Keyed]] = {}
        inserts: list[Row] = []
        for resource_id, own in said.items():
            for one in own:
                key = one.key
                if (resource_id, key) not in known:
                    known.add((resource_id, key))
                    new.setdefault(resource_id, []).append((key, one))
                    inserts.append(observation_row(one, key, self.revision))
        bulk_insert(self.connection, schema.observation, inserts)
        self.inserted += len(inserts)
        return new

    def _report(self, kind: str, new: Mapping[str, Sequence[_Keyed]]) -> None:
        """Note what each source said last of each resource, in a sighting."""
        latest: dict[tuple[str, str], tuple[int, str, Observation]] = {}
        for key, one in chain.from_iterable(new.values()):
            if one.verb.is_sighting:
                place = (one.source, one.resource.id)
                candidate = (to_us(one.at), key, one)
                if place not in latest or candidate[:2] > latest[place][:2]:
                    latest[place] = candidate
        table = schema.report
        for source, own in groupby(sorted(latest), key=lambda place: place[0]):
            ids = [resource_id for _, resource_id in own]
            these = (*self._these(table, kind, ids), table.c.source == source)
            known = {
                row.resource_id: (row.at, row.key)
                for row in self.connection.execute(
                    select(table.c.resource_id, table.c.at, table.c.key).where(*these)
                )
            }
            fresh = [one for one in ids if one not in known or latest[source, one][:2] > known[one]]
            stale = [one for one in fresh if one in known]
            if stale:
                self.connection.execute(
                    delete(table).where(*self._these(table, kind, stale), table.c.source == source)
                )
            inserts = []
            for resource_id in fresh:
                at, key, one = latest[source, resource_id]
                place_of = (self.project_id, self.cloud_id, kind, source, resource_id)
                inserts.append((*place_of, at, key, one.statement, one.verb is Verb.SEEN))
            bulk_insert(self.connection, table, inserts)

    # --- the timelines -----------------------------------------------------------------------

    def hear_silence(self, look: Look) -> None:
        """Make those timelines anew which the silence of a new look may change."""
        for page in may_change(self.connection, look, self.tolerance):
            # The look was stored first, so what was made in this transaction has heard it already.
            ids = [one for one in page if (look.kind, one) not in self._made]
            self._recompute(look.kind, ids, self._kept(look.kind, ids))

    def _update(self, kind: str, new: Mapping[str, Sequence[_Keyed]]) -> None:
        """Bring the timelines of some resources up to date: extend those that can be, remake the others."""
        known = self._kept(kind, list(new))
        self._made.update((kind, resource_id) for resource_id in new)
        extended: dict[str, Kept] = {}
        for resource_id, own in new.items():
            found = self._extended(kind, known.get(resource_id), [one for _, one in own])
            if found is not None:
                extended[resource_id] = found
        self._writer.write(kind, known, extended)
        fresh = self._first_heard_of(kind, [one for one in new if one not in known])
        self._remake(kind, {one: [said for _, said in new[one]] for one in fresh}, known)
        self._recompute(kind, [one for one in new if one not in extended and one not in fresh], known)

    def _first_heard_of(self, kind: str, ids: Sequence[str]) -> set[str]:
        """Return those of which nothing was said before this page: that need not be read back."""
        if not ids:
            return set()
        table = schema.observation.c
        query = select(table.resource_id).where(
            *self._these(schema.observation, kind, ids), table.revision < self.revision
        )
        return set(ids) - set(self.connection.execute(query.distinct()).scalars())

    def _extended(self, kind: str, before: Kept | None, new: Sequence[Observation]) -> Kept | None:
        """Take the fast path, if all that is new of a resource may go along it."""
        if before is None:
            return None
        looked_until = self._looks_at(kind).last_end
        longer = before.timeline
        for one in sorted(new, key=lambda one: one.at):
            extended = extend(longer, one, looked_until=looked_until, tolerance=self.tolerance)
            if extended is None:
                return None
            longer = extended
        # Who looked before this may say the contrary by silence: let the next look find out.
        last_us = max(to_us(one.at) for one in new)
        return self._writer.successor(before, longer, last_us=last_us, unsettled=True)

    def _recompute(self, kind: str, ids: Sequence[str], known: dict[str, Kept]) -> None:
        if not ids:
            return
        said = rows.observations(self.connection, self.project_id, self.cloud_id, kind, ids)
        self._remake(kind, said, known)

    def _remake(self, kind: str, said: dict[str, list[Observation]], known: dict[str, Kept]) -> None:
        """Make timelines from all that was ever said of some resources, and write what became of them."""
        if not said:
            return
        looks = self._looks_at(kind)
        made: dict[str, Kept] = {}
        for resource_id, own in said.items():
            before = known.get(resource_id)
            now = timeline(own, looks.around(own), tolerance=self.tolerance)
            if now is None:
                if before is not None:
                    raise RuntimeError(f"the timeline of {before.timeline.resource} has vanished")
                continue
            last_us = max(to_us(one.at) for one in own)
            last_us = max(last_us, to_us(now.spans[-1].start if now.end is None else now.end))
            made[resource_id] = self._writer.successor(
                before, now, last_us=last_us, unsettled=is_unsettled(now, own)
            )
        self._writer.write(kind, known, made)

    # --- what all of it needs ----------------------------------------------------------------

    def _kept(self, kind: str, ids: Sequence[str]) -> dict[str, Kept]:
        return rows.kept(self.connection, self.project_id, self.cloud_id, kind, ids)

    def _looks_at(self, kind: str) -> Looks:
        if kind not in self._looks:
            self._looks[kind] = Looks(self.connection, self.project_id, self.cloud_id, kind, self.tolerance)
        return self._looks[kind]

    def _these(self, table: Table, kind: str, ids: Iterable[str]) -> tuple[ColumnElement[bool], ...]:
        return rows.these(table, self.project_id, self.cloud_id, kind, ids)
