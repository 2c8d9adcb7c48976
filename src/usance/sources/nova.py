"""Servers, as Nova tells of them when it is asked: one look at a time."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta

import msgspec

from usance.cloud.access import Cloud
from usance.cloud.flavors import FlavorReader
from usance.cloud.plugins import TokenScope
from usance.cloud.projects import Project
from usance.config.settings import FlavorKeys, Settings
from usance.model.errors import CloudError, DoubtfulLookError, UsanceError
from usance.model.observation import Batch, Look, Observation, Scope
from usance.model.period import EPOCH
from usance.model.resource import SERVER, Resource
from usance.sources.nova_actions import doubtful, tell
from usance.sources.nova_api import NovaApi, is_path_safe
from usance.sources.nova_observations import NAME, Seen, gone, observations, sighting
from usance.sources.nova_rows import ActionRow, EventRow, ServerRow
from usance.sources.nova_states import SOFT_DELETED, state_of
from usance.sources.side_by_side import side_by_side, sliced
from usance.sources.source import Memory
from usance.sources.twice import look_twice

LOG = logging.getLogger(__name__)

MOST_FOUND = 100
"""More servers than this that a listing left out twice, and a GET finds, make the listing worthless."""


def sources(cloud: Cloud, settings: Settings) -> list[NovaSource]:
    """Return what the extractor `nova` stands for."""
    return [NovaSource(cloud, settings.flavor_keys)]


class _Group(msgspec.Struct):
    """What is known while a group of projects is looked at."""

    projects: dict[str, Project]
    scope: TokenScope
    memory: Memory
    begin: datetime
    end: datetime  # of the last answer so far: a cloud's clock may be set back meanwhile
    again: bool  # the first attempt was doubtful
    listed: dict[str, set[str]] | None  # live ids by project; None where absence tells nothing


class NovaSource:
    """Looks at servers: what changed since the watermark, or all of them, and at their actions."""

    name = NAME
    kind = SERVER

    def __init__(self, cloud: Cloud, flavor_keys: FlavorKeys | None = None) -> None:
        self._cloud = cloud
        self._flavors = FlavorReader(flavor_keys or FlavorKeys())
        self._api = NovaApi(cloud.compute, page_limit=cloud.settings.page_limit)
        self._negotiating = asyncio.Lock()
        self._margin = timedelta(seconds=cloud.settings.margin_s)

    def plan(self, projects: Sequence[Project], *, full: Collection[str] = ()) -> list[tuple[Project, ...]]:
        """Return the groups: one of all projects for changes, where the account may and it pays.

        A full look goes by project, as many side by side as the limiter lets: the pages of one
        listing can only be read one after the other.
        """
        due = [one for one in projects if one.id in full]
        rest = [one for one in projects if one.id not in full]
        groups: list[tuple[Project, ...]] = [(one,) for one in due]
        if len(rest) > 1 and self._cloud.all_projects_scope is not None:
            return [tuple(rest), *groups]
        return [*((one,) for one in rest), *groups]

    async def look(
        self,
        group: Sequence[Project],
        memory: Memory,
        *,
        since: Mapping[str, datetime | None],
        full: bool = False,
    ) -> AsyncIterator[tuple[str, Batch]]:
        """Look once at a group; see :class:`usance.sources.source.Source`.

        A look that did not show everything is repeated once. Raises DoubtfulLookError if it does not
        again, and CloudError if Nova does not answer.
        """
        async for pair in look_twice(
            lambda again: self._look_once(group, memory, since, full=full, again=again)
        ):
            yield pair

    async def _look_once(
        self,
        group: Sequence[Project],
        memory: Memory,
        since: Mapping[str, datetime | None],
        *,
        full: bool,
        again: bool,
    ) -> AsyncIterator[tuple[str, Batch]]:
        scope, outside = self._scope(group)
        async with self._negotiating:
            await self._api.negotiate(scope)
        begin = self._cloud.clock.now()
        known = [since.get(one.id) for one in group]
        first = None in known
        asked = EPOCH if first else min(one for one in known if one is not None)
        current = _Group(
            projects={one.id: one for one in group},
            scope=scope,
            memory=memory,
            begin=begin,
            end=begin,
            again=again,
            listed={one.id: set() for one in group} if full and not first else None,
        )
        queries = _queries(group, asked, outside=outside, live=current.listed is not None)
        held: tuple[str, Batch] | None = None  # until it is known whether it is the last one
        try:
            async with aclosing(self._hear(current, queries)) as heard:
                async for pair in heard:
                    if held is not None:
                        yield held
                    held = pair
        except UsanceError:
            if held is not None:
                yield held  # it is true, whatever went wrong after it
            raise
        is_full = full or first
        end = self._end(current)
        for project in group:
            last = self._last_batch(project, begin, end, None if is_full else asked, since)
            if held is not None and held[0] == project.id:
                last = msgspec.structs.replace(last, observations=held[1].observations)
                held = None
            yield project.id, last

    async def _hear(
        self, group: _Group, queries: Iterable[tuple[tuple[str, str], ...]]
    ) -> AsyncGenerator[tuple[str, Batch]]:
        """Yield what the listings, and the answers for what is absent from them, tell."""
        for query in queries:
            async with aclosing(self._api.pages(group.scope, query)) as pages:
                async for rows in pages:
                    async for pair in self._take_page(group, rows):
                        yield pair
        for project_id, listed in (group.listed or {}).items():
            async for pair in self._take_absent(group, group.projects[project_id], listed):
                yield pair

    def _end(self, group: _Group) -> datetime:
        """Return the cloud's present, never earlier than an instant that this look named before."""
        group.end = max(group.end, self._cloud.clock.now())
        return group.end

    def _last_batch(
        self,
        project: Project,
        begin: datetime,
        end: datetime,
        asked: datetime | None,
        since: Mapping[str, datetime | None],
    ) -> Batch:
        look = Look(
            project_id=project.id,
            cloud_id=self._cloud.cloud_id,
            source=NAME,
            kind=SERVER,
            scope=Scope.FULL if asked is None else Scope.CHANGES,
            begin=begin,
            end=end,
            since=asked,
        )
        before = since.get(project.id)
        watermark = begin - self._margin
        return Batch(look=look, watermark=watermark if before is None else max(before, watermark))

    def _scope(self, group: Sequence[Project]) -> tuple[TokenScope, bool]:
        """Return the scope that a group is looked at with, and whether that is from outside its projects."""
        if len(group) == 1:
            return self._cloud.scope_of(group[0])
        scope = self._cloud.all_projects_scope
        if scope is None:
            raise ValueError("only an administrator looks at several projects at once")
        return scope, True

    async def _take_page(self, group: _Group, rows: Sequence[ServerRow]) -> AsyncIterator[tuple[str, Batch]]:
        """Yield what is new on a page, for each project."""
        own = [row for row in rows if self._owner(group, row) is not None]
        end = self._end(group)
        partial = next((row for row in own if row.is_partial), None)
        if partial is not None:
            raise DoubtfulLookError(
                f"Nova shows server {partial.id} without its state: one of its cells is down",
                hint="see openstack compute service list, and run again when the cell is back",
            )
        own.sort(key=lambda row: self._owner(group, row) or "")
        for project_id, theirs in itertools.groupby(own, key=lambda row: self._owner(group, row) or ""):
            several = list(theirs)
            if group.listed is not None:
                group.listed[project_id].update(row.id for row in several if not row.is_deleted)
            async for pair in self._take_rows(group, project_id, several, end):
                yield pair

    def _owner(self, group: _Group, row: ServerRow) -> str | None:
        """Return the project of the group that a row belongs to; None for what an administrator sees too."""
        if row.tenant_id in group.projects:
            return row.tenant_id
        if row.tenant_id is None and len(group.projects) == 1:
            return next(iter(group.projects))
        return None

    async def _take_rows(
        self, group: _Group, project_id: str, rows: Sequence[ServerRow], end: datetime
    ) -> AsyncIterator[tuple[str, Batch]]:
        """Yield what changed among the rows of one project since they were last spoken of."""
        said = await group.memory.statements(project_id, [row.id for row in rows])
        changed: list[Seen] = []
        for row in rows:
            seen = Seen(
                row=row,
                resource=Resource(project_id, self._cloud.cloud_id, SERVER, row.id),
                flavor=await self._flavor(group.scope, row),
                begin=group.begin,
                end=end,
            )
            if said.get(row.id) != sighting(seen).statement:
                changed.append(seen)
        for some in sliced(changed):
            found = await side_by_side(self._look_into(group, seen) for seen in some)
            yield project_id, Batch(tuple(itertools.chain.from_iterable(found)))

    async def _flavor(self, scope: TokenScope, row: ServerRow) -> Mapping[str, str | int]:
        return self._flavors.attributes(await self._api.flavor(scope, row.flavor))

    async def _look_into(self, group: _Group, seen: Seen) -> list[Observation]:
        """Return what a changed server's row and its actions say."""
        row = seen.row
        if not is_path_safe(row.id):
            raise CloudError(f"Nova lists a server with an id that is none: {row.id!r:.80}")
        actions = await self._api.actions(group.scope, row.id)
        if actions is None:
            return observations(seen, None)
        steps = await self._steps(group.scope, row, actions, read_from=seen.begin)
        return observations(seen, tell(row, actions, steps, read_from=seen.begin))

    async def _steps(
        self, scope: TokenScope, row: ServerRow, actions: Sequence[ActionRow], *, read_from: datetime
    ) -> dict[str, list[EventRow]]:
        found: dict[str, list[EventRow]] = {}
        for request_id in doubtful(row, actions, read_from=read_from):
            if is_path_safe(request_id):
                found[request_id] = await self._api.steps(scope, row.id, request_id)
        return found

    async def _take_absent(
        self, group: _Group, project: Project, listed: set[str]
    ) -> AsyncIterator[tuple[str, Batch]]:
        """Ask for each server that was alive and is not listed: a 404 is an answer."""
        absent = sorted(await group.memory.alive(project.id) - listed)
        found = 0
        for some in sliced(absent):
            rows = await side_by_side(self._api.server(group.scope, one) for one in some)
            end = self._end(group)
            still_there = [row for row in rows if row is not None]
            # A plain listing hides what is soft-deleted, and lives nevertheless.
            left_out = [row for row in still_there if state_of(row) != SOFT_DELETED]
            found += len(left_out)
            if left_out and (not group.again or found > MOST_FOUND):
                raise DoubtfulLookError(
                    f"Nova's listing of project {project.name} left out server {left_out[0].id},"
                    " which exists",
                    hint="see whether all cells are up; nova-api's log names those that did not answer",
                )
            lost = [
                gone(Resource(project.id, self._cloud.cloud_id, SERVER, one), group.begin, end)
                for one, row in zip(some, rows, strict=True)
                if row is None
            ]
            if lost:
                yield project.id, Batch(tuple(lost))
            async for pair in self._take_page(group, still_there):
                yield pair


def _queries(
    group: Sequence[Project], asked: datetime, *, outside: bool, live: bool
) -> list[tuple[tuple[str, str], ...]]:
    """Return the queries of the listings that make a look.

    A listing with `changes-since` shows what was deleted as well; one without it, what lives. So
    the first look asks for all changes ever, and a later full look asks for both.
    """
    whose: tuple[tuple[str, str], ...] = (("all_tenants", "1"),) if outside else ()
    if outside and len(group) == 1:
        whose = (*whose, ("project_id", group[0].id))
    instant = asked.astimezone(UTC).replace(microsecond=0).strftime("%Y-%m-%dT%H:%M:%SZ")
    changes = (*whose, ("changes-since", instant))
    return [changes, whose] if live else [changes]
