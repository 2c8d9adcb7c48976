"""The queues that a collector listens to: found, made where they are ours, and bound to the exchanges.

An oslo.messaging notifier declares the queue `<topic>.<priority>` itself before it sends, durable or not,
classic or quorum as its service is configured, and binds it to its exchange. If it finds the queue
made in another way, RabbitMQ refuses, and the notification is lost. So such a queue is taken as it
is, and one that is not there yet is waited for; nothing is lost meanwhile, for whoever sends makes it.
Source: oslo_messaging/_drivers/impl_rabbit.py (`_publish_and_creates_default_queue`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from usance.collector.broker import BrokerError, Line
from usance.collector.delivery import Delivery
from usance.config.settings import CollectorSettings

LOG = logging.getLogger(__name__)

_SOON_S: Final = 3.0  # until a queue that is missing is looked for again
_LATER_S: Final = 15.0  # until all of them are looked at again
_RARE_AHEAD: Final = 50
_EXCHANGES_EVERY: Final = 4  # looks


class Queues:
    """The queues of one connection."""

    def __init__(self, line: Line, settings: CollectorSettings, take: Callable[[Delivery], None]) -> None:
        self._line = line
        self._settings = settings
        self._take = take
        self._consumed: list[str] = []
        self._bound: set[tuple[str, str]] = set()
        self._refused: set[tuple[str, str]] = set()
        self._looks = 0
        self.depths: dict[str, int] = {}
        """How many messages waited in each queue at the last look."""

    @property
    def missing(self) -> list[str]:
        """The queues that nobody has made yet, without those that may never be."""
        return [
            one for one in self._settings.queue_names if not self._is_rare(one) and one not in self._consumed
        ]

    @property
    def pause_s(self) -> float:
        """Seconds until the next look."""
        return _SOON_S if self.missing else _LATER_S

    async def tend(self) -> None:
        """Look at the queues, bind those that are there, and let the broker give what is in them.

        Raises BrokerError if the connection is lost, or a queue may not be read.
        """
        found = [one for one in self._settings.queue_names if await self._is_there(one)]
        news = [one for one in found if one not in self._consumed]
        if news or self._looks % _EXCHANGES_EVERY == 0:
            await self._bind(found)
        self._looks += 1
        for queue in news:
            await self._line.consume(
                queue,
                prefetch=self._ahead(queue),
                largest=self._settings.max_message,
                kept=self._settings.parked_bytes,
                take=self._take,
            )
            self._consumed.append(queue)

    def _is_rare(self, queue: str) -> bool:
        return not self._settings.queues and queue in self._settings.rare_keys

    def _ahead(self, queue: str) -> int:
        """Return how many messages of a queue come ahead: all queues together as many as are wanted."""
        if self._is_rare(queue):
            return min(self._settings.prefetch, _RARE_AHEAD)
        often = sum(not self._is_rare(one) for one in self._settings.queue_names)
        return max(1, self._settings.prefetch // often)

    async def _is_there(self, queue: str) -> bool:
        depth = await self._line.depth(queue)
        if depth is None:
            how = self._how_to_make()
            if how is None:
                return False
            await self._line.make_queue(queue, quorum=how == "quorum", durable=self._settings.durable)
            depth = 0
        self.depths[queue] = depth
        return True

    def _how_to_make(self) -> str | None:
        return self._settings.queue_type or ("classic" if self._settings.queues else None)

    async def _bind(self, queues: list[str]) -> None:
        """Bind queues to the exchanges that exist by now."""
        for exchange in self._settings.exchanges:
            new = [one for one in queues if (one, exchange) not in self._bound | self._refused]
            if not new or not await self._has(exchange):
                continue
            for queue in new:
                await self._bind_one(queue, exchange)

    async def _has(self, exchange: str) -> bool:
        try:
            return await self._line.has_exchange(exchange)
        except BrokerError:
            if self._line.lost.done():
                raise
            return False  # we may not look at it

    async def _bind_one(self, queue: str, exchange: str) -> None:
        try:
            for key in self._settings.routing_keys if self._settings.queues else (queue,):
                await self._line.bind(queue, exchange, key)
            self._bound.add((queue, exchange))
        except BrokerError as error:
            if self._line.lost.done():
                raise
            LOG.warning("%s can't be bound to the exchange %s: %s", queue, exchange, error)
            self._refused.add((queue, exchange))
