"""Volumes, snapshots and backups, as Cinder tells of them when it is asked: one look at a time.

Cinder has no listing of changes and none of what was deleted. So each look is a full one, and what
was there and is no more is said to be gone.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import TypeVar

import msgspec

from usance.cloud.access import Cloud
from usance.cloud.catalog import NoEndpointError
from usance.cloud.plugins import TokenScope
from usance.cloud.projects import Project
from usance.config.settings import Settings
from usance.model.errors import CloudError, DoubtfulLookError, UsanceError, first_of
from usance.model.observation import Batch, Look, Observation, Scope
from usance.model.resource import Resource
from usance.sources.cinder_api import CinderApi
from usance.sources.cinder_moves import Moves
from usance.sources.cinder_observations import Seen, gone, has_entered, observations, sighting
from usance.sources.cinder_rows import KINDS, Kind, StorageRow
from usance.sources.missing import Missing
from usance.sources.nova_api import is_path_safe
from usance.sources.source import Memory
from usance.sources.twice import look_twice

LOG = logging.getLogger(__name__)

T = TypeVar("T")

SLICE = 200
"""So many rows are compared, and so many absent ones asked for, at once."""

MOST_FOUND = 100
"""More than this that a listing left out twice, and a GET finds, make the listing worthless."""


def sources(cloud: Cloud, settings: Settings) -> list[CinderSource]:
    """Return what the extractor `cinder` stands for: one source for each kind of resource."""
    api = CinderApi(cloud.volume, page_limit=cloud.settings.page_limit)
    missing = Missing(
        "no volumes are accounted, no snapshots and no backups", by_default=settings.extractors_by_default
    )
    return [CinderSource(cloud, api, kind, missing) for kind in KINDS]


class _Group(msgspec.Struct):
    """What is known while a group of projects is looked at."""

    projects: dict[str, Project]
    scope: TokenScope
    memory: Memory
    begin: datetime
    end: datetime  # of the last answer so far: a cloud's clock may be set back meanwhile
    again: bool  # the first attempt was doubtful
    listed: dict[str, set[str]]  # ids by project


class CinderSource:
    """Looks at everything of one kind that projects have."""

    def __init__(self, cloud: Cloud, api: CinderApi, kind: Kind, missing: Missing | None = None) -> None:
        self.name = kind.source
        self.kind = kind.kind
        self._kind = kind
        self._cloud = cloud
        self._api = api
        self._margin = timedelta(seconds=cloud.settings.margin_s)
        self._tolerance = timedelta(seconds=cloud.settings.tolerance_s)
        self._planned: tuple[Project, ...] = ()
        self._remembering = asyncio.Lock()
        self._last_looks: dict[str, datetime | None] | None = None  # before this run, by project id
        self._missing = missing or Missing(f"no {kind.path} are accounted")

    def plan(
        self,
        projects: Sequence[Project],
        *,
        full: Collection[str] = (),  # noqa: ARG002  every look is a full one; the protocol has it
    ) -> list[tuple[Project, ...]]:
        """Return the groups: one of all projects where the account may list them and it pays."""
        self._planned = tuple(projects)
        self._last_looks = None
        if len(projects) > 1 and self._cloud.all_projects_scope is not None:
            return [tuple(projects)]
        return [(one,) for one in projects]

    async def look(
        self,
        group: Sequence[Project],
        memory: Memory,
        *,
        since: Mapping[str, datetime | None],  # noqa: ARG002  Cinder lists no changes; the protocol has it
        full: bool = False,  # noqa: ARG002  every look is a full one; the protocol has it
    ) -> AsyncIterator[tuple[str, Batch]]:
        """Look once at a group; see :class:`usance.sources.source.Source`.

        A look that did not show everything is repeated once. Raises DoubtfulLookError if it does not
        again, and CloudError if Cinder does not answer. Of a cloud without Cinder, that never had
        anything, nothing is said: it is logged once that it is missing.
        """
        scope, outside = self._scope(group)
        try:
            await self._api.negotiate(scope)
        except NoEndpointError as error:
            async for pair in self._without_cinder(group, memory, error):
                yield pair
            return
        await self._remember(memory, group)
        async for pair in look_twice(
            lambda again: self._look_once(group, memory, scope, outside=outside, again=again)
        ):
            yield pair

    def _scope(self, group: Sequence[Project]) -> tuple[TokenScope, bool]:
        """Return the scope that a group is looked at with, and whether that is from outside its projects."""
        if len(group) == 1:
            return self._cloud.scope_of(group[0])
        scope = self._cloud.all_projects_scope
        if scope is None:
            raise ValueError("only an administrator looks at several projects at once")
        return scope, True

    async def _without_cinder(
        self, group: Sequence[Project], memory: Memory, error: NoEndpointError
    ) -> AsyncIterator[tuple[str, Batch]]:
        """Say that nothing changed in projects that never had anything; raise the error for others."""
        for project in group:
            if await memory.alive(project.id):
                raise error
        self._missing.say(error)
        now = self._cloud.clock.now()
        for project in group:
            yield project.id, Batch(look=self._look_of(project, Scope.CHANGES, now, now))

    async def _look_once(
        self,
        group: Sequence[Project],
        memory: Memory,
        scope: TokenScope,
        *,
        outside: bool,
        again: bool,
    ) -> AsyncIterator[tuple[str, Batch]]:
        begin = self._cloud.clock.now()
        current = _Group(
            projects={one.id: one for one in group},
            scope=scope,
            memory=memory,
            begin=begin,
            end=begin,
            again=again,
            listed={one.id: set() for one in group},
        )
        query = _query(group, outside=outside)
        async with aclosing(self._api.pages(scope, self._kind, query)) as pages:
            async for rows in pages:
                async for pair in self._take_page(current, rows):
                    yield pair
        for project in group:
            async for pair in self._take_absent(current, project):
                yield pair
        end = self._end(current)
        for project in group:
            look = self._look_of(project, Scope.FULL, begin, end)
            yield project.id, Batch(look=look, watermark=begin - self._margin)

    def _look_of(self, project: Project, scope: Scope, begin: datetime, end: datetime) -> Look:
        return Look(
            project_id=project.id,
            cloud_id=self._cloud.cloud_id,
            source=self.name,
            kind=self.kind,
            scope=scope,
            begin=begin,
            end=end,
        )

    def _end(self, group: _Group) -> datetime:
        """Return the cloud's present, never earlier than an instant that this look named before."""
        group.end = max(group.end, self._cloud.clock.now())
        return group.end

    async def _take_page(self, group: _Group, rows: Sequence[StorageRow]) -> AsyncIterator[tuple[str, Batch]]:
        """Yield what is new on a page, for each project."""
        owned = [(owner, row) for row in rows if (owner := self._owner(group, row)) is not None]
        owned.sort(key=lambda pair: pair[0])
        for project_id, theirs in itertools.groupby(owned, key=lambda pair: pair[0]):
            several = [row for _, row in theirs]
            group.listed[project_id].update(row.id for row in several)
            for some in _sliced(several):
                batch = await self._changed(group, project_id, some)
                if batch.observations:
                    yield project_id, batch

    def _owner(self, group: _Group, row: StorageRow) -> str | None:
        """Return the project of the group that a row belongs to; None for what is not to be counted here."""
        if row.is_copy:
            return None
        if not is_path_safe(row.id):
            raise CloudError(f"Cinder lists a {self.kind} with an id that is none: {row.id!r:.80}")
        if row.project_id is not None:
            return row.project_id if row.project_id in group.projects else None
        if len(group.projects) > 1:
            raise CloudError(
                f"Cinder does not say whose {self.kind} {row.id} is",
                hint="the policy must show the project of what all_tenants lists",
            )
        return next(iter(group.projects))

    async def _changed(self, group: _Group, project_id: str, rows: Sequence[StorageRow]) -> Batch:
        """Return what changed among the rows of one project since they were last spoken of."""
        said = await group.memory.statements(project_id, [row.id for row in rows])
        end = self._end(group)
        changed: list[Seen] = []
        for row in rows:
            resource = Resource(project_id, self._cloud.cloud_id, self.kind, row.id)
            seen = Seen(row=row, resource=resource, source=self.name, begin=group.begin, end=end)
            if said.get(row.id) != sighting(seen).statement:
                changed.append(seen)
        last_looks = self._last_looks or {}
        last_look = last_looks.get(project_id)
        moves = Moves(group.memory, last_looks, self._tolerance)
        absent = {one.resource.id for one in changed if said.get(one.resource.id) == _gone(one).statement}
        unknown = [one.row for one in changed if one.resource.id not in said or one.resource.id in absent]
        elsewhere = await moves.seen_elsewhere(project_id, unknown)
        found: list[Observation] = []
        for seen in changed:
            one = seen.resource.id
            is_new = one not in said
            if one in absent and one in elsewhere:
                found += [*await moves.absence(seen), sighting(seen)]
            elif is_new and (one in elsewhere or has_entered(seen.row, last_look, self._tolerance)):
                # The giver is charged up to its own look. So the taker begins with this one: what
                # the row says of earlier instants would be counted twice.
                found.append(sighting(seen))
            else:
                found += observations(seen, last_look, is_new=is_new)
        return Batch(tuple(found))

    async def _remember(self, memory: Memory, group: Sequence[Project]) -> None:
        """Read, once and before anything is looked at, when each project was looked at last."""
        async with self._remembering:
            if self._last_looks is None:
                planned = self._planned or tuple(group)
                self._last_looks = {one.id: await memory.last_look(one.id) for one in planned}

    async def _take_absent(self, group: _Group, project: Project) -> AsyncIterator[tuple[str, Batch]]:
        """Ask for what was there and is not listed: a 404 is an answer, and so is another owner."""
        absent = sorted(await group.memory.alive(project.id) - group.listed[project.id])
        found = 0
        for some in _sliced(absent):
            rows = await self._ask_for(group.scope, some)
            end = self._end(group)
            still_there = [row for row in rows if row is not None and self._is_of(project, row)]
            found += len(still_there)
            if still_there and (not group.again or found > MOST_FOUND):
                raise DoubtfulLookError(
                    f"Cinder's listing of project {project.name} left out {self.kind} {still_there[0].id},"
                    " which exists",
                    hint="look into the log of cinder-api",
                )
            kept = {row.id for row in still_there}
            lost = [
                gone(Resource(project.id, self._cloud.cloud_id, self.kind, one), self.name, group.begin, end)
                for one in some
                if one not in kept
            ]
            if lost:
                yield project.id, Batch(tuple(lost))
            async for pair in self._take_page(group, still_there):
                yield pair

    @staticmethod
    def _is_of(project: Project, row: StorageRow) -> bool:
        return row.project_id in {None, project.id} and not row.is_copy

    async def _ask_for(self, scope: TokenScope, ids: Sequence[str]) -> list[StorageRow | None]:
        """Return the rows of these ids, asked for side by side; the first that fails is raised as it is."""
        try:
            async with asyncio.TaskGroup() as tasks:
                asked = [tasks.create_task(self._api.row(scope, self._kind, one)) for one in ids]
        except* UsanceError as group:
            raise first_of(group) from group
        return [task.result() for task in asked]


def _gone(seen: Seen) -> Observation:
    """Return what was said last of a resource that was found to be gone."""
    return gone(seen.resource, seen.source, seen.begin, seen.end)


def _query(group: Sequence[Project], *, outside: bool) -> tuple[tuple[str, str], ...]:
    """Return the query of a listing; `all_tenants` with a project shows an administrator that one alone."""
    if not outside:
        return ()
    every = ("all_tenants", "1")
    return (every, ("project_id", group[0].id)) if len(group) == 1 else (every,)


def _sliced(several: Sequence[T]) -> Iterable[Sequence[T]]:
    return (several[start : start + SLICE] for start in range(0, len(several), SLICE))
