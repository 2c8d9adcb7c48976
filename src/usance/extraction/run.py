"""One extraction: observe the clouds, stage the records, deliver the messages.

Each part may be cut off anywhere. What was observed is kept with the watermark that says how far
it goes; what was staged waits in the outbox until its messenger took it. So the next run completes
what this one could not.

Clouds are observed side by side, into one ledger and under one lock. One that is down fails alone:
what the others staged is delivered, and so is what waits from earlier runs.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial, reduce

import msgspec

from usance.config.settings import ExtractRequest, Settings
from usance.extraction import publishing
from usance.extraction.executor import LedgerThread
from usance.extraction.garbage import collected_rarely
from usance.extraction.lock import run_lock
from usance.extraction.observing import Step
from usance.extraction.one_cloud import KEYSTONE, CloudRun, Staged
from usance.extraction.report import CloudResult, RunReport
from usance.ledger.ledger import Ledger
from usance.messengers.messenger import Messenger
from usance.messengers.registry import find_messengers
from usance.model.errors import LedgerError, UsanceError, first_of
from usance.model.period import floor_second


def extract(
    settings: Settings | Sequence[Settings],
    request: ExtractRequest,
    *,
    progress: Step | None = None,
    with_usage: bool = False,
) -> RunReport:
    """Run one extraction and say what it did; *with_usage* also sums up the current month.

    *settings* are those of one cloud, or of several that share ledger, lock and messengers.

    Raises ConfigurationError for what makes a run impossible, LockHeldError if another one is
    under way, and LedgerError if the ledger can't be used. What concerns one project or one
    messenger only is in the report, and so is why one of several clouds can't be entered; if there
    is but one, AuthenticationError and other errors of the cloud's are raised.
    """
    started = time.monotonic()
    clouds = (settings,) if isinstance(settings, Settings) else tuple(settings)
    shared = clouds[0]
    messengers = find_messengers(shared.messengers)
    with (
        collected_rarely(),
        run_lock(shared.lock_dir, timeout_s=shared.lock_timeout_s),
        _ledger(shared, rehearse=request.dry_run) as ledger,
    ):
        run = _Run(clouds, request, ledger, messengers, progress or _silent)
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
        clouds: Sequence[Settings],
        request: ExtractRequest,
        ledger: Ledger,
        messengers: Sequence[Messenger],
        step: Step,
    ) -> None:
        self._clouds = clouds
        self._request = request
        self._ledger = ledger
        self._messengers = messengers
        self._step = step

    async def all(self, *, with_usage: bool) -> RunReport:
        """Do all parts of the run."""
        thread = LedgerThread(self._ledger)
        try:
            async with asyncio.TaskGroup() as tasks:
                running = [
                    tasks.create_task(self._observe(thread, one, with_usage=with_usage))
                    for one in self._clouds
                ]
            done = [one.result() for one in running]
            report = reduce(RunReport.beside, (found for found, _ in done))
            if self._request.dry_run:
                return report
            return await thread(self._deliver, report, [staged for _, staged in done])
        finally:
            thread.close()

    async def _observe(
        self, thread: LedgerThread, settings: Settings, *, with_usage: bool
    ) -> tuple[RunReport, Staged]:
        """Observe one cloud, and stage its records; of several, one may fail alone."""
        name = settings.name
        step = self._step if name is None else partial(_step_of, self._step, name)
        run = CloudRun(settings, self._request, thread, self._messengers, step)
        if name is None:
            return await run.all(with_usage=with_usage)
        try:
            report, staged = await run.all(with_usage=with_usage)
        except (UsanceError, BaseExceptionGroup) as raised:
            error = _of_the_cloud(raised)
            await thread(
                # As of a project without an id: it concerns all that the cloud has.
                self._ledger.note_attempt, "", settings.cloud.cloud_id, KEYSTONE,
                at=datetime.now(UTC), error=str(error),
            )  # fmt: skip
            failed = CloudResult(settings.cloud.cloud_id, error=str(error))
            return RunReport(until=floor_second(datetime.now(UTC)), clouds=(failed,)), {}
        return _named(report, name), staged

    def _deliver(self, report: RunReport, staged: Sequence[Staged]) -> RunReport:
        """Deliver what is staged, of all clouds together."""
        results = []
        for done, messenger in enumerate(self._messengers):
            self._step(f"messages for {messenger.name}", done, len(self._messengers))
            mine = [result for one in staged for result in one.get(messenger.name, ())]
            results.append(publishing.deliver_staged(self._ledger, messenger, mine, datetime.now(UTC)))
        publishing.give_up_old_bodies(self._ledger, self._clouds[0].keep_messages_days, datetime.now(UTC))
        return report.with_messengers(results)


def _step_of(step: Step, name: str, what: str, done: int, total: int) -> None:
    step(f"{name}: {what}", done, total)


def _of_the_cloud(raised: UsanceError | BaseExceptionGroup) -> UsanceError:
    """Return the error of a cloud that failed; what concerns all clouds is raised."""
    if isinstance(raised, BaseExceptionGroup):
        mine, others = raised.split(UsanceError)
        if others is not None or mine is None:
            raise raised
        error = first_of(mine)
    else:
        error = raised
    if isinstance(error, LedgerError):
        raise raised
    return error


def _named(report: RunReport, name: str) -> RunReport:
    """Return a cloud's report whose sentences say of which cloud they are."""
    sentences = {
        field: tuple(f"cloud {name}: {one}" for one in getattr(report, field))
        for field in ("refused", "troubles", "warnings", "differences")
    }
    return msgspec.structs.replace(report, **sentences)
