"""The first part of a run: look at every project, and keep what was seen."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

import msgspec

from usance.cloud.access import Cloud
from usance.cloud.projects import Project
from usance.config.lastrun import read_lastrun
from usance.config.settings import ExtractRequest, Settings
from usance.extraction.executor import LedgerMemory, LedgerThread
from usance.extraction.naming import Mentions
from usance.ledger.ledger import Ledger
from usance.model.errors import UsanceError
from usance.model.period import EPOCH, month_start
from usance.sources.source import Memory, Source

LOG = logging.getLogger(__name__)

Step = Callable[[str, int, int], None]
"""Takes what is being done, and how much of it is done of how much."""


class Start(msgspec.Struct, frozen=True):
    """From where a project is looked at."""

    since: datetime | None  # changes later than this are asked for; None: from the beginning of time
    full: bool  # what is absent is gone


class Outcome(msgspec.Struct, frozen=True):
    """How the look at one project went."""

    error: str | None = None
    observations: int = 0  # that were new
    changed: int = 0  # timelines

    def beside(self, other: Outcome) -> Outcome:
        """Return how both looks went together."""
        errors = [one.error for one in (self, other) if one.error is not None]
        return Outcome(
            "; ".join(errors) or None,
            self.observations + other.observations,
            self.changed + other.changed,
        )


def start_of(
    ledger: Ledger,
    project: Project,
    source: Source,
    *,
    settings: Settings,
    request: ExtractRequest,
    now: datetime,
) -> Start:
    """Decide from where to look at a project, and whether at everything that it has.

    A project that cASO has reported begins where cASO stopped, once: that instant becomes its
    baseline, up to which cASO's figures stand. Raises UsanceError if cASO's file can't be read.
    """
    cloud_id = settings.cloud.cloud_id
    watermark = ledger.source_watermark(project.id, cloud_id, source.name)
    if watermark is None:
        watermark = _baseline(ledger, project, cloud_id, settings)
    since = watermark
    if request.extract_from is not None:
        since = request.extract_from if since is None else min(since, request.extract_from)
    if since is None or since <= EPOCH:
        return Start(None, full=True)
    last = ledger.last_full_look(project.id, cloud_id, source.name, source.kind)
    every = timedelta(seconds=settings.cloud.full_look_every_s)
    # A month is closed by the first run in the next one, and changes alone don't show everything.
    if last is None:
        return Start(since, full=True)
    due = last.begin < month_start(now) or now - last.begin >= every
    if due:
        # What a cell that was down kept from the looks in between is asked for again.
        since = min(since, last.begin - timedelta(seconds=settings.cloud.margin_s))
    return Start(since, full=due)


def _baseline(ledger: Ledger, project: Project, cloud_id: str, settings: Settings) -> datetime | None:
    baselines = ledger.baselines(project.id)
    baseline = baselines.get(cloud_id)
    if baseline is None and settings.caso_spool_dir is not None:
        names = _names_in_configuration(project, settings)
        baseline = read_lastrun(settings.caso_spool_dir, project.id, names)
        others = baselines.keys() - settings.clouds_with_own_files
        if baseline is not None and others and not settings.caso_spool_is_written:
            # cASO kept its files by project and knew one region: they are of the one that came first.
            LOG.warning(
                "project %s (%s): cASO's lastrun file is taken for cloud %s; here everything is reported",
                project.id,
                project.name,
                ", ".join(sorted(others)),
            )
            return None
        if baseline is not None:
            ledger.set_baseline(project.id, cloud_id, baseline)
            LOG.info(
                "project %s (%s): cASO has reported it up to %s",
                project.id,
                project.name,
                baseline.isoformat(),
            )
    if baseline is None:
        return None
    return baseline - timedelta(seconds=settings.cloud.margin_s)


def _names_in_configuration(project: Project, settings: Settings) -> list[str]:
    """Return the names under which cASO may have kept a project's file: those in the configuration.

    cASO knew no domains; where projects of two domains share the name, it can't be told whose file it is.
    """
    named = [one for one in settings.projects.projects if one.rpartition("/")[2] == project.name]
    return [project.name] if len(named) == 1 else []


class Observer:
    """Looks at projects side by side; each one's failure is its own."""

    def __init__(
        self,
        run: LedgerThread,
        cloud: Cloud,
        source: Source,
        settings: Settings,
        mentions: Mentions,
        *,
        memory: Memory | None = None,
    ) -> None:
        """*memory* is what the source is told of what was said before; None: what it said itself."""
        self._run = run
        self._cloud = cloud
        self._source = source
        self._settings = settings
        self._cloud_id = settings.cloud.cloud_id
        self._mentions = mentions
        self._memory = memory or LedgerMemory(run, self._cloud_id, source.name, source.kind)

    async def observe(
        self,
        projects: Sequence[Project],
        request: ExtractRequest,
        step: Step,
        then: Callable[[Project, Outcome], Awaitable[None]],
    ) -> None:
        """Look at the projects and keep what is seen.

        *then* is called with each project and how it went, while others are looked at.
        """
        done = 0
        starts: dict[str, Start] = {}
        now = self._cloud.clock.now()
        for project in projects:
            try:
                starts[project.id] = await self._run(
                    start_of,
                    self._run.ledger,
                    project,
                    self._source,
                    settings=self._settings,
                    request=request,
                    now=now,
                )
            except UsanceError as error:
                done += 1
                await then(project, await self._failed(project, error))
        ready = [one for one in projects if one.id in starts]
        full = [one.id for one in ready if starts[one.id].full]
        limit = asyncio.Semaphore(self._settings.cloud.concurrency)

        async def look(group: Sequence[Project]) -> None:
            nonlocal done
            async with limit:
                outcomes = await self._look(group, starts)
            done += len(group)
            step(f"projects observed by {self._source.name}", done, len(projects))
            for project in group:
                await then(project, outcomes[project.id])

        async with asyncio.TaskGroup() as tasks:
            for group in self._source.plan(ready, full=full):
                tasks.create_task(look(group))

    async def _look(self, group: Sequence[Project], starts: dict[str, Start]) -> dict[str, Outcome]:
        """Look at one group; what a look that fails had seen until then is true and is kept."""
        since = {one.id: starts[one.id].since for one in group}
        seen = dict.fromkeys(since, Outcome())
        done: set[str] = set()
        failure: UsanceError | None = None
        try:
            look = self._source.look(group, self._memory, since=since, full=starts[group[0].id].full)
            async for project_id, batch in look:
                await self._mentions.note(project_id, batch.observations)
                kept = await self._run(self._run.ledger.observe, project_id, self._cloud_id, batch)
                before = seen[project_id]
                seen[project_id] = Outcome(
                    None, before.observations + kept.inserted, before.changed + kept.changed
                )
                if batch.look is not None:
                    done.add(project_id)
        except UsanceError as error:
            failure = error
        for project in group:
            if project.id in done:
                await self._note(project, None)
            else:
                unfinished = UsanceError(f"the look at project {project.name} did not come to its end")
                outcome = await self._failed(project, failure or unfinished)
                seen[project.id] = msgspec.structs.replace(seen[project.id], error=outcome.error)
        return seen

    async def _failed(self, project: Project, error: UsanceError) -> Outcome:
        await self._note(project, str(error))
        return Outcome(error=str(error))

    async def _note(self, project: Project, error: str | None) -> None:
        await self._run(
            self._run.ledger.note_attempt,
            project.id,
            self._cloud_id,
            self._source.name,
            at=self._cloud.clock.local(),
            error=error,
        )
