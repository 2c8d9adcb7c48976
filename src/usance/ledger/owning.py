"""Whose a resource is; and what was said of resources of which nobody said whose they are.

That is kept under project '', and copied to the owner once one is known: at once, or in the
transaction in which the ledger learns of it. A resource that goes from project to project has
several owners; what was said at an instant is of the one that had it then. Who that was is told by what
names its project, and by nothing else: so it does not matter what came first. What comes later may
tell that a copy is with the wrong one; then it is taken back, and given to the right one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import msgspec
from sqlalchemy import Connection, select

from usance.ledger import rows, schema
from usance.ledger.keyed import joined, select_these
from usance.ledger.locking import Place, lock_projects, lock_unowned
from usance.model.observation import Observation, Verb
from usance.model.resource import Resource

NOBODY: Final = ""
"""The project of what has no known owner."""

_OF_THING: Final = ("cloud_id", "kind", "resource_id")
_LIVED: Final = joined(schema.timeline, schema.RESOURCE_KEY, _OF_THING)
_ALWAYS: Final = datetime.min.replace(tzinfo=UTC)
_IDS_AT_ONCE: Final = 500


def owners(connection: Connection, kind: str, ids: Sequence[str]) -> dict[str, list[Place]]:
    """Return in which projects, and of which clouds, resources of a kind have lived, by id."""
    table = schema.timeline.c
    found: dict[str, list[Place]] = {}
    for page in rows.pages(ids, _IDS_AT_ONCE):
        query = (
            select(table.resource_id, table.project_id, table.cloud_id)
            .where(table.resource_id.in_(page), table.kind == kind, table.project_id != NOBODY)
            .order_by(table.begin_at, table.project_id, table.cloud_id)
        )
        for one, project_id, cloud_id in connection.execute(query):
            found.setdefault(one, []).append((project_id, cloud_id))
    return found


class Share(msgspec.Struct, frozen=True):
    """What an owner gets of what names none, and which copies turn out to be another's."""

    resource: Resource
    given: tuple[Observation, ...]
    taken: tuple[Observation, ...]


class Strays:
    """What was said, now or before, of the resources of a batch without saying whose they are."""

    def __init__(self, connection: Connection, observations: Iterable[Observation]) -> None:
        """Take the locks under which none is missed; that of no project may be held yet."""
        self._connection = connection
        self._things: list[Resource] = []
        resources = {one.resource for one in observations}
        if not resources:
            return
        found = {one for one in resources if one.project_id == NOBODY}
        if lock_unowned(connection, writes=bool(found)):
            of_nobody = {_of_nobody(one) for one in resources}
            found |= rows.observations_of(connection, sorted(of_nobody)).keys()
        # One at a time works on those of a cloud: so it knows of all owners that there are.
        lock_projects(connection, {(NOBODY, one.cloud_id) for one in found})
        self._things = sorted(found)

    def places(self) -> set[Place]:
        """Return the projects that may get some of it, or have what is another's."""
        return {(one.project_id, one.cloud_id) for one in self._lived()}

    def shares(self, tolerance: timedelta) -> list[Share]:
        """Return what changes for the owners, once what was said now is kept."""
        if not self._things:
            return []
        said = rows.observations_of(self._connection, self._things)
        own: dict[Resource, dict[Resource, list[Observation]]] = {}
        for resource, theirs in rows.observations_of(self._connection, sorted(self._lived())).items():
            own.setdefault(_of_nobody(resource), {})[resource] = theirs
        return [
            share
            for thing in self._things
            if thing in own
            for share in shares_of(said.get(thing, ()), own[thing], tolerance)
        ]

    def _lived(self) -> set[Resource]:
        """Return these resources in each project in which they ever lived."""
        keys = [(one.cloud_id, one.kind, one.id) for one in self._things]
        found = (Resource(*row) for row in select_these(self._connection, _LIVED, keys, _OF_THING))
        return {one for one in found if one.project_id != NOBODY}


def _of_nobody(resource: Resource) -> Resource:
    return Resource(NOBODY, resource.cloud_id, resource.kind, resource.id)


class Proof(NamedTuple):
    """That a project had a resource, from an instant on at the latest."""

    at: datetime
    has_entered: bool  # it did not have it before
    resource: Resource


def shares_of(
    strays: Sequence[Observation], own: Mapping[Resource, Sequence[Observation]], tolerance: timedelta
) -> Iterator[Share]:
    """Yield what changes for each of the projects in which one thing lived.

    *own* is all that is kept of it there, with what was copied before. The result is the same for the same
    observations, whatever was copied.
    """
    copies: dict[Resource, list[Observation]] = {}
    proofs: list[Proof] = []
    for resource, theirs in own.items():
        mine = _without_copies(theirs, strays)
        mine_proves = [_proof(one) for one in mine if _tells_of_life(one)]
        # Said with and without the project, word for word: then nothing tells what was copied.
        copies[resource] = [one for one in theirs if one not in mine] if mine_proves else []
        proofs += mine_proves or [_proof(one) for one in theirs if _tells_of_life(one)]
    proofs.sort()
    wanted: dict[Resource, list[Observation]] = {}
    for one in strays:
        owner = owner_at(proofs, one, tolerance)
        if owner is not None:
            wanted.setdefault(owner, []).append(msgspec.structs.replace(one, resource=owner))
    for resource, had in copies.items():
        due = wanted.get(resource, [])
        given = tuple(one for one in due if one not in had)
        taken = tuple(one for one in had if one not in due)
        if given or taken:
            yield Share(resource, given, taken)


def _without_copies(theirs: Sequence[Observation], strays: Sequence[Observation]) -> list[Observation]:
    by_instant: dict[datetime, list[Observation]] = {}
    for one in strays:
        by_instant.setdefault(one.at, []).append(one)
    return [
        one
        for one in theirs
        if one.at not in by_instant
        or msgspec.structs.replace(one, resource=_of_nobody(one.resource)) not in by_instant[one.at]
    ]


def _tells_of_life(one: Observation) -> bool:
    return one.verb not in {Verb.GONE, Verb.LEFT} and one.is_evidence_of_life


def _proof(one: Observation) -> Proof:
    at = one.begin if one.verb is Verb.SEEN and one.begin is not None else one.at
    return Proof(at, one.verb is Verb.ENTERED, one.resource)


def owner_at(proofs: Sequence[Proof], said: Observation, tolerance: timedelta) -> Resource | None:
    """Return whose an observation is, given in order who is known to have had its resource, and when.

    It is the one that had it last by then; what left a project had been there before. Who had it first had
    it always, unless it entered there: then nobody knows who had it before.
    """
    if not proofs:
        return None
    first = proofs[0] if proofs[0].has_entered else proofs[0]._replace(at=_ALWAYS)
    had = [first, *proofs[1:]]
    if said.verb is Verb.LEFT:
        # Whoever it went to then did not have it, even if a time in whole seconds, or the creation that
        # the volume brought along, seems to say so.
        takers = {one.resource for one in proofs if one.has_entered and one.at == said.at}
        found = [one for one in had if one.at < said.at and one.resource not in takers]
    else:
        found = [one for one in had if one.at <= said.at]
        if not found and first.at <= said.at + tolerance:
            found = [first]
    return found[-1].resource if found else None
