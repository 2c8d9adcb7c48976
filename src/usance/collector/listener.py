"""Listening to one virtual host: from the broker to the ledger, and only then back to the broker.

A message is acknowledged when the transaction is committed that it is in; whatever ends the program
or the connection before that lets the broker give it out again, and the ledger has each observation
once, however often it comes. While one batch is written the next one is read: so there are two in
memory, and what the broker gives ahead.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections import Counter
from collections.abc import Coroutine, Sequence
from datetime import UTC, datetime, timedelta
from itertools import cycle
from typing import Final

from usance.collector.broker import BrokerError, Line, RefusedError
from usance.collector.delivery import Delivery
from usance.collector.intake import Intake
from usance.collector.keeping import Entry, Keeper, waits
from usance.collector.metrics import Metrics
from usance.collector.queues import Queues
from usance.collector.understanding import Understanding
from usance.config.settings import BrokerSettings, CollectorSettings
from usance.ledger.values import Parked

LOG = logging.getLogger(__name__)

_BEGINNING: Final = "not connected yet"
_FUTURE: Final = timedelta(minutes=5)  # what is sent later than this from now tells nothing of the lag


class Listener:
    """Listens to one virtual host of one broker for one cloud, for as long as it is not told to stop."""

    def __init__(
        self,
        cloud_id: str,
        broker: BrokerSettings,
        settings: CollectorSettings,
        *,
        context: ssl.SSLContext | None,
        understanding: Understanding,
        keeper: Keeper,
        metrics: Metrics,
    ) -> None:
        self.cloud_id = cloud_id
        self.broker = str(broker)
        self._settings = settings
        self._hosts = cycle(broker.hosts)
        self._host_count = len(broker.hosts)
        self._virtual_host = broker.virtual_host
        self._context = context
        self._understanding = understanding
        self._keeper = keeper
        self._metrics = metrics
        self._stop = asyncio.Event()
        self.trouble: str | None = _BEGINNING
        """Why nothing is heard at present; None: we listen."""
        self.since: datetime | None = None
        """Since when we listen without a break, by the collector's clock; None: we don't."""
        self.heard = 0
        """Messages that were committed and not told of in `Listening` yet."""
        self.ignored: Counter[str] = Counter()
        """Types of events that nothing is made of, not told of yet."""
        self.unwritten = 0
        """Messages that were read, and are not committed yet: the broker has them still."""

    def stop(self) -> None:
        """Let :meth:`run` finish the batches that it has, and return."""
        self._stop.set()

    async def run(self) -> None:
        """Listen until told to stop; connect again whenever the connection is lost.

        Raises RefusedError if no host of the broker knows us, before it ever did.
        """
        next_wait = waits()
        was_connected = False
        refused = 0
        while not self._stop.is_set():
            host = next(self._hosts)
            try:
                line = await self._unless_stopped(
                    Line.open(host, self._virtual_host, self._context, heartbeat_s=self._settings.heartbeat_s)
                )
                if line is None:
                    break
                self._metrics.connections.labels(self.cloud_id, self.broker).inc()
                self._metrics.connected.labels(self.cloud_id, self.broker).set(1)
                was_connected, refused, next_wait = True, 0, waits()
                await self._listen(line)
            except BrokerError as error:
                refused += isinstance(error, RefusedError)
                if refused >= self._host_count and not was_connected:
                    raise
                self._metrics.connected.labels(self.cloud_id, self.broker).set(0)
                self._say_trouble(str(error))
                await self._pause(next_wait())

    async def _unless_stopped(self, opening: Coroutine[None, None, Line]) -> Line | None:
        """Connect; None if told to stop meanwhile."""
        task = asyncio.create_task(opening)
        stopping = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
            return task.result() if task.done() else None
        finally:
            for one in (task, stopping):
                one.cancel()
            await asyncio.gather(task, stopping, return_exceptions=True)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), seconds)

    def _say_listening(self) -> None:
        if self.since is None:
            self.since = datetime.now(UTC)
            LOG.info("listening to %s of %s", ", ".join(self._settings.queue_names), self.broker)
        self.trouble = None

    def _say_trouble(self, reason: str) -> None:
        """Say once why nothing is heard; how that changes is in /ready."""
        if self.trouble in {None, _BEGINNING}:
            LOG.warning("%s; trying again", reason)
        self.trouble = reason
        self.since = None

    # --- one connection ----------------------------------------------------------------------

    async def _listen(self, line: Line) -> None:
        """Listen as long as a line lives, or until told to stop. Raises BrokerError when it is lost."""
        intake = Intake(line, size=self._settings.batch_size, wait_s=self._settings.batch_ms / 1000)
        self.unwritten = 0
        writing = asyncio.create_task(self._write_all(line, intake))
        tending = asyncio.create_task(self._tend(line, Queues(line, self._settings, intake.take)))
        stopping = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({writing, tending, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not writing.done():
                with contextlib.suppress(BrokerError):
                    await line.stop_consuming()
                intake.finish()
                await asyncio.wait({writing, stopping}, return_when=asyncio.FIRST_COMPLETED)
                await asyncio.wait({writing}, timeout=self._settings.leave_after_s)
        finally:
            for task in (writing, tending, stopping):
                task.cancel()
            await asyncio.gather(writing, tending, stopping, return_exceptions=True)
            await line.close()
        for task in (writing, tending):
            if not task.cancelled():
                task.result()
        if not self._stop.is_set():
            raise BrokerError(f"the connection to {line.place} was lost: {line.lost.result()}")

    async def _tend(self, line: Line, queues: Queues) -> None:
        """See after the queues now and then: those that are missing, and how full the others are."""
        while True:
            if not line.is_held:  # else no answer would be heard
                await self._look_after(queues)
            await asyncio.sleep(queues.pause_s)

    async def _look_after(self, queues: Queues) -> None:
        await queues.tend()
        if queues.missing:
            missing = ", ".join(queues.missing)
            self._say_trouble(
                f"there is no queue {missing} yet on {self.broker}: the services make it when they send"
            )
        else:
            self._say_listening()
        for queue, depth in queues.depths.items():
            self._metrics.depth.labels(self.cloud_id, self.broker, queue).set(depth)

    # --- batches -----------------------------------------------------------------------------

    async def _write_all(self, line: Line, intake: Intake) -> None:
        """Write batch after batch; while one is written, read the next."""
        writing: asyncio.Task[None] | None = None
        try:
            while batch := await intake.batch():
                entries = self._read(batch)
                if writing is not None:
                    await writing
                writing = asyncio.create_task(self._write(line, entries))
            if writing is not None:
                await writing
        except asyncio.CancelledError:
            if writing is not None:
                writing.cancel()
                await asyncio.gather(writing, return_exceptions=True)
            raise

    def _read(self, batch: Sequence[Delivery]) -> list[Entry]:
        self.unwritten += len(batch)
        for queue, count in Counter(one.queue for one in batch).items():
            self._metrics.received.labels(self.cloud_id, self.broker, queue).inc(count)
        for queue, count in Counter(one.queue for one in batch if one.is_repeated).items():
            self._metrics.repeated.labels(self.cloud_id, self.broker, queue).inc(count)
        now = datetime.now(UTC)
        return [Entry(one, self._understanding.of(one, now)) for one in batch]

    async def _write(self, line: Line, entries: Sequence[Entry]) -> None:
        begun = asyncio.get_running_loop().time()
        kept = await self._keeper.keep(entries, self._park)
        line.acknowledge(entries[-1].delivery.tag)
        self.unwritten -= len(entries)
        self._metrics.batches.labels(self.cloud_id).observe(asyncio.get_running_loop().time() - begun)
        self._metrics.stored.labels(self.cloud_id).inc(kept.of.inserted)
        self._metrics.duplicates.labels(self.cloud_id).inc(kept.of.duplicates)
        self._metrics.parked.labels(self.cloud_id).inc(kept.of.parked)
        self._metrics.acknowledged.labels(self.cloud_id).inc(len(entries))
        self._count(entries)

    def _count(self, entries: Sequence[Entry]) -> None:
        """Count what was committed."""
        now = datetime.now(UTC)
        self.heard += len(entries)
        understood = [one.understood for one in entries]
        ignored = Counter(one.ignored for one in understood if one.ignored)
        self.ignored.update(ignored)
        self._metrics.ignored.labels(self.cloud_id).inc(ignored.total())
        for event_type, count in Counter(one.event_type for one in understood if one.event_type).items():
            self._metrics.understood.labels(self.cloud_id, event_type).inc(count)
        newest = max((one.sent for one in understood if one.sent and one.sent < now + _FUTURE), default=None)
        if newest is not None:
            self._metrics.lag.labels(self.cloud_id).set(max(0.0, (now - newest).total_seconds()))

    def _park(self, delivery: Delivery, reason: str) -> Parked:
        return self._understanding.parked(delivery, reason, datetime.now(UTC))
