"""Writing batches to the ledger: nothing is given up, and one bad message is in nobody's way."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, NamedTuple, ParamSpec, TypeVar

from usance.collector.delivery import Delivery
from usance.collector.understanding import Understood
from usance.collector.volume_types import named as with_names_of_types
from usance.ledger.ledger import Ledger
from usance.ledger.values import Heard, HeardOf, Parked
from usance.model.errors import LedgerError

LOG = logging.getLogger(__name__)

_FIRST_WAIT_S: Final = 0.5
_LONGEST_WAIT_S: Final = 10.0
# So many messages of a batch may be refused, or half of it: beyond that it is not the messages.
_FEW: Final = 10

P = ParamSpec("P")
R = TypeVar("R")

Park = Callable[[Delivery, str], Parked]
"""Makes of a message, and the reason, what is parked."""


class Entry(NamedTuple):
    """A message of a batch, and what was understood of it."""

    delivery: Delivery
    understood: Understood


class Kept(NamedTuple):
    """What became of a batch."""

    of: HeardOf
    refused: int  # messages that were understood, and that the ledger refuses


def waits() -> Callable[[], float]:
    """Return what gives the seconds to wait before each further attempt: longer and longer, with jitter."""
    longest = _FIRST_WAIT_S

    def next_wait() -> float:
        nonlocal longest
        chosen = longest * random.uniform(0.5, 1.0)  # noqa: S311 -- it only spreads attempts
        longest = min(2 * longest, _LONGEST_WAIT_S)
        return chosen

    return next_wait


class Keeper:
    """The one way to the ledger: a thread that works calls off in order."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.trouble: str | None = None
        """Why the ledger can't be written at present; None: it can."""
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger")

    async def run(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a call of the ledger in the thread, once."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, partial(call, *args, **kwargs))

    async def keep(self, entries: Sequence[Entry], park: Park) -> Kept:
        """Write a batch; return when it is committed. While the ledger is away, try again and again.

        A message that the ledger refuses is parked, with the reason. If it refuses most of a batch, then
        the fault is ours: that is raised, and nothing of what was not committed is lost by it, because
        it is not acknowledged either.
        """
        next_wait = waits()
        while True:
            try:
                kept = await self.run(self._hear, entries, park)
            except LedgerError as error:
                if self.trouble is None:
                    LOG.warning("%s; what comes waits until it can be written", error)
                self.trouble = str(error)
                await asyncio.sleep(next_wait())
            else:
                if self.trouble is not None:
                    LOG.warning("the ledger can be written again")
                self.trouble = None
                return kept

    def close(self) -> None:
        """Wait for the call under way, and end the thread."""
        self._thread.shutdown(wait=True)

    # --- in the thread -----------------------------------------------------------------------

    def _hear(self, entries: Sequence[Entry], park: Park) -> Kept:
        try:
            return Kept(self._write(entries), 0)
        except LedgerError:
            raise
        except Exception as error:  # noqa: BLE001 -- the parts are tried, and in the end parked or raised
            return self._apart(entries, park, error)

    def _apart(self, entries: Sequence[Entry], park: Park, error: Exception) -> Kept:
        """Write a batch in parts until the messages are found that can't be written, and park these."""
        refused: list[Entry] = []
        found = HeardOf(0, 0, 0, 0)
        parts = [(entries, error)]
        while parts:
            part, why = parts.pop()
            if len(part) == 1:
                refused.append(part[0])
                if len(refused) > max(_FEW, len(entries) // 2):
                    raise why
                LOG.error("the ledger refuses a message; it is parked: %s", _said(why))
                parked = park(part[0].delivery, f"the ledger refuses what it says: {_said(why)}")
                found = _sum(found, self.ledger.hear(Heard(parked=(parked,))))
                continue
            middle = len(part) // 2
            for half in (part[middle:], part[:middle]):
                try:
                    found = _sum(found, self._write(half))
                except LedgerError:
                    raise
                except Exception as again:  # noqa: BLE001 -- the parts are tried, and in the end parked
                    parts.append((half, again))
        return Kept(found, len(refused))

    def _write(self, entries: Sequence[Entry]) -> HeardOf:
        batch = together([one.understood for one in entries], self.ledger)
        if not (batch.observations or batch.names or batch.parked):
            return HeardOf(0, 0, 0, 0)
        try:
            return self.ledger.hear(batch)
        except Exception as error:
            if is_connection_lost(error):  # that is no message's fault
                raise LedgerError("the connection to the ledger was lost") from error
            raise


def together(understood: Sequence[Understood], ledger: Ledger, unparked: Sequence[str] = ()) -> Heard:
    """Return what some messages say, as the ledger takes it at once."""
    names = tuple(name for one in understood for name in one.reading.names)
    said = [said for one in understood for said in one.reading.observations]
    return Heard(
        observations=tuple(with_names_of_types(said, names, ledger.names)),
        names=names,
        parked=tuple(one.parked for one in understood if one.parked is not None),
        unparked=tuple(unparked),
    )


def is_connection_lost(error: BaseException) -> bool:
    """Say whether SQLAlchemy found that the connection is dead, whatever the driver calls that."""
    return bool(getattr(error, "connection_invalidated", False))


def _said(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]


def _sum(one: HeardOf, other: HeardOf) -> HeardOf:
    return HeardOf(
        one.inserted + other.inserted,
        one.duplicates + other.duplicates,
        one.changed + other.changed,
        one.parked + other.parked,
    )
