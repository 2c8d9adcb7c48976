"""One extraction: observe the cloud, stage the records, deliver the messages.

Each part may be cut off anywhere. What was observed is kept with the watermark that says how far
it goes; what was staged waits in the outbox until its messenger took it. So the next run completes
what this one could not.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial

from usance.cloud.access import Cloud, open_cloud
from usance.cloud.projects import Project, Selection
from usance.config.settings import ExtractRequest, Settings
from usance.extraction.executor import LedgerThread
from usance.extraction.finishing import Finisher
from usance.extraction.garbage import collected_rarely
from usance.extraction.gathering import Gathering
from usance.extraction.lock import run_lock
from usance.extraction.naming import Mentions, remember_orphans, remember_projects
from usance.extraction.observing import Observer, Outcome, Step
from usance.extraction.publishing import Publisher
from usance.extraction.report import ProjectResult, RunReport
from usance.extraction.summary import project_usage
from usance.extraction.verifying import differences
from usance.ledger.ledger import Ledger
from usance.messengers.messenger import Messenger
from usance.messengers.outbox import StageResult
from usance.messengers.registry import find_messengers
from usance.model.errors import ConfigurationError, UsanceError, first_of
from usance.model.period import SECOND, Period, floor_second, month_start
from usance.model.resource import SERVER
from usance.sources.registry import find_sources

KEYSTONE = "keystone"
"""The name under which the ledger keeps why a configured project could not be had."""


def extract(
    settings: Settings, request: ExtractRequest, *, progress: Step | None = None, with_usage: bool = False
) -> RunReport:
    """Run one extraction and say what it did; *with_usage* also sums up the current month.

    Raises ConfigurationError for what makes a run impossible, LockHeldError if another one is
    under way, AuthenticationError and other errors of the cloud's if it can't be entered at all,
    and LedgerError if the ledger can't be used. What concerns one project or one messenger only
    is in the report.
    """
    started = time.monotonic()
    messengers = find_messengers(settings.messengers)
    with (
        collected_rarely(),
        run_lock(settings.lock_dir, timeout_s=settings.lock_timeout_s),
        _ledger(settings, rehearse=request.dry_run) as ledger,
    ):
        run = _Run(settings, request, ledger, messengers, progress or _silent)
        try:
            report = asyncio.run(run.all(with_usage=with_usage))
        except* UsanceError as group:
            # What ends a run (a ledger without room, mostly) may come from work that goes on side by side.
            raise first_of(group) from group
    return report.lasted(time.monotonic() - started)


@contextmanager
def _ledger(settings: Settings, *, rehearse: bool) -> Iterator[Ledger]:
    tolerance = timedelta(seconds=settings.cloud.tolerance_s)
    opened = Ledger.rehearse if rehearse else Ledger.open
    with opened(settings.ledger_url, tolerance=tolerance) as ledger:
        yield ledger


def _silent(what: str, done: int, total: int) -> None:
    """Show no progress."""


class _Run:
    """One extraction under way."""

    def __init__(
        self,
        settings: Settings,
        request: ExtractRequest,
        ledger: Ledger,
        messengers: Sequence[Messenger],
        step: Step,
    ) -> None:
        self._settings = settings
        self._request = request
        self._ledger = ledger
        self._messengers = messengers
        self._step = step
        self._cloud_id = settings.cloud.cloud_id

    async def all(self, *, with_usage: bool) -> RunReport:
        """Do all parts of the run."""
        thread = LedgerThread(self._ledger)
        try:
            async with open_cloud(self._settings.cloud) as cloud:
                return await self._in(cloud, thread, with_usage=with_usage)
        finally:
            thread.close()

    async def _in(self, cloud: Cloud, thread: LedgerThread, *, with_usage: bool) -> RunReport:
        selection = await cloud.select_projects(self._settings.projects)
        if not selection.projects and not selection.refused:
            raise ConfigurationError(
                "no project is selected",
                hint="name projects (projects = ...), or tag them in Keystone (caso_tag)",
            )
        await thread(self._note_refused, selection, cloud.clock.local())
        # Read after the first answers: by now it is known how far the cloud's clock is off.
        now = cloud.clock.now()
        until, warnings = _end_of_period(self._request, now)
        warnings += _without_vo(selection.projects)
        await remember_projects(thread, selection.projects, now)
        troubles = await remember_orphans(thread, cloud, selection.projects, now)
        publisher = Publisher(self._ledger, self._settings, self._request, until)
        messengers = () if self._request.dry_run else self._messengers
        mentions = Mentions(thread)
        finisher = Finisher(thread, cloud, mentions, publisher, messengers, now=now)
        gathering = await self._observe(cloud, thread, selection.projects, mentions, finisher)
        observed = [one for one in selection.projects if SERVER in gathering.observed[one.id]]
        found: list[str] = []
        if self._request.verify:
            found = [one async for one in differences(thread, cloud, observed, _month_of(until))]
        report = RunReport(
            until=until,
            projects=tuple(_result(one, gathering.outcomes[one.id]) for one in selection.projects),
            refused=tuple(f"{what}: {reason}" for what, reason in selection.refused),
            troubles=(*troubles, *finisher.troubles),
            warnings=tuple(warnings),
            differences=tuple(found),
            requests=cloud.client.requests,
        )
        report = await thread(self._publish, report, publisher, gathering, finisher.staged)
        return await thread(self._sum_up, report, observed) if with_usage else report

    async def _observe(
        self,
        cloud: Cloud,
        thread: LedgerThread,
        projects: Sequence[Project],
        mentions: Mentions,
        finisher: Finisher,
    ) -> Gathering:
        """Let the configured sources look at the projects side by side, and finish each of them.

        A source that can't look at a project holds back only the records that need it.
        """
        sources = find_sources(cloud, self._settings)
        gathering = Gathering(projects, sources, finisher)
        async with asyncio.TaskGroup() as tasks:
            for source in sources:
                observer = Observer(thread, cloud, source, self._settings, mentions)
                then = partial(gathering.done, source)
                tasks.create_task(observer.observe(projects, self._request, self._step, then))
        return gathering

    def _note_refused(self, selection: Selection, at: datetime) -> None:
        """Keep why configured projects could not be had, and forget it of those that could."""
        refused = {what: str(reason) for what, reason in selection.refused}
        for what, reason in refused.items():
            self._ledger.note_attempt(what, self._cloud_id, KEYSTONE, at=at, error=reason)
        for trouble in self._ledger.troubles():
            mine = trouble.source == KEYSTONE and trouble.cloud_id == self._cloud_id
            if mine and trouble.project_id not in refused:
                self._ledger.note_attempt(trouble.project_id, self._cloud_id, KEYSTONE, at=at, error=None)

    def _publish(
        self,
        report: RunReport,
        publisher: Publisher,
        gathering: Gathering,
        staged: Mapping[str, Sequence[StageResult]],
    ) -> RunReport:
        """Deliver what is staged; of a dry run, only say what would be."""
        if self._request.dry_run:
            return report.with_dry_records(
                record
                for messenger in self._messengers
                for project in gathering.projects
                for record in publisher.would_stage(project, messenger, gathering.observed[project.id])
            )
        results = []
        for done, messenger in enumerate(self._messengers):
            self._step(f"messages for {messenger.name}", done, len(self._messengers))
            results.append(publisher.deliver(messenger, staged[messenger.name], datetime.now(UTC)))
        return report.with_messengers(results)

    def _sum_up(self, report: RunReport, observed: Sequence[Project]) -> RunReport:
        """Add what the projects used in the month."""
        period, suspended = _month_of(report.until), self._settings.records.suspended_states
        return report.with_usage(project_usage(self._ledger, observed, self._cloud_id, period, suspended))


def _without_vo(projects: Sequence[Project]) -> list[str]:
    return [
        f"project {one.name} ({one.id}) is mapped to no VO: its records are held back until it is"
        for one in projects
        if one.vo is None
    ]


def _month_of(until: datetime) -> Period:
    """Return the month that an instant ends or lies in, up to the instant."""
    return Period(month_start(until - SECOND), until)


def _result(project: Project, outcome: Outcome) -> ProjectResult:
    return ProjectResult(
        project_id=project.id,
        name=project.name,
        vo=project.vo,
        error=outcome.error,
        observations=outcome.observations,
        changed=outcome.changed,
    )


def _end_of_period(request: ExtractRequest, now: datetime) -> tuple[datetime, list[str]]:
    """Return up to when is counted, in whole seconds of the cloud's clock, and what to warn of."""
    now = floor_second(now)
    if request.extract_to is None:
        return _after(request.extract_from, now), []
    until = floor_second(request.extract_to)
    if month_start(until + SECOND) == until + SECOND <= now:
        until += SECOND  # who writes the last second of a month means all of it
    if until > now:
        return _after(request.extract_from, now), [
            f"the end of the period, {until.isoformat()}, is in the future: now ({now.isoformat()}) is taken"
        ]
    return _after(request.extract_from, until), []


def _after(begin: datetime | None, end: datetime) -> datetime:
    if begin is not None and begin >= end:
        raise ConfigurationError(
            f"the period would begin ({begin.isoformat()}) when or after it ends ({end.isoformat()})",
            hint="see --extract-from and --extract-to, and the cloud's clock",
        )
    return end
