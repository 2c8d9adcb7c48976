"""A collector as a whole: its listeners, its housekeeping, its side door, and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import signal
import socket
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from usance.collector.keeping import Keeper
from usance.collector.listener import Listener
from usance.collector.metrics import Metrics
from usance.collector.side_door import SideDoor
from usance.collector.table import load_events
from usance.collector.understanding import Understanding
from usance.config.settings import CollectorSettings, Settings
from usance.ledger.ledger import Ledger
from usance.model.errors import ConfigurationError, LedgerError, UsanceError, first_of

LOG = logging.getLogger(__name__)

_HOUSEKEEPING_S: Final = 15


class CollectReport(msgspec.Struct, frozen=True):
    """How a collector ended."""

    unwritten: int  # messages that could not be written in the end: the broker has them still

    @property
    def exit_status(self) -> int:
        """0 if all that came was written."""
        return 1 if self.unwritten else 0


def collect(clouds: Sequence[Settings], ledger: Ledger) -> CollectReport:
    """Listen to the brokers of all clouds, until SIGTERM or SIGINT.

    Raises ConfigurationError for what can't be used, and BrokerError if a broker knows us not.
    """
    collector = Collector(clouds, ledger)
    try:
        return asyncio.run(collector.run())
    except BaseExceptionGroup as group:
        mine, others = group.split(UsanceError)
        if mine is not None and others is None:
            raise first_of(mine) from group
        raise


class Collector:
    """The parts of a collector, and how they work together."""

    def __init__(self, clouds: Sequence[Settings], ledger: Ledger) -> None:
        self._clouds = clouds
        self._keeper = Keeper(ledger)
        self._metrics = Metrics()
        self._name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"
        self._listeners: list[Listener] = []

    async def run(self) -> CollectReport:
        """Listen until a signal says that it is enough."""
        self._listeners = [one for cloud in self._clouds for one in self._of_cloud(cloud)]
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        door: asyncio.Server | None = None
        try:
            listen = self._clouds[0].collector.listen
            if listen is not None:
                door = await SideDoor(self._metrics.registry, self._troubles).open(*listen)
            await self._listen()
            await self._keep_house()
            return CollectReport(sum(one.unwritten for one in self._listeners))
        finally:
            if door is not None:
                door.close()
            self._keeper.close()

    def _of_cloud(self, cloud: Settings) -> list[Listener]:
        settings = cloud.collector
        understanding = Understanding(
            cloud.cloud.cloud_id,
            load_events(settings.events_file, cloud.flavor_keys),
            largest=settings.max_message,
            kept=settings.parked_bytes,
        )
        context = tls_context(settings) if any(one.tls for one in settings.brokers) else None
        return [
            Listener(
                cloud.cloud.cloud_id,
                broker,
                settings,
                context=context if broker.tls else None,
                understanding=understanding,
                keeper=self._keeper,
                metrics=self._metrics,
            )
            for broker in settings.brokers
        ]

    async def _listen(self) -> None:
        """Run the listeners until all of them end; if one fails, the others leave in good order."""
        housekeeping = asyncio.create_task(self._keep_house_for_ever())
        tasks = [asyncio.create_task(one.run()) for one in self._listeners]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            self._stop()
            await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            housekeeping.cancel()
            await asyncio.gather(housekeeping, return_exceptions=True)
        failed = [error for one in tasks if (error := one.exception()) is not None]
        if failed:
            raise BaseExceptionGroup("a listener failed", failed)

    def _stop(self) -> None:
        for one in self._listeners:
            one.stop()

    def _troubles(self) -> list[str]:
        mine = [f"{one.cloud_id}: {one.trouble}" for one in self._listeners if one.trouble is not None]
        return [*([self._keeper.trouble] if self._keeper.trouble else []), *mine]

    # --- housekeeping ------------------------------------------------------------------------

    async def _keep_house_for_ever(self) -> None:
        is_told = False
        while True:
            await asyncio.sleep(_HOUSEKEEPING_S)
            try:
                await self._keep_house()
            except Exception:
                # What it has to tell is kept, and told the next time.
                if not is_told:
                    LOG.exception("the housekeeping failed, and is tried again")
                is_told = True

    async def _keep_house(self) -> None:
        """Note that we listen, what was ignored, and let the oldest parked messages go.

        While the ledger is away nothing of this is lost: it is told the next time.
        """
        with contextlib.suppress(LedgerError):
            for number, one in enumerate(self._listeners):
                await self._note(one, number)
            for cloud in self._clouds:
                await self._bound_parked(cloud)

    async def _note(self, listener: Listener, number: int) -> None:
        ledger, now = self._keeper.ledger, datetime.now(UTC)
        since, heard, ignored = listener.since, listener.heard, dict(listener.ignored)
        if since is not None:
            await self._keeper.run(
                ledger.listening.note,
                listener.cloud_id,
                f"{self._name}:{number}",
                since=since,
                until=now,
                messages=heard,
            )
            listener.heard -= heard
        await self._keeper.run(ledger.listening.ignore, listener.cloud_id, ignored, at=now)
        listener.ignored.subtract(ignored)
        listener.ignored = +listener.ignored

    async def _bound_parked(self, cloud: Settings) -> None:
        cloud_id = cloud.cloud.cloud_id
        gone = await self._keeper.run(
            self._keeper.ledger.parking.bound, cloud_id, cloud.collector.parked_limit
        )
        if gone:
            self._metrics.dropped.labels(cloud_id).inc(gone)
            LOG.warning(
                "%s: %d parked messages went, because there are more than %d",
                cloud_id,
                gone,
                cloud.collector.parked_limit,
            )


def tls_context(settings: CollectorSettings) -> ssl.SSLContext:
    """Return how brokers are verified. Raises ConfigurationError if a file can't be used."""
    try:
        context = ssl.create_default_context(cafile=settings.cafile)
        if settings.certfile is not None:
            context.load_cert_chain(settings.certfile, settings.keyfile)
    except (OSError, ValueError) as error:  # among them ssl.SSLError
        raise ConfigurationError(
            f"[collector] cafile, certfile or keyfile can't be used: {error}",
            hint="they are PEM files, and the user that runs usance may read them",
        ) from error
    return context
