"""The one way from the API to the ledger: a few threads that read, and one that writes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Final, ParamSpec, TypeVar

from usance.api.errors import RefusedError
from usance.ledger.ledger import Ledger

P = ParamSpec("P")
R = TypeVar("R")

_QUEUED: Final = 64  # calls that may wait for each thread


class LedgerAccess:
    """Runs the ledger's synchronous calls in threads, so many at once, and lets so many wait.

    Each call is one transaction or several of its own: a caller who needs one moment asks for it in
    one call. Writing has a thread of its own: on SQLite only one can write at a time, and who waits
    for that must not keep others from reading.
    """

    def __init__(self, ledger: Ledger, *, threads: int = 4) -> None:
        self.ledger = ledger
        self._lock = threading.Lock()  # of the number below
        self._waiting = 0
        self._most = (threads + 1) * _QUEUED
        self._readers = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="ledger-read")
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger-write")

    @property
    def waiting(self) -> int:
        """How many calls have been asked for and have not ended."""
        return self._waiting

    async def read(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a call that only reads, and return its result.

        Raises RefusedError (503) if too many wait already, LedgerError if the ledger can't be read.
        """
        return await self._run(self._readers, partial(call, *args, **kwargs))

    async def write(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a call that writes, after those that write already, and return its result; as :meth:`read`.

        What has begun is done to its end, even if whoever asked for it has gone.
        """
        return await self._run(self._writer, partial(call, *args, **kwargs))

    async def _run(self, threads: ThreadPoolExecutor, call: Callable[[], R]) -> R:
        with self._lock:
            if self._waiting >= self._most:
                raise RefusedError(
                    503,
                    "too many requests wait for the ledger",
                    hint="try again",
                    headers={"Retry-After": "1"},
                )
            self._waiting += 1
        future = threads.submit(call)
        # The thread's own end counts, not that of whoever waits for it: she may have given up.
        future.add_done_callback(self._ended)
        return await asyncio.wrap_future(future)

    def _ended(self, _future: Future[R]) -> None:
        with self._lock:
            self._waiting -= 1

    def close(self) -> None:
        """Wait for the calls under way, and end the threads."""
        self._readers.shutdown(wait=True, cancel_futures=True)
        self._writer.shutdown(wait=True)
