"""One cloud of a run: observe its projects, and stage their records."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial

from usance.cloud.access import Cloud, open_cloud
from usance.cloud.projects import Project, Selection
from usance.config.settings import ExtractRequest, Settings
from usance.extraction.executor import LedgerThread
from usance.extraction.finishing import Finisher
from usance.extraction.gathering import Gathering
from usance.extraction.naming import PROJECT, Mentions, remember_orphans, remember_projects
from usance.extraction.observing import Observer, Outcome, Step
from usance.extraction.publishing import Publisher
from usance.extraction.report import CloudResult, ProjectResult, RunReport
from usance.extraction.summary import project_usage
from usance.extraction.verifying import differences
from usance.messengers.messenger import Messenger
from usance.messengers.outbox import StageResult
from usance.model.errors import ConfigurationError
from usance.model.period import SECOND, Period, floor_second, month_start
from usance.model.resource import ENERGY, SERVER
from usance.sources.registry import find_sources

KEYSTONE = "keystone"
"""The name under which the ledger keeps why a configured project, or all of a cloud, could not be had."""

Staged = Mapping[str, Sequence[StageResult]]
"""What was staged, by messenger."""


class CloudRun:
    """What one run does with one cloud; it delivers nothing."""

    def __init__(
        self,
        settings: Settings,
        request: ExtractRequest,
        thread: LedgerThread,
        messengers: Sequence[Messenger],
        step: Step,
    ) -> None:
        self._settings = settings
        self._request = request
        self._thread = thread
        self._ledger = thread.ledger
        self._messengers = messengers
        self._step = step
        self._cloud_id = settings.cloud.cloud_id

    async def all(self, *, with_usage: bool) -> tuple[RunReport, Staged]:
        """Do all parts of it. Raises the errors of a cloud that can't be entered, and LedgerError."""
        async with open_cloud(self._settings.cloud) as cloud:
            return await self._in(cloud, self._thread, with_usage=with_usage)

    async def _in(self, cloud: Cloud, thread: LedgerThread, *, with_usage: bool) -> tuple[RunReport, Staged]:
        selection = await cloud.select_projects(self._settings.projects)
        if not selection.projects and not selection.refused:
            raise ConfigurationError(
                "no project is selected",
                hint="name projects (projects = ...), or tag them in Keystone (caso_tag)",
            )
        await thread(self._note_refused, selection, cloud.clock.local())
        # Read after the first answers: by now it is known how far the cloud's clock is off.
        now = cloud.clock.now()
        until, warnings = _end_of_period(self._request, now, cloud.clock.told())
        warnings += _without_vo(selection.projects)
        if not self._request.some_projects:
            warnings += await thread(self._left_behind, selection)
        await remember_projects(thread, cloud, selection.projects, now)
        troubles = await remember_orphans(thread, cloud, selection.projects, now)
        publisher = Publisher(self._ledger, self._settings, self._request, until)
        messengers = () if self._request.dry_run else self._messengers
        mentions = Mentions(thread, self._cloud_id)
        if self._settings.neutron.default_user is not None:
            await mentions.note_user(self._settings.neutron.default_user)
        reads_neutron = "neutron" in self._settings.extractors
        finisher = Finisher(
            thread, cloud, mentions, publisher, messengers, now=now, reads_neutron=reads_neutron
        )
        gathering = await self._observe(cloud, thread, selection.projects, mentions, finisher)
        observed = [one for one in selection.projects if SERVER in gathering.observed[one.id]]
        found: list[str] = []
        if self._request.verify:
            found = [one async for one in differences(thread, cloud, observed, _month_of(until))]
        report = RunReport(
            until=until,
            clouds=(CloudResult(self._cloud_id, until, requests=cloud.client.requests),),
            projects=tuple(
                _result(one, self._cloud_id, gathering.outcomes[one.id]) for one in selection.projects
            ),
            refused=tuple(f"{what}: {reason}" for what, reason in selection.refused),
            troubles=(*troubles, *finisher.troubles),
            warnings=tuple(warnings),
            differences=tuple(found),
            requests=cloud.client.requests,
        )
        if self._request.dry_run:
            report = await thread(self._rehearse, report, publisher, gathering)
        if with_usage:
            report = await thread(self._sum_up, report, observed)
        return report, finisher.staged

    async def _observe(
        self,
        cloud: Cloud,
        thread: LedgerThread,
        projects: Sequence[Project],
        mentions: Mentions,
        finisher: Finisher,
    ) -> Gathering:
        """Let the configured sources look at the projects side by side, and finish each of them.

        A source that can't look at a project holds back only the records that need it. Energy is
        looked at last: whose it is follows from the servers that are known by then.
        """
        sources = find_sources(cloud, self._settings)
        gathering = Gathering(projects, sources, finisher)
        for together in (
            [one for one in sources if one.kind != ENERGY],
            [one for one in sources if one.kind == ENERGY],
        ):
            async with asyncio.TaskGroup() as tasks:
                for source in together:
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

    def _left_behind(self, selection: Selection) -> list[str]:
        """Name the projects that were accounted, are not any more, and may go on using the cloud."""
        selected = {one.id for one in selection.projects} | {what for what, _ in selection.refused}
        gone = self._ledger.left_behind(self._cloud_id, selected)
        names = self._ledger.names(PROJECT, gone)
        return [
            f"project {names.get(one, one)} ({one}) was accounted, and is not selected any more: what it has"
            " used since then is not reported"
            for one in gone
        ]

    def _rehearse(self, report: RunReport, publisher: Publisher, gathering: Gathering) -> RunReport:
        """Add the records that would go out."""
        return report.with_dry_records(
            record
            for messenger in self._messengers
            for project in gathering.projects
            for record in publisher.would_stage(project, messenger, gathering.observed[project.id])
        )

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


def _result(project: Project, cloud_id: str, outcome: Outcome) -> ProjectResult:
    return ProjectResult(
        cloud_id=cloud_id,
        project_id=project.id,
        name=project.name,
        vo=project.vo,
        error=outcome.error,
        observations=outcome.observations,
        changed=outcome.changed,
    )


def _end_of_period(request: ExtractRequest, now: datetime, told: datetime) -> tuple[datetime, list[str]]:
    """Return up to when is counted, in whole seconds of the cloud's clock, and what to warn of.

    *told* is what that clock was surely past: nothing is counted that may not have come yet.
    """
    now = floor_second(now)
    if request.extract_to is None:
        return _after(request.extract_from, floor_second(told)), []
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
