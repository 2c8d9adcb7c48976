"""The one way from asynchronous code to the ledger: a single thread that works calls off in order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import ParamSpec, TypeVar

from usance.ledger.ledger import Ledger
from usance.model.period import Period
from usance.model.span import Timeline

P = ParamSpec("P")
R = TypeVar("R")


class LedgerThread:
    """Runs the ledger's synchronous calls one after the other in a thread of their own.

    Whoever awaits a call waits for those before it, so a cloud that answers faster than the
    ledger writes is slowed down instead of piling batches up in memory.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger")

    async def __call__(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a call in the ledger's thread and return its result."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, partial(call, *args, **kwargs))

    def close(self) -> None:
        """Wait for the calls under way, and end the thread."""
        self._thread.shutdown(wait=True)


class LedgerMemory:
    """What a source said before, as the ledger has it (the `Memory` that a source is given)."""

    def __init__(self, run: LedgerThread, cloud_id: str, source: str, kind: str) -> None:
        self._run = run
        self._cloud_id = cloud_id
        self._source = source
        self._kind = kind

    async def statements(self, project_id: str, ids: Sequence[str]) -> dict[str, str]:
        """Return the digests of this source's last sightings, by resource id."""
        return await self._run(
            self._run.ledger.statements, project_id, self._cloud_id, self._source, self._kind, ids
        )

    async def alive(self, project_id: str) -> set[str]:
        """Return the ids of the resources that this source last said it had seen."""
        return await self._run(self._run.ledger.alive, project_id, self._cloud_id, self._source, self._kind)

    async def last_look(self, project_id: str) -> datetime | None:
        """Return when this source's last full look at the project began; None if there was none."""
        look = await self._run(
            self._run.ledger.last_full_look, project_id, self._cloud_id, self._source, self._kind
        )
        return None if look is None else look.begin

    async def lives(self, project_id: str, kind: str, touching: Period) -> list[Timeline]:
        """Return what the ledger knows of resources of any kind that lived in a period."""
        return await self._run(self._lives, project_id, kind, touching)

    def _lives(self, project_id: str, kind: str, touching: Period) -> list[Timeline]:
        # Nothing has changed since the newest revision: only the period selects.
        newest = self._run.ledger.revision(project_id, self._cloud_id)
        found = self._run.ledger.timelines(
            project_id, self._cloud_id, kind, since_revision=newest, touching=touching
        )
        return [one.timeline for one in found] if newest else []

    async def looked_until(self, project_id: str, kind: str) -> datetime | None:
        """Return when the last complete look of anyone at a kind began; None if there was none."""
        return await self._run(self._run.ledger.looked_until, project_id, self._cloud_id, kind)
