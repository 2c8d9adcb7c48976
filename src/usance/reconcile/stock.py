"""Taking stock: a collector that begins to listen learns what runs already.

It is a first full look at each selected project, as an extraction makes one, without records and
messages. It is taken once: of what was looked at completely, by whomever, none is taken again. What
fails is taken at the next start.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Sequence
from datetime import timedelta
from types import TracebackType
from typing import Final, Self

import msgspec

from usance.cloud.access import Cloud, open_cloud
from usance.cloud.projects import Project
from usance.config.settings import ExtractRequest, Settings
from usance.extraction.executor import LedgerThread
from usance.extraction.naming import Mentions, remember_projects, remember_volume_types
from usance.extraction.observing import Observer, Outcome
from usance.ledger.ledger import Ledger
from usance.model.errors import UsanceError, first_of
from usance.model.resource import ENERGY, VOLUME
from usance.reconcile.memory import memory_of
from usance.sources.registry import find_sources
from usance.sources.source import Source

LOG = logging.getLogger(__name__)

_END_S: Final = 30


class Stock(msgspec.Struct, frozen=True):
    """What came of taking stock of one cloud."""

    cloud_id: str
    looks: int = 0  # at a kind of resource of a project; 0: nothing was left to look at
    observations: int = 0
    troubles: tuple[str, ...] = ()  # one sentence each: they are tried again at the next start


async def take_stock(settings: Settings, ledger: Ledger) -> Stock:
    """Look at all that was never looked at completely, and keep what is seen.

    Raises the errors of a cloud that can't be entered, and LedgerError.
    """
    thread = LedgerThread(ledger)
    try:
        async with open_cloud(settings.cloud) as cloud:
            return await _in(cloud, settings, thread)
    finally:
        thread.close()


async def _in(cloud: Cloud, settings: Settings, thread: LedgerThread) -> Stock:
    selection = await cloud.select_projects(settings.projects)
    troubles = [f"{what}: {reason}" for what, reason in selection.refused]
    await remember_projects(thread, cloud, selection.projects, cloud.clock.now())
    mentions = Mentions(thread, cloud.cloud_id)
    sources = [one for one in find_sources(cloud, settings) if one.kind != ENERGY]
    if selection.projects and any(one.kind == VOLUME for one in sources):
        # First, since the collector listens already: a message names a volume's type by its id alone.
        now = cloud.clock.now()
        troubles += await remember_volume_types(thread, cloud, selection.projects[0], now, every=True)
    looks = observations = 0

    async def look(source: Source) -> None:
        due = [one for one in selection.projects if not await _was_looked_at(thread, cloud, source, one)]

        async def then(project: Project, outcome: Outcome) -> None:
            nonlocal looks, observations
            looks += 1
            observations += outcome.observations
            if outcome.error is not None:
                troubles.append(f"project {project.name}, {source.name}: {outcome.error}")

        memory = memory_of(thread, cloud.cloud_id, source)
        observer = Observer(thread, cloud, source, settings, mentions, memory=memory)
        await observer.observe(due, ExtractRequest(), _silent, then)

    async with asyncio.TaskGroup() as tasks:
        for source in sources:
            tasks.create_task(look(source))
    return Stock(cloud.cloud_id, looks, observations, tuple(troubles))


async def _was_looked_at(thread: LedgerThread, cloud: Cloud, source: Source, project: Project) -> bool:
    last = await thread(thread.ledger.last_full_look, project.id, cloud.cloud_id, source.name, source.kind)
    return last is not None


def _silent(what: str, done: int, total: int) -> None:
    """Show no progress."""


class StockTaking:
    """Takes stock of some clouds in a thread of its own, while a collector listens.

    Whatever fails is logged; nothing is raised. On leaving, what is under way is broken off: each batch
    is a transaction, and what is not complete is looked at again at the next start.
    """

    def __init__(self, clouds: Sequence[Settings]) -> None:
        self._clouds = tuple(clouds)
        self.stocks: list[Stock] = []
        self._loop = asyncio.new_event_loop()
        self._task: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._run, name="stock", daemon=True)

    def __enter__(self) -> Self:
        """Begin."""
        if self._clouds:
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Break off what is under way, and wait until it has ended."""
        if self._clouds:
            with contextlib.suppress(RuntimeError):  # its loop is closed: it is over
                self._loop.call_soon_threadsafe(self._cancel)
            self._thread.join(_END_S)
        else:
            self._loop.close()

    def wait(self, timeout_s: int) -> bool:
        """Wait until it is over; false if that takes longer."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _run(self) -> None:
        try:
            self._task = self._loop.create_task(self._all())
            with contextlib.suppress(asyncio.CancelledError):
                self._loop.run_until_complete(self._task)
        finally:
            self._loop.close()

    async def _all(self) -> None:
        for settings in self._clouds:
            try:
                tolerance = timedelta(seconds=settings.cloud.tolerance_s)
                with Ledger.open(settings.ledger_url, tolerance=tolerance) as ledger:
                    stock = await take_stock(settings, ledger)
            except UsanceError as error:
                stock = Stock(settings.cloud.cloud_id, troubles=(str(error),))
            except BaseExceptionGroup as group:
                mine, others = group.split(UsanceError)
                if mine is None or others is not None:
                    raise
                stock = Stock(settings.cloud.cloud_id, troubles=(str(first_of(mine)),))
            self.stocks.append(stock)
            _log(stock)


def _log(stock: Stock) -> None:
    for trouble in stock.troubles:
        LOG.warning(
            "%s: stock of what runs already could not be taken: %s; it is tried again at the next start",
            stock.cloud_id,
            trouble,
        )
    if stock.looks:
        LOG.info(
            "%s: took stock of what runs already: %d looks told %d new things",
            stock.cloud_id,
            stock.looks,
            stock.observations,
        )
