"""One transaction on some projects, whose locks are held: what was said, and what follows from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import chain
from typing import Final

from sqlalchemy import Connection, select

from usance.ledger import rows, schema
from usance.ledger.engine import Row, bulk_insert
from usance.ledger.keeping import Kept, key_of, tails, whole
from usance.ledger.keyed import joined, remove, select_these
from usance.ledger.locking import Held, Place, allot
from usance.ledger.looks import Looks, last_looks
from usance.ledger.owning import NOBODY, Share
from usance.ledger.reporting import report
from usance.ledger.rows import look_row, observation_row, pages
from usance.ledger.settled import is_unsettled
from usance.ledger.silence import may_change
from usance.ledger.superseding import Successor, TimelineWriter
from usance.model.fastpath import extend, fold
from usance.model.observation import Look, Observation, Verb
from usance.model.period import to_us
from usance.model.resource import Resource
from usance.model.timeline import timeline

PAGE: Final = 1000
"""Resources worked on at once."""

_CREATED, _CHANGED, _DELETED = Verb.CREATED, Verb.CHANGED, Verb.DELETED
_SWIFT: Final = (_CREATED, _CHANGED, _DELETED)
"""What may extend a timeline."""

Keyed = tuple[int, str, Observation]
"""An observation with the microseconds of its instant, and its key, which costs a digest."""

_OF_OBSERVATION: Final = (*schema.RESOURCE_KEY, "at", "key")
_KNOWN: Final = joined(schema.observation, (*schema.RESOURCE_KEY, "key"), _OF_OBSERVATION)
_MENTIONED: Final = joined(schema.observation, schema.RESOURCE_KEY) + " GROUP BY 1, 2, 3, 4"


class Work:
    """What is written belongs to the next revision of each project that it is about."""

    def __init__(self, connection: Connection, held: Mapping[Place, Held], tolerance: timedelta) -> None:
        self.connection = connection
        self.tolerance = tolerance
        self.inserted = 0
        self._held = held
        self._writer = TimelineWriter(connection, held)
        self._looks: dict[tuple[str, str, str], Looks] = {}
        self._made: set[Resource] = set()  # whose timelines are up to date
        self._touched: set[Place] = set()

    @property
    def changed(self) -> int:
        """How many timelines are different now."""
        return self._writer.changed

    def finish(self, now: datetime) -> dict[Place, Held]:
        """Allot the revisions that were used; return what holds afterwards."""
        used = {place: self._held[place] for place in sorted(self._touched)}
        return {**self._held, **allot(self.connection, used, now)}

    def following(self, held: Mapping[Place, Held]) -> Work:
        """Return what goes on in the same transaction, under the revisions after those of this one."""
        return Work(self.connection, held, self.tolerance)

    # --- what was said -----------------------------------------------------------------------

    def keep_look(self, look: Look) -> bool:
        """Store a look; False if the ledger has it already."""
        table = schema.look.c
        place = (look.project_id, look.cloud_id)
        row = look_row(look, self._held[place].next)
        *key, _since, _revision = row
        is_this = [column == value for column, value in zip(schema.look.primary_key, key, strict=True)]
        if self.connection.execute(select(table.revision).where(*is_this)).first() is not None:
            return False
        bulk_insert(self.connection, schema.look, [row])
        self._touched.add(place)
        return True

    def keep(self, observations: Iterable[Observation]) -> None:
        """Store observations, and the timelines that they change."""
        said: dict[Resource, list[Observation]] = {}
        for one in observations:
            said.setdefault(one.resource, []).append(one)
        for page in pages(sorted(said, key=key_of), PAGE):
            self._keep({resource: said[resource] for resource in page})

    def _keep(self, said: Mapping[Resource, Sequence[Observation]]) -> None:
        swift: list[Resource] = []
        others: list[Resource] = []
        for resource, own in said.items():
            if resource.project_id != NOBODY:
                (swift if all(one.verb in _SWIFT for one in own) else others).append(resource)
        known = tails(self.connection, swift) | whole(self.connection, others)
        unknown = [resource for resource in said if resource not in known]
        past = self._mentioned(unknown)
        new = self._insert_new(said, known, past)
        # What nobody is known to own is only kept: it has no life of its own.
        owned = {resource: own for resource, own in new.items() if resource.project_id != NOBODY}
        if owned:
            sightings = (one for one in chain.from_iterable(owned.values()) if one[2].verb.is_sighting)
            report(self.connection, sightings)
            self._update(owned, known, past)

    def _mentioned(self, resources: Sequence[Resource]) -> set[Resource]:
        """Return those of which anything was said before."""
        keys = [key_of(one) for one in resources]
        return {Resource(*row) for row in select_these(self.connection, _MENTIONED, keys)}

    def _insert_new(
        self,
        said: Mapping[Resource, Sequence[Observation]],
        known: Mapping[Resource, Kept],
        past: set[Resource],
    ) -> dict[Resource, list[Keyed]]:
        """Store what the ledger doesn't have yet, and return it.

        The locks are held, so nobody else adds anything between the look-up and the insert. Nothing
        is known of a resource that is later than the last instant of its timeline.
        """
        keyed: dict[Resource, list[Keyed]] = {}
        suspects: list[Row] = []
        for resource, own in said.items():
            before = known.get(resource)
            last_us = before.last_us if before is not None else None
            is_suspect = resource in past
            mine = keyed[resource] = [(to_us(one.at), one.key, one) for one in own]
            for at_us, key, _ in mine:
                if is_suspect or (last_us is not None and at_us <= last_us):
                    suspects.append((*key_of(resource), at_us, key))
        had: dict[Row, set[str]] = {}
        for row in select_these(self.connection, _KNOWN, suspects, _OF_OBSERVATION):
            had.setdefault(row[:4], set()).add(row[4])
        new: dict[Resource, list[Keyed]] = {}
        inserts: list[Row] = []
        for resource, mine in keyed.items():
            place = key_of(resource)
            revision = self._held[place[0], place[1]].next
            seen = had.get(place, set())
            fresh: list[Keyed] = []
            for said_once in mine:
                at_us, key, one = said_once
                if key not in seen:
                    seen.add(key)
                    fresh.append(said_once)
                    inserts.append(observation_row(one, at_us, key, revision))
            if fresh:
                new[resource] = fresh
                self._touched.add((place[0], place[1]))
        bulk_insert(self.connection, schema.observation, inserts)
        self.inserted += len(inserts)
        return new

    def settle(self, shares: Sequence[Share]) -> None:
        """Give owners copies of what names none, and take back those that are another's."""
        self.keep(one for share in shares if not share.taken for one in share.given)
        for page in pages([share for share in shares if share.taken], PAGE):
            self._exchange(page)

    def _exchange(self, shares: Sequence[Share]) -> None:
        """Replace copies: each of these timelines is made anew, since what it was made of is gone."""
        gone: list[Row] = []
        inserts: list[Row] = []
        for share in shares:
            place = (share.resource.project_id, share.resource.cloud_id)
            gone += [(*key_of(share.resource), to_us(one.at), one.key) for one in share.taken]
            revision = self._held[place].next
            inserts += [observation_row(one, to_us(one.at), one.key, revision) for one in share.given]
            self._touched.add(place)
        remove(self.connection, schema.observation, _OF_OBSERVATION, gone)
        bulk_insert(self.connection, schema.observation, inserts)
        self.inserted += len(inserts)
        resources = [share.resource for share in shares]
        said = rows.observations_of(self.connection, resources)
        self._writer.write(self._remade(said, whole(self.connection, resources)))

    # --- the timelines -----------------------------------------------------------------------

    def hear_silence(self, look: Look) -> None:
        """Make those timelines anew which the silence of a new look may change."""
        for page in may_change(self.connection, look, self.tolerance):
            # The look was stored first, so what was made in this transaction has heard it already.
            resources = [Resource(look.project_id, look.cloud_id, look.kind, one) for one in page]
            stale = [one for one in resources if one not in self._made]
            known = whole(self.connection, stale)
            said = rows.observations_of(self.connection, stale)
            self._writer.write(self._remade(said, known))

    def _update(
        self, new: Mapping[Resource, Sequence[Keyed]], known: dict[Resource, Kept], past: set[Resource]
    ) -> None:
        """Bring the timelines of some resources up to date: extend those that can be, remake the others."""
        self._made.update(new)
        first = {resource: min(_first_us(one) for one in own) for resource, own in new.items()}
        looked = last_looks(self.connection, first, self.tolerance)
        made: dict[Resource, Successor] = {}
        fresh: dict[Resource, list[Observation]] = {}
        stale: list[Resource] = []
        for resource, own in new.items():
            before = known.get(resource)
            looked_until = looked.get((resource.project_id, resource.cloud_id, resource.kind))
            found = None
            if before is not None:
                found = self._extended(before, own, looked_until)
            elif resource not in past:
                found = self._begun(own) if looked_until is None else None
                if found is None:
                    fresh[resource] = [one for _, _, one in own]
                    continue
            if found is None:
                stale.append(resource)
            else:
                made[resource] = found
        made |= self._remade(fresh, {})
        if stale:
            said = rows.observations_of(self.connection, stale)
            made |= self._remade(said, whole(self.connection, stale))
        self._writer.write(made)

    def _extended(
        self, before: Kept, new: Sequence[Keyed], looked_until: datetime | None
    ) -> Successor | None:
        """Take the fast path, if all that is new of a resource may go along it."""
        longer = before.timeline
        ordered = new if len(new) == 1 else sorted(new, key=_instant)
        for _, _, one in ordered:
            extended = extend(longer, one, looked_until=looked_until, tolerance=self.tolerance)
            if extended is None:
                return None
            longer = extended
        # Who looked before this may say the contrary by silence: let the next look find out.
        unsettled = longer.end is None and not longer.memory.plain
        last_us = max(before.last_us, ordered[-1][0])
        return self._writer.successor(before, longer, last_us=last_us, unsettled=unsettled)

    def _begun(self, new: Sequence[Keyed]) -> Successor | None:
        """Take the fast path for a resource of which nothing was known, if no look may have missed it."""
        now = fold([one for _, _, one in new], tolerance=self.tolerance)
        if now is None:
            return None
        last_us = max(at_us for at_us, _, _ in new)
        return self._writer.successor(None, now, last_us=last_us, unsettled=False)

    def _remade(
        self, said: Mapping[Resource, list[Observation]], known: Mapping[Resource, Kept]
    ) -> dict[Resource, Successor]:
        """Return timelines made from all that was ever said of some resources."""
        made: dict[Resource, Successor] = {}
        for resource, own in said.items():
            before = known.get(resource)
            looks = self._looks_at(resource).around(own)
            now = None if looks else fold(own, tolerance=self.tolerance)
            if now is None:
                now = timeline(own, looks, tolerance=self.tolerance)
            if now is None:
                if before is not None:
                    raise RuntimeError(f"the timeline of {resource} has vanished")
                continue
            last_us = max(to_us(one.at) for one in own)
            last_us = max(last_us, to_us(now.spans[-1].start if now.end is None else now.end))
            made[resource] = self._writer.successor(
                before, now, last_us=last_us, unsettled=is_unsettled(now, own)
            )
        return made

    def _looks_at(self, resource: Resource) -> Looks:
        place = (resource.project_id, resource.cloud_id, resource.kind)
        if place not in self._looks:
            self._looks[place] = Looks(self.connection, *place, self.tolerance)
        return self._looks[place]


def _instant(keyed: Keyed) -> int:
    return keyed[0]


def _first_us(keyed: Keyed) -> int:
    """Return the earliest instant at which something happened of which an observation tells."""
    at_us, _, one = keyed
    if one.begin is not None:
        at_us = min(at_us, to_us(one.begin))
    if one.verb is _CREATED and one.created_at is not None:
        at_us = min(at_us, to_us(one.created_at))
    return at_us
