"""Whose a resource is; and what was said of resources of which nobody said whose they are.

That is kept under project '', and copied to the owner once one is known: at once, or in the
transaction in which the ledger learns of it. A resource that goes from project to project has
several owners; what was said at an instant is of the one in which it lived then.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec
from sqlalchemy import Connection, select

from usance.ledger import rows, schema
from usance.ledger.keyed import joined, select_these
from usance.ledger.locking import Place, lock_unowned
from usance.model.observation import Observation, Verb
from usance.model.period import from_us
from usance.model.resource import Resource

NOBODY: Final = ""
"""The project of what has no known owner."""

_OF_THING: Final = ("cloud_id", "kind", "resource_id")
_LIVES: Final = joined(schema.timeline, (*schema.RESOURCE_KEY, "begin_at", "end_at"), _OF_THING)
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


class Life(msgspec.Struct, frozen=True):
    """From when to when a resource lived in a project."""

    project_id: str
    begin: datetime
    end: datetime | None


class Strays:
    """What was said, now or before, of the resources of a batch without saying whose they are."""

    def __init__(self, connection: Connection, observations: Iterable[Observation]) -> None:
        """Take the lock under which none is missed; that of no project may be held yet."""
        self._connection = connection
        self._said: dict[Resource, list[Observation]] = {}
        resources = {one.resource for one in observations}
        unowned = [one for one in observations if one.resource.project_id == NOBODY]
        if not resources:
            return
        if lock_unowned(connection, writes=bool(unowned)):
            of_nobody = {Resource(NOBODY, one.cloud_id, one.kind, one.id) for one in resources}
            self._said = rows.observations_of(connection, sorted(of_nobody))
        for one in unowned:
            known = self._said.setdefault(one.resource, [])
            if one not in known:
                known.append(one)

    def places(self) -> set[Place]:
        """Return the projects that may get some of it."""
        return {
            (life.project_id, resource.cloud_id)
            for resource, lives in self._lives().items()
            for life in lives
        }

    def copies(self, held: Collection[Place], tolerance: timedelta) -> list[Observation]:
        """Return what the owners get, of those whose locks are held; they may have some of it already."""
        lives = self._lives()
        found = []
        for resource, said in self._said.items():
            own = [life for life in lives.get(resource, ()) if (life.project_id, resource.cloud_id) in held]
            for one in said:
                owner = owner_at(own, one, tolerance)
                if owner is not None:
                    theirs = Resource(owner, resource.cloud_id, resource.kind, resource.id)
                    found.append(msgspec.structs.replace(one, resource=theirs))
        return found

    def _lives(self) -> dict[Resource, list[Life]]:
        keys = [(one.cloud_id, one.kind, one.id) for one in self._said]
        found: dict[Resource, list[Life]] = {}
        for project_id, cloud_id, kind, one, begin, end in select_these(
            self._connection, _LIVES, keys, _OF_THING
        ):
            if project_id != NOBODY:
                life = Life(project_id, from_us(begin), rows.instant_or_none(end))
                found.setdefault(Resource(NOBODY, cloud_id, kind, one), []).append(life)
        return found


def owner_at(lives: Sequence[Life], said: Observation, tolerance: timedelta) -> str | None:
    """Return the project that an observation belongs to, given where its resource has lived.

    It is the life in which it lies, or else the last one before it; what left a project had been there
    before. None if the resource had not begun to live anywhere by then, as far as is known.
    """
    at = said.at
    if said.verb is Verb.LEFT:
        begun = [life for life in lives if life.begin < at]
    else:
        begun = [life for life in lives if life.begin <= at]
        begun = begun or [life for life in lives if life.begin <= at + tolerance]
    lasting = [life for life in begun if life.end is None or at <= life.end]
    found = max(lasting or begun, key=lambda life: (life.begin, life.project_id), default=None)
    return None if found is None else found.project_id
