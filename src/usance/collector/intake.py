"""What came on one line and is not written yet, and when enough of it makes a batch."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import Final

from usance.collector.broker import Line
from usance.collector.delivery import Delivery

_BATCH_BYTES: Final = 16 * 1024 * 1024  # of the bodies of one batch
_ENOUGH_BYTES: Final = 4 * _BATCH_BYTES  # of what waits: then nothing more is read
_ROOM_BYTES: Final = 2 * _BATCH_BYTES  # of what waits: then it goes on


class Intake:
    """Takes deliveries in their order, and hands them out in batches.

    How many it holds is bounded by what the broker gives out before the first is acknowledged. Their size
    is bounded here: once there is enough for four batches, nothing is read from the broker until there is
    enough for two. (RabbitMQ was seen to close a connection from which nothing was read for half a minute,
    and to give out again what was on the way. So long it lasts only while the ledger is away.)
    """

    def __init__(self, line: Line, *, size: int, wait_s: float) -> None:
        self._line = line
        self._size = size
        self._wait_s = wait_s
        self._waiting: deque[Delivery] = deque()
        self._bytes = 0
        self._news = asyncio.Event()
        self._is_closing = False
        line.lost.add_done_callback(lambda _: self._news.set())

    def take(self, delivery: Delivery) -> None:
        """Take what the broker gives."""
        self._waiting.append(delivery)
        self._bytes += len(delivery.body)
        if self._bytes >= _ENOUGH_BYTES:
            self._line.hold()
        if len(self._waiting) == 1 or self._is_enough:
            self._news.set()

    def finish(self) -> None:
        """Hand out what is there without waiting for more, and then end: nothing will come any more."""
        self._is_closing = True
        self._news.set()

    @property
    def _is_enough(self) -> bool:
        return len(self._waiting) >= self._size or self._bytes >= _BATCH_BYTES

    async def batch(self) -> list[Delivery]:
        """Return the next batch, as soon as it is large or old enough; an empty one at the end.

        When the line is lost, what it gave is forgotten: the broker gives it out again.
        """
        first_by: float | None = None
        loop = asyncio.get_running_loop()
        while not (self._is_enough or self._is_closing or self._line.lost.done()):
            if self._waiting and first_by is None:
                first_by = loop.time() + self._wait_s
            patience = None if first_by is None else first_by - loop.time()
            if patience is not None and patience <= 0:
                break
            await self._anything(patience)
        if self._line.lost.done() and not self._is_closing:
            self._waiting.clear()
            self._bytes = 0
            return []
        return self._taken()

    def _taken(self) -> list[Delivery]:
        """Take what makes a batch: at least one message, and then as many as are not too much."""
        taken: list[Delivery] = []
        size = 0
        while self._waiting and len(taken) < self._size and size < _BATCH_BYTES:
            taken.append(self._waiting.popleft())
            size += len(taken[-1].body)
        self._bytes -= size
        if self._bytes <= _ROOM_BYTES and not self._is_closing:
            self._line.go_on()
        return taken

    async def _anything(self, patience: float | None) -> None:
        self._news.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), patience)
