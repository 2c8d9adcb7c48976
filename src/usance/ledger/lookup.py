"""Looking things up by what little is known of them: an id alone, or a kind of name."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Final

import msgspec
from sqlalchemy import func, select

from usance.ledger import rows, schema
from usance.ledger.engine import Store
from usance.model.observation import Observation
from usance.model.period import from_us
from usance.model.resource import Resource
from usance.model.span import Timeline

_PAGE: Final = 500


class Life(msgspec.Struct, frozen=True):
    """A timeline, and when the ledger learnt what it says."""

    timeline: Timeline
    revision: int
    recorded_at: datetime | None  # by the writers' clock


class NamesOf(msgspec.Struct, frozen=True):
    """The names that things of a kind have, and those that things had that are named no more, by id."""

    now: dict[str, str]
    past: dict[str, str]


class Counts(msgspec.Struct, frozen=True):
    """How much the ledger holds."""

    alive: int  # resources that ran and have no end
    spans: int


class Lookup:
    """Reads a ledger for those who know an id, and not whose it is. Each method is one transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def lives(self, kinds: Collection[str], resource_id: str) -> list[Life]:
        """Return the lives that a resource has, one for each project that it was in, by their begins."""
        table = schema.timeline.c
        query = select(table.project_id, table.cloud_id, table.kind).where(
            table.resource_id == resource_id, table.kind.in_(sorted(kinds)), table.project_id != ""
        )
        found: list[Life] = []
        with self._store.read() as connection:
            for project_id, cloud_id, kind in connection.execute(query).all():
                for timeline, revision, _ in rows.told(connection, project_id, cloud_id, kind, [resource_id]):
                    table_of = schema.revision.c
                    at = connection.execute(
                        select(table_of.recorded_at).where(
                            table_of.project_id == project_id,
                            table_of.cloud_id == cloud_id,
                            table_of.revision == revision,
                        )
                    ).scalar()
                    found.append(Life(timeline, revision, rows.instant_or_none(at)))
        found.sort(key=lambda one: (one.timeline.begin, one.timeline.resource))
        return found

    def said(self, resource: Resource) -> list[Observation]:
        """Return all that was ever said of a resource in its project."""
        place = (resource.project_id, resource.cloud_id, resource.kind)
        with self._store.read() as connection:
            return rows.observations(connection, *place, [resource.id]).get(resource.id, [])

    def clouds_of(self, project_id: str) -> list[str]:
        """Return the ids of the clouds in which anything is known of a project."""
        table = schema.project.c
        query = select(table.cloud_id).where(table.project_id == project_id).order_by(table.cloud_id)
        with self._store.read() as connection:
            return list(connection.execute(query).scalars())

    def recorded_at(self, project_id: str, cloud_id: str, revisions: Iterable[int]) -> dict[int, datetime]:
        """Return when some revisions of a project were recorded, by the writers' clock."""
        table = schema.revision.c
        found: dict[int, datetime] = {}
        with self._store.read() as connection:
            for page in rows.pages(sorted(set(revisions)), _PAGE):
                query = select(table.revision, table.recorded_at).where(
                    table.project_id == project_id,
                    table.cloud_id == cloud_id,
                    table.revision.in_(page),
                )
                found.update((one, from_us(at)) for one, at in connection.execute(query))
        return found

    def names_of(self, kind: str) -> NamesOf:
        """Return all names that things of a kind have or had; of kinds with few things only."""
        table = schema.name.c
        query = select(table.id, table.name).where(table.kind == kind).order_by(table.id, table.since_at)
        now: dict[str, str] = {}
        past: dict[str, str] = {}
        with self._store.read() as connection:
            for one, name in connection.execute(query):
                if name:
                    now[one] = name
                elif one in now:
                    past[one] = now.pop(one)
        return NamesOf(now, {one: name for one, name in past.items() if one not in now})

    def counts(self, kinds: Sequence[str]) -> Counts:
        """Return how much there is of some kinds of resource. It reads an index from end to end."""
        timelines, spans = schema.timeline.c, schema.span.c
        alive = select(func.count()).where(
            timelines.kind.in_(kinds),
            timelines.end_at.is_(None),
            timelines.launched,
            timelines.project_id != "",
        )
        number = select(func.count()).where(spans.kind.in_(kinds), spans.project_id != "")
        with self._store.read() as connection:
            return Counts(
                alive=connection.execute(alive).scalar_one(),
                spans=connection.execute(number).scalar_one(),
            )
