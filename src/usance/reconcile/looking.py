"""A fresh, full look at projects that is kept beside the ledger, and writes nothing into it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from usance.cloud.access import Cloud
from usance.cloud.projects import Project
from usance.extraction.executor import LedgerThread
from usance.ledger.ledger import Ledger
from usance.model.errors import UsanceError
from usance.model.observation import Batch, Look, Observation, Verb
from usance.model.period import EPOCH
from usance.model.resource import SNAPSHOT, VOLUME
from usance.reconcile.memory import memory_of
from usance.sources.source import Source

Step = Callable[[str, int, int], None]
"""Takes what is being done, and how much of it is done of how much."""

Place = tuple[str, str]
"""A project's id, and a kind of resource."""

_MOVING = frozenset({VOLUME, SNAPSHOT})
"""What can be handed over to another project."""


class Seen:
    """What a fresh look has told: the observations are in a ledger of their own."""

    def __init__(self, scratch: Ledger) -> None:
        self.scratch = scratch
        self.looks: dict[Place, list[Look]] = {}
        self.gone: dict[Place, set[str]] = {}  # ids of which it was told only that they are gone, mostly
        self.errors: dict[Place, str] = {}  # where the look did not come to its end

    def end_of(self, place: Place) -> datetime | None:
        """Return up to when pull knows a kind of a project: of several sources, the earliest."""
        return min((one.end for one in self.looks.get(place, ())), default=None)


class FreshLook:
    """Looks at everything that projects have, as an extraction does, and keeps what is told aside.

    The sources are told what the ledger has from them. So they tell what is new beside that, and
    what a look leaves out it confirms; and they ask for each thing that the ledger takes to be alive,
    whoever told so, if it is not listed.
    """

    def __init__(self, run: LedgerThread, aside: LedgerThread, cloud: Cloud, step: Step) -> None:
        """*run* leads to the ledger, *aside* to an empty one."""
        self._run = run
        self._aside = aside
        self._cloud = cloud
        self._cloud_id = cloud.cloud_id
        self._step = step
        self._limit = asyncio.Semaphore(cloud.settings.concurrency)
        self.seen = Seen(aside.ledger)

    async def look(self, sources: Sequence[Source], projects: Sequence[Project], since: datetime) -> Seen:
        """Look at all kinds of all projects; *since* is from when on what was deleted is of interest.

        A look that fails is noted with its project. Raises LedgerError.
        """
        margin = timedelta(seconds=self._cloud.settings.margin_s)
        asked = max(since - margin, EPOCH) if since > EPOCH else EPOCH
        async with asyncio.TaskGroup() as tasks:
            for source in sources:
                tasks.create_task(self._look(source, projects, asked))
        return self.seen

    async def _look(self, source: Source, projects: Sequence[Project], since: datetime) -> None:
        done = 0

        async def look_at(group: Sequence[Project]) -> None:
            nonlocal done
            async with self._limit:
                await self._look_at(source, group, since)
            done += len(group)
            self._step(f"projects looked at by {source.name}", done, len(projects))

        async with asyncio.TaskGroup() as tasks:
            for group in source.plan(projects, full=[one.id for one in projects]):
                tasks.create_task(look_at(group))

    async def _look_at(self, source: Source, group: Sequence[Project], since: datetime) -> None:
        memory = memory_of(self._run, self._cloud_id, source)
        complete: set[str] = set()
        failure: UsanceError | None = None
        try:
            pairs = source.look(
                group, memory, since=dict.fromkeys((one.id for one in group), since), full=True
            )
            async for project_id, batch in pairs:
                await self._keep(source, project_id, batch)
                if batch.look is not None:
                    complete.add(project_id)
                    self.seen.looks.setdefault((project_id, source.kind), []).append(batch.look)
        except UsanceError as error:
            failure = error
        for project in group:
            if project.id not in complete:
                unfinished = f"the look by {source.name} did not come to its end"
                self.seen.errors[project.id, source.kind] = unfinished if failure is None else str(failure)

    async def _keep(self, source: Source, project_id: str, batch: Batch) -> None:
        told = batch.observations
        if source.kind in _MOVING:
            told = await self._without_former_lives(source.kind, project_id, told)
        gone = {one.resource.id for one in told if one.verb is Verb.GONE}
        self.seen.gone.setdefault((project_id, source.kind), set()).update(gone)
        kept = Batch(told, batch.look)
        await self._aside(self._aside.ledger.observe, project_id, self._cloud_id, kept)

    async def _without_former_lives(
        self, kind: str, project_id: str, told: Sequence[Observation]
    ) -> tuple[Observation, ...]:
        """Leave out what a row tells of the time in which another project had it.

        The giver is charged up to the look that misses it there; so here it begins with this one.
        """
        created = sorted({one.resource.id for one in told if one.verb is Verb.CREATED})
        if not created:
            return tuple(told)
        evidence = self._run.ledger.evidence
        known = await self._run(evidence.of, project_id, self._cloud_id, kind, created)
        new = [one for one in created if not known[one].observations]
        moved: set[str] = set()
        if new:
            moved = await self._run(evidence.elsewhere, project_id, self._cloud_id, kind, new)
        now = {one.resource.id: one for one in sorted(told, key=lambda one: one.at) if one.verb.is_sighting}
        return tuple(one for one in told if one.resource.id not in moved or one is now.get(one.resource.id))
