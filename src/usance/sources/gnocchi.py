"""Servers, as Ceilometer has told Gnocchi of them: what lives on of cASO's extractor `ceilometer`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import Final

import msgspec

from usance.cloud.access import Cloud
from usance.cloud.catalog import NoEndpointError
from usance.cloud.flavors import NOTHING, FlavorReader, FlavorRow
from usance.cloud.plugins import TokenScope
from usance.cloud.projects import Project
from usance.config.settings import FlavorKeys, Settings
from usance.model.errors import CloudError
from usance.model.observation import Batch, Look, Observation, Scope
from usance.model.period import EPOCH
from usance.model.resource import (
    ACCELERATORS,
    BENCHMARK_TYPE,
    BENCHMARK_VALUE,
    EPHEMERAL_GIB,
    SERVER,
    Resource,
    Value,
)
from usance.sources.gnocchi_api import GnocchiApi
from usance.sources.gnocchi_observations import (
    METRICS,
    NAME,
    SIZES,
    Stretch,
    Told,
    inside,
    marker,
    observations,
    size_of,
    stretches,
)
from usance.sources.gnocchi_rows import POLLED_ONLY, ServerRow, told_instant
from usance.sources.nova_api import NovaApi
from usance.sources.side_by_side import side_by_side, sliced
from usance.sources.source import Memory
from usance.sources.twice import look_twice

LOG = logging.getLogger(__name__)

RETRY: Final = timedelta(days=1)
"""So long a revision of which something was missing is read again: measures are worked out later."""

UNCONFIRMED: Final = timedelta(hours=1)
"""So long after its begin a deletion may still be found to have failed."""

_DYING: Final = timedelta(minutes=10)  # a poll may tell of a server that is being deleted
_WINDOW: Final = timedelta(days=1)  # of the measures that are read at the ends of a stretch

_ELSEWHERE: Final = 20  # projects, and revisions in each, that are asked for the sizes of a flavor

_WITNESSES: Final = ("disk.root.size", POLLED_ONLY, "vcpus", "memory")
"""Metrics whose samples carry the flavor, the most regular first."""


def sources(cloud: Cloud, settings: Settings) -> list[GnocchiSource]:
    """Return what the extractor `gnocchi` stands for."""
    return [GnocchiSource(cloud, settings.flavor_keys)]


_Flavor = tuple[str | None, str | None]  # id and name


class _Group(msgspec.Struct):
    """What is known while a group of projects is looked at."""

    projects: dict[str, Project]
    scope: TokenScope
    memory: Memory
    begin: datetime


class _Read(msgspec.Struct, frozen=True):
    """What was found out about one server."""

    row: ServerRow  # its present revision
    told: list[Told]
    outlived: datetime | None  # when it was polled although its deletion had begun long before


class GnocchiSource:
    """Looks at what Gnocchi was told of servers since the watermark.

    Its silence says nothing: what Ceilometer missed is not in Gnocchi, and what somebody removed from
    Gnocchi may live. So all its looks are at changes, and beside Nova it adds to what Nova says and
    contradicts none of it.
    """

    name = NAME
    kind = SERVER

    def __init__(self, cloud: Cloud, flavor_keys: FlavorKeys | None = None) -> None:
        self._cloud = cloud
        self._api = GnocchiApi(cloud.metric, page_limit=cloud.settings.page_limit)
        self._nova = NovaApi(cloud.compute)
        self._reader = FlavorReader(flavor_keys or FlavorKeys())
        self._margin = timedelta(seconds=cloud.settings.margin_s)
        self._without_nova = False
        self._scopes: tuple[TokenScope, ...] = ()  # with which all that is looked at can be seen
        self._sizes: dict[_Flavor, Mapping[str, Value]] = {}  # as other servers' measures tell
        self._asking = asyncio.Lock()

    def plan(
        self,
        projects: Sequence[Project],
        *,
        full: Collection[str] = (),  # noqa: ARG002  every look is at changes; the protocol has it
    ) -> list[tuple[Project, ...]]:
        """Return one group of all projects where the account may and it pays; else one for each."""
        every = self._cloud.all_projects_scope
        if len(projects) > 1 and every is not None:
            self._scopes = (every,)
            return [tuple(projects)]
        self._scopes = tuple(dict.fromkeys(self._cloud.scope_of(one)[0] for one in projects))
        return [(one,) for one in projects]

    async def look(
        self,
        group: Sequence[Project],
        memory: Memory,
        *,
        since: Mapping[str, datetime | None],
        full: bool = False,  # noqa: ARG002  every look is at changes; the protocol has it
    ) -> AsyncIterator[tuple[str, Batch]]:
        """Look once at a group; see :class:`usance.sources.source.Source`.

        A look whose pages lead in a circle is repeated once. Raises DoubtfulLookError if they do again,
        and CloudError if Gnocchi does not answer or is not there.
        """
        async for pair in look_twice(lambda _: self._look_once(group, memory, since)):
            yield pair

    async def _look_once(
        self, group: Sequence[Project], memory: Memory, since: Mapping[str, datetime | None]
    ) -> AsyncIterator[tuple[str, Batch]]:
        scope, outside = self._scope(group)
        begin = self._cloud.clock.now()
        current = _Group({one.id: one for one in group}, scope, memory, begin)
        known = [since.get(one.id) for one in group]
        asked = min(EPOCH if one is None else max(EPOCH, one - RETRY) for one in known)
        # Who is a member sees the project's servers, and those that he himself told Gnocchi of.
        whose = group[0].id if len(group) == 1 else None
        LOG.debug("Gnocchi is asked for changes since %s%s", asked, " from outside" if outside else "")
        async with aclosing(self._api.pages(scope, whose, asked)) as pages:
            async for rows in pages:
                async for pair in self._take_page(current, rows):
                    yield pair
        end = max(begin, self._cloud.clock.now())
        for project in group:
            before = since.get(project.id)
            watermark = begin - self._margin
            yield (
                project.id,
                Batch(
                    look=Look(
                        project_id=project.id,
                        cloud_id=self._cloud.cloud_id,
                        source=NAME,
                        kind=SERVER,
                        scope=Scope.CHANGES,
                        begin=begin,
                        end=end,
                        since=asked,
                    ),
                    watermark=watermark if before is None else max(before, watermark),
                ),
            )

    def _scope(self, group: Sequence[Project]) -> tuple[TokenScope, bool]:
        if len(group) == 1:
            return self._cloud.scope_of(group[0])
        scope = self._cloud.all_projects_scope
        if scope is None:
            raise ValueError("only an administrator looks at several projects at once")
        return scope, True

    async def _take_page(self, group: _Group, rows: Sequence[ServerRow]) -> AsyncIterator[tuple[str, Batch]]:
        """Yield what is new on a page, for each project."""
        by_project: dict[str, list[ServerRow]] = {}
        for row in rows:
            if row.project_id in group.projects:
                by_project.setdefault(row.project_id, []).append(row)
        for project_id, theirs in by_project.items():
            said = await group.memory.statements(project_id, [row.id for row in theirs])
            changed = [
                row
                for row in theirs
                if said.get(row.id)
                != marker(self._resource(project_id, row), row, group.begin, group.begin).statement
            ]
            for some in sliced(changed):
                read = await side_by_side(self._read(group, row) for row in some)
                told = [self._say(group, project_id, one) for one in read if one is not None]
                yield project_id, Batch(tuple(one for several in told for one in several))

    def _resource(self, project_id: str, row: ServerRow) -> Resource:
        return Resource(project_id, self._cloud.cloud_id, SERVER, row.id)

    async def _read(self, group: _Group, row: ServerRow) -> _Read | None:
        """Find out all about a changed server; None for one that was removed from Gnocchi meanwhile."""
        revisions = await self._api.revisions(group.scope, row.id)
        if not revisions:
            return None
        several = stretches(revisions)
        told = [await self._tell(group, one, alone=len(several) == 1) for one in several]
        return _Read(revisions[-1], told, await self._outlived(group, revisions[-1]))

    def _say(self, group: _Group, project_id: str, read: _Read) -> list[Observation]:
        """Return what was read as observations, and that it was read."""
        pending = ""
        if any(size not in one.flavor for one in read.told for size in SIZES):
            pending = "sizes"
        elif self._is_unconfirmed(group, read.row) and read.outlived is None:
            pending = "deletion"
        resource = self._resource(project_id, read.row)
        end = max(group.begin, self._cloud.clock.now())
        done = marker(resource, read.row, group.begin, end, pending)
        return [*observations(resource, read.told, read.outlived), done]

    def _is_unconfirmed(self, group: _Group, row: ServerRow) -> bool:
        ended = told_instant(row.ended_at)
        return (
            ended is not None and told_instant(row.deleted_at) is None and group.begin - ended < UNCONFIRMED
        )

    async def _outlived(self, group: _Group, row: ServerRow) -> datetime | None:
        """Return when a server was polled last whose deletion began long before, and was never ended."""
        ended = told_instant(row.ended_at)
        if ended is None or told_instant(row.deleted_at) is not None or POLLED_ONLY not in row.metrics:
            return None
        begin = ended + _DYING
        found = inside(
            await self._api.measures(group.scope, row.metrics[POLLED_ONLY], begin, None), begin, None
        )
        return told_instant(found[-1][0]) if found else None

    async def _tell(self, group: _Group, stretch: Stretch, *, alone: bool) -> Told:
        """Find out what a stretch's flavor is, and when samples came in it."""
        flavor = await self._flavor(group.scope, stretch.row)
        if not flavor:
            flavor = await self._measured_flavor(group.scope, group.begin, stretch)
            if any(size not in flavor for size in SIZES):
                flavor = {**await self._sizes_elsewhere(stretch.row, group.begin), **flavor}
        # Without another stretch beside it there is nothing to tell it from.
        measured = () if alone else await self._measured(group, stretch)
        return Told(stretch, flavor, measured)

    async def _flavor(self, scope: TokenScope, row: ServerRow) -> Mapping[str, Value]:
        """Return what Nova says of the flavor, if it still has it; another one of the same id is none."""
        if row.flavor_id is None or self._without_nova:
            return {}
        try:
            flavor = await self._nova.flavor(scope, FlavorRow(id=row.flavor_id))
        except NoEndpointError as error:
            self._without_nova = True
            LOG.warning("flavors are known by their measures alone, without benchmarks: %s", error)
            return {}
        if flavor is None or (row.flavor_name and row.flavor_name != flavor.name):
            return {}
        return self._reader.attributes(flavor)

    async def _measured_flavor(
        self, scope: TokenScope, now: datetime, stretch: Stretch
    ) -> Mapping[str, Value]:
        """Return the sizes that a stretch's own measures tell."""
        row = stretch.row
        # No measure tells these; left unsaid, those of the flavor before would live on.
        found: dict[str, Value] = dict.fromkeys((BENCHMARK_TYPE, BENCHMARK_VALUE, ACCELERATORS), NOTHING)
        for attribute, name in METRICS.items():
            if name in row.metrics:
                head, tail = await self._ends(scope, now, row.metrics[name], stretch)
                size = size_of(tail or head)
                if size is not None:
                    found[attribute] = size
        return found

    async def _sizes_elsewhere(self, row: ServerRow, now: datetime) -> Mapping[str, Value]:
        """Return what the measures of other servers tell of a flavor; each flavor is asked about once."""
        flavor = (row.flavor_id, row.flavor_name)
        async with self._asking:
            if flavor not in self._sizes:
                self._sizes[flavor] = await self._ask_sizes(flavor, now)
        return self._sizes[flavor]

    async def _ask_sizes(self, flavor: _Flavor, now: datetime) -> Mapping[str, Value]:
        for scope in self._scopes[:_ELSEWHERE]:
            try:
                for row in await self._api.of_flavor(scope, *flavor, limit=_ELSEWHERE):
                    stretch = Stretch(row.since, told_instant(row.revision_end), (row,))
                    found = await self._measured_flavor(scope, now, stretch)
                    if all(size in found for size in (*SIZES, EPHEMERAL_GIB)):
                        return found
            except CloudError as error:  # of another project: it is told there
                LOG.debug("nothing is known of flavor %s with the token of %s: %s", flavor, scope, error)
        return {}

    async def _measured(self, group: _Group, stretch: Stretch) -> tuple[datetime, ...]:
        """Return when the first sample in a stretch came and, if it has ended, the last."""
        row = stretch.row
        name = next((one for one in _WITNESSES if one in row.metrics), None)
        if name is None:
            return ()
        head, tail = await self._ends(group.scope, group.begin, row.metrics[name], stretch)
        first = head[:1]
        last = (tail or head)[-1:] if stretch.end is not None else []
        instants = {told_instant(one[0]) for one in (*first, *last)}
        return tuple(sorted(one for one in instants if one is not None))

    async def _ends(
        self, scope: TokenScope, now: datetime, metric_id: str, stretch: Stretch
    ) -> tuple[list[tuple[str, float, float]], list[tuple[str, float, float]]]:
        """Return the measures in a stretch's first day, and those in its last."""
        begin, end = stretch.begin, stretch.end or now
        head_end, tail_begin = min(end, begin + _WINDOW), max(begin, end - _WINDOW)
        head = await self._api.measures(scope, metric_id, begin, head_end)
        tail = await self._api.measures(scope, metric_id, tail_begin, end) if head_end < end else []
        return inside(head, begin, head_end), inside(tail, tail_begin, stretch.end)
