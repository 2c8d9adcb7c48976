"""Emptying queues: each message is removed once the service has acknowledged all of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import aclosing
from typing import Final

import msgspec

from usance.config.settings import PublishSettings, QueueSettings
from usance.model.errors import DeliveryError, LockHeldError, UsanceError
from usance.sending.courier import Settled
from usance.sending.dead import DeadLetters
from usance.sending.errors import ServiceDownError
from usance.sending.parts import Letter
from usance.sending.queues import Queue, UnreadableError, held, open_queue, read_message
from usance.sending.sender import Sender
from usance.sending.transport import wire_name

LOG = logging.getLogger(__name__)

_TOLD: Final = 5  # messages that can't be read, by name


class QueueReport(msgspec.Struct, frozen=True):
    """What became of the messages of one queue."""

    path: str
    destination: str | None
    sent: int = 0  # messages that the service has taken, at least in part
    parts: int = 0  # in which they went: more than `sent` where messages were split
    dead: int = 0  # messages and parts that went to the dead letters
    left: int = 0  # messages that still wait
    error: str | None = None  # why they do
    locked: bool = False  # another process of ours is emptying the queue


class PublishReport(msgspec.Struct, frozen=True):
    """What became of all queues."""

    queues: tuple[QueueReport, ...]
    warnings: tuple[str, ...] = ()

    @property
    def exit_status(self) -> int:
        """0: all was sent; 1: something was not; 75: another process is at it."""
        if any(one.dead or (one.error and not one.locked) for one in self.queues):
            return 1
        if any(one.locked for one in self.queues):
            return LockHeldError.exit_status
        return 1 if any(one.left for one in self.queues) else 0


def publish(settings: PublishSettings, *, dry_run: bool = False) -> PublishReport:
    """Send what is in the queues, as far as that goes.

    Raises ConfigurationError for what makes sending impossible. A *dry_run* seals what waits and
    says what would go, and sends and changes nothing.
    """
    sender = Sender(settings)
    for line in sender.warnings:
        LOG.warning("%s", line)
    LOG.info("Messages go to %s, signed by %s", sender.transport.place, sender.identity.subject)
    if sender.receiver is not None:
        LOG.info("They are encrypted for %s", sender.receiver)
    reports = asyncio.run(_publish(sender, dry_run=dry_run))
    return PublishReport(tuple(reports), tuple(sender.warnings))


async def _publish(sender: Sender, *, dry_run: bool) -> list[QueueReport]:
    reports: list[QueueReport] = []
    down: str | None = None
    async with sender:
        for queue in sender.settings.queues:
            try:
                if down is None or dry_run:
                    emptying = _Emptying(sender, queue)
                    reports.append(emptying.rehearse() if dry_run else await emptying.run())
                    down = emptying.down
                else:
                    left = len(open_queue(queue.path, queue.path_type).names())
                    error = f"not tried: {down}" if left else None
                    reports.append(QueueReport(str(queue.path), queue.destination, left=left, error=error))
            except UsanceError as broken:  # this queue, not the next one
                reports.append(QueueReport(str(queue.path), queue.destination, error=str(broken)))
    return reports


class _Emptying:
    """One queue on its way."""

    def __init__(self, sender: Sender, settings: QueueSettings) -> None:
        self._sender = sender
        self._settings = settings
        self._queue: Queue = open_queue(
            settings.path, settings.path_type, max_lock_s=sender.settings.max_lock_s
        )
        self._dead = DeadLetters(settings.path)
        self._taken: set[str] = set()  # and neither removed nor released yet
        self._gone: set[str] = set()  # sent or put aside, by name
        self._sent = 0
        self._parts = 0
        self._buried = 0
        self._others = 0  # messages that another sender has
        self._troubles: list[str] = []
        self.down: str | None = None  # why the service works for no queue

    def _report(self, left: int, error: str | None = None, *, locked: bool = False) -> QueueReport:
        return QueueReport(
            path=str(self._settings.path),
            destination=self._settings.destination,
            sent=self._sent,
            parts=self._parts,
            dead=self._buried,
            left=left,
            error=error,
            locked=locked,
        )

    def _told(self) -> str | None:
        more = len(self._troubles) - _TOLD
        told = "; ".join(self._troubles[:_TOLD]) + (f"; and {more} more" if more > 0 else "")
        return told or None

    async def run(self) -> QueueReport:
        """Empty the queue; what goes wrong is in the report."""
        waiting = set(self._queue.names())
        if not waiting:
            return self._report(0)
        destination = self._settings.destination
        if destination is None:
            return self._report(len(waiting), "no destination is set for it (see [publish] destination_...)")
        error: str | None = None
        try:
            with held(self._settings.path):
                try:
                    await self._send(destination)
                finally:
                    for name in self._taken:
                        self._queue.release(name)
                    self._queue.purge()
        except LockHeldError as held_error:
            return self._report(len(waiting), held_error.message, locked=True)
        except DeliveryError as failure:
            error = str(failure)
            if isinstance(failure, ServiceDownError):
                self.down = failure.message
        except OSError as failure:
            error = f"{failure.filename or self._settings.path}: {failure.strerror}"
        left = self._count_left(waiting)
        if self._others:
            self._troubles.append(f"{self._others} of them are locked, or still being written")
        return self._report(left, error or self._told())

    def _count_left(self, waiting: set[str]) -> int:
        """Count what did not go; what came in the meantime is for the next run."""
        try:
            return len(waiting.intersection(self._queue.names()) - self._gone)
        except DeliveryError as error:
            self._troubles.append(str(error))
            return 0

    async def _send(self, destination: str) -> None:
        LOG.info("Found %d messages in %s", len(self._queue.names()), self._settings.path)
        async with aclosing(self._sender.courier.deliver(self._letters(), destination)) as deliveries:
            async for settled in deliveries:
                self._settle(settled)

    def _letters(self) -> Iterator[Letter]:
        for name in self._queue.names():
            self._taken.add(name)
            try:
                body = self._queue.take(name)
            except UnreadableError as error:
                self._bury_unread(name, str(error))
                continue
            except OSError as error:
                self._let_go(name)
                self._troubles.append(f"{wire_name(name)} can't be taken: {error.strerror}")
                continue
            if body is None:
                self._taken.discard(name)
                self._others += 1
                LOG.warning("Message %s is locked by another sender, or still being written", wire_name(name))
                continue
            yield Letter(name, body)

    def _settle(self, settled: Settled) -> None:
        name = settled.letter.name
        self._sent += settled.parcels > 0
        self._parts += settled.parcels
        try:
            for refusal in settled.refused:
                LOG.error("Message %s is put aside: %s", wire_name(refusal.letter.name), refusal.reason)
                self._dead.put(refusal.letter.name, refusal.letter.body, refusal.reason)
                self._buried += 1
        except OSError as error:
            self._keep(name, error)
            return
        self._queue.remove(name)
        self._taken.discard(name)
        self._gone.add(name)

    def _bury_unread(self, name: str, reason: str) -> None:
        LOG.error("Message %s is put aside: %s", wire_name(name), reason)
        try:
            self._dead.move(name, self._settings.path / name, reason)
        except OSError as error:
            self._keep(name, error)
            return
        self._buried += 1
        self._let_go(name)

    def _keep(self, name: str, error: OSError) -> None:
        """Leave a message in the queue that can't be put aside: it must not hold back the others."""
        self._let_go(name)
        self._troubles.append(
            f"{wire_name(name)} can't go, nor be put aside: {self._dead.path}: {error.strerror}"
        )

    def _let_go(self, name: str) -> None:
        self._queue.release(name)
        self._taken.discard(name)

    def rehearse(self) -> QueueReport:
        """Seal what waits, and count what would go; lock, send and change nothing."""
        for name in self._queue.names():
            try:
                body = read_message(self._settings.path / name)
            except UnreadableError as error:
                self._troubles.append(f"{wire_name(name)}: {error}")
                self._buried += 1
                continue
            except OSError as error:
                self._troubles.append(f"{wire_name(name)} can't be read: {error.strerror}")
                continue
            prepared = self._sender.courier.prepare(Letter(name, body))
            self._sent += bool(prepared.parts)
            self._parts += len(prepared.parts)
            self._buried += len(prepared.refused)
            self._troubles += [f"{wire_name(one.letter.name)}: {one.reason}" for one in prepared.refused]
        if self._settings.destination is None and (self._sent or self._buried):
            self._troubles.append("no destination is set for it (see [publish] destination_...)")
        return self._report(0, self._told())
