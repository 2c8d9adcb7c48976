"""The comparison as a whole: a fresh look at each cloud, what differs, and its repair.

The look goes into a ledger of its own, in a temporary file, so that nothing is written unless it is
to be repaired. The ledger is read after the look, and after the collector has had time to hear of what
the look saw.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import reduce
from pathlib import Path
from typing import Final

import msgspec

from usance.cloud.access import Cloud, open_cloud
from usance.cloud.projects import Project, Selection
from usance.config.settings import Settings
from usance.extraction.executor import LedgerThread
from usance.extraction.naming import PROJECT
from usance.ledger.ledger import Ledger
from usance.model.errors import ConfigurationError, LedgerError, UsanceError, first_of
from usance.model.period import EPOCH, Period
from usance.model.resource import (
    BACKUP,
    ENERGY,
    FLOATING_IP,
    IMAGE,
    PORT,
    ROUTER_GATEWAY,
    SERVER,
    SNAPSHOT,
    VOLUME,
)
from usance.reconcile.kinds import Found, KindComparison
from usance.reconcile.looking import FreshLook, Seen, Step
from usance.reconcile.report import (
    USUAL,
    CloudPeriod,
    KindResult,
    ReconcileReport,
    ReconcileRequest,
)
from usance.sources.registry import find_sources

KINDS: Final = (SERVER, VOLUME, SNAPSHOT, BACKUP, FLOATING_IP, PORT, ROUTER_GATEWAY, IMAGE)
"""What can be compared. Energy is measured, and nobody sends events of it."""

UNTOLD: Final = frozenset({PORT, ROUTER_GATEWAY})
"""Kinds that no event tells as pull does; compared on demand only."""

_RECENTLY: Final = timedelta(seconds=90)
"""A collector that was heard of within this time is there: it notes every 15 s that it listens."""

_POLL_S: Final = 1


def reconcile(
    clouds: Sequence[Settings], request: ReconcileRequest, *, progress: Step | None = None
) -> ReconcileReport:
    """Compare what push told with what the services tell when they are asked, cloud after cloud.

    Raises ConfigurationError for what makes it impossible, and LedgerError if the ledger can't be
    used; what concerns one project is in the report, and so is why one of several clouds can't be
    entered. If there is but one, AuthenticationError and other errors of the cloud's are raised.
    """
    shared = clouds[0]
    tolerance = timedelta(seconds=shared.cloud.tolerance_s)
    reports = []
    with Ledger.open(shared.ledger_url, tolerance=tolerance, create=False) as ledger:
        for settings in clouds:
            run = _Run(settings, request, ledger, progress or _silent)
            try:
                reports.append(run.offline() if request.offline else asyncio.run(run.online()))
            except (UsanceError, BaseExceptionGroup) as raised:
                error = _of_the_cloud(raised)
                if len(clouds) == 1:
                    raise error from raised
                failed = CloudPeriod(settings.cloud.cloud_id, error=str(error))
                reports.append(ReconcileReport(clouds=(failed,)))
    return reduce(ReconcileReport.beside, reports)


def _silent(what: str, done: int, total: int) -> None:
    """Show no progress."""


def _of_the_cloud(raised: UsanceError | BaseExceptionGroup) -> UsanceError:
    if isinstance(raised, BaseExceptionGroup):
        mine, others = raised.split(UsanceError)
        if others is not None or mine is None:
            raise raised
        raised = first_of(mine)
    if isinstance(raised, LedgerError):
        raise raised
    return raised


class _Run:
    """The comparison of one cloud."""

    def __init__(self, settings: Settings, request: ReconcileRequest, ledger: Ledger, step: Step) -> None:
        self._settings = settings
        self._request = request
        self._ledger = ledger
        self._step = step
        self._cloud_id = settings.cloud.cloud_id
        self._tolerance = timedelta(seconds=settings.cloud.tolerance_s)
        self._found = Found()
        self._warnings: list[str] = []

    # --- with the cloud ----------------------------------------------------------------------

    async def online(self) -> ReconcileReport:
        """Look at the cloud, then compare. Raises the errors of a cloud that can't be entered."""
        with _scratch(self._tolerance) as scratch:
            run, aside = LedgerThread(self._ledger), LedgerThread(scratch)
            try:
                async with open_cloud(self._settings.cloud) as cloud:
                    return await self._in(cloud, run, aside)
            finally:
                run.close()
                aside.close()

    async def _in(self, cloud: Cloud, run: LedgerThread, aside: LedgerThread) -> ReconcileReport:
        selection = await cloud.select_projects(self._settings.projects)
        if not selection.projects and not selection.refused:
            raise ConfigurationError(
                "no project is selected",
                hint="name projects (projects = ...), or tag them in Keystone (caso_tag)",
            )
        asked = self._period(cloud.clock.now())
        sources = [one for one in find_sources(cloud, self._settings) if self._is_wanted(one.kind)]
        if not sources:
            raise ConfigurationError(
                "no extractor looks at what is to be compared", hint="see --kind, and the option extractor"
            )
        fresh = FreshLook(run, aside, cloud, self._step)
        seen = await fresh.look(sources, selection.projects, asked.start)
        await self._wait_for_collectors(run, seen)
        # Without an end of its own, the period ends with the last look, whatever the cloud's clock says now.
        ends = [look.end for looks in seen.looks.values() for look in looks]
        end = max([asked.end, *ends]) if self._request.end is None else asked.end
        period = await run(self._heard_part_of, Period(asked.start, end))
        kinds = list(dict.fromkeys(one.kind for one in sources))
        results: list[KindResult] = []
        for done, project in enumerate(selection.projects):
            self._step("projects compared", done, len(selection.projects))
            # By the one thread that has the ledger: the other one has written all that was seen.
            results += [await run(self._compare, project, kind, period, seen) for kind in kinds]
        await run(self._say_what_was_left_out, selection)
        return self._report(
            results,
            CloudPeriod(self._cloud_id, period, requests=cloud.client.requests),
            tuple(f"{what}: {reason}" for what, reason in selection.refused),
        )

    def _is_wanted(self, kind: str) -> bool:
        if self._request.kinds:
            return kind in self._request.kinds
        return kind != ENERGY and kind not in UNTOLD

    def _period(self, now: datetime) -> Period:
        end = min(self._request.end or now, now)
        start = self._request.start
        if start is None:
            start = max(end - USUAL, EPOCH)
        if start >= end:
            raise ConfigurationError(
                f"the period would begin ({start.isoformat()}) when or after it ends ({end.isoformat()})",
                hint="see --from and --to",
            )
        return Period(start, end)

    async def _wait_for_collectors(self, run: LedgerThread, seen: Seen) -> None:
        """Wait until a collector that is there has listened beyond the look: events take a moment."""
        ends = [look.end for looks in seen.looks.values() for look in looks]
        deadline = time.monotonic() + self._request.wait_s
        while ends and time.monotonic() < deadline:
            heard = await run(self._heard_until)
            is_there = heard is not None and datetime.now(UTC) - heard < _RECENTLY
            if heard is None or not is_there or heard >= max(ends):
                return
            self._step("waiting for the collector", 0, 1)
            await asyncio.sleep(_POLL_S)

    def _heard_until(self) -> datetime | None:
        stretches = self._ledger.listening.stretches(self._cloud_id)
        return max((one.until for one in stretches), default=None)

    def _heard_part_of(self, asked: Period) -> Period:
        """Cut a period to where a collector could know: from when one listened first, to when one did last.

        What came while none listened waited in the queue, or was lost: that is what is looked for.
        """
        stretches = self._ledger.listening.stretches(self._cloud_id)
        if not stretches:
            self._warnings.append(
                f"{self._cloud_id}: no collector has ever listened; what was written through the API, and"
                " what was looked at before, is all that there is to compare"
            )
            return asked
        first, last = min(one.since for one in stretches), max(one.until for one in stretches)
        start, end = max(asked.start, first), min(asked.end, last)
        if start >= end:
            raise ConfigurationError(
                f"{self._cloud_id}: no collector listened in the period; one did from {first.isoformat()}"
                f" to {last.isoformat()}",
                hint="see --from and --to",
            )
        return Period(start, end)

    # --- without it --------------------------------------------------------------------------

    def offline(self) -> ReconcileReport:
        """Compare what push told with what the ledger has from pull and from audits."""
        period = self._heard_part_of(self._period(datetime.now(UTC)))
        wanted = set(self._settings.projects.projects)
        ids = [one for one, cloud_id in self._ledger.projects() if cloud_id == self._cloud_id and one]
        names = self._ledger.names(PROJECT, ids)
        results = []
        for one in ids:
            name = names.get(one, one)
            if wanted and not wanted & {one, name}:
                continue
            project = Project(one, name, domain_id="", vo=None, properties={})
            for kind in KINDS:
                if self._is_wanted(kind):
                    result = self._compare(project, kind, period, None)
                    results += [result] if result.compared else []
        if wanted and not results:
            self._warnings.append(f"{self._cloud_id}: the ledger knows of none of the projects in the period")
        return self._report(results, CloudPeriod(self._cloud_id, period), ())

    # --- both --------------------------------------------------------------------------------

    def _compare(self, project: Project, kind: str, period: Period, seen: Seen | None) -> KindResult:
        result = KindResult(project.id, project.name, self._cloud_id, kind)
        if seen is not None:
            error = seen.errors.get((project.id, kind))
            looked = seen.end_of((project.id, kind))
            if error is not None or looked is None:
                return msgspec.structs.replace(result, error=error or "it was not looked at")
            period = Period(period.start, max(period.start, min(period.end, looked)))
        comparison = KindComparison(
            self._ledger, (project.id, self._cloud_id, kind), period, tolerance=self._tolerance, seen=seen
        )
        tally = comparison.compare(
            self._found,
            everything=self._request.everything or self._request.offline,
            repair=self._request.repair and seen is not None,
        )
        return msgspec.structs.replace(
            result,
            compared=tally.compared,
            lacking=tally.lacking,
            repaired=tally.repaired,
            unheard=tally.unheard,
        )

    def _say_what_was_left_out(self, selection: Selection) -> None:
        """Say of how many projects push has told that nobody selected: they were not looked at."""
        selected = {one.id for one in selection.projects}
        left = self._ledger.left_behind(self._cloud_id, selected)
        if left and not self._settings.projects.projects:
            self._warnings.append(
                f"{self._cloud_id}: {len(left)} projects that the ledger knows are not selected, and were not"
                " compared"
            )

    def _report(
        self, results: Sequence[KindResult], cloud: CloudPeriod, refused: tuple[str, ...]
    ) -> ReconcileReport:
        return ReconcileReport(
            clouds=(cloud,),
            results=tuple(results),
            differences=tuple(self._found.differences),
            more=self._found.more,
            refused=refused,
            warnings=tuple(self._warnings),
            offline=self._request.offline,
            repaired=self._request.repair,
        )


@contextmanager
def _scratch(tolerance: timedelta) -> Iterator[Ledger]:
    """Open an empty ledger in a temporary file, which goes with it."""
    with (
        tempfile.TemporaryDirectory(prefix="usance-") as directory,
        Ledger.open(f"sqlite:///{Path(directory) / 'look.db'}", tolerance=tolerance) as ledger,
    ):
        yield ledger
