"""Reading parked messages again, with the table of events as it is today."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from usance.collector.delivery import Delivery
from usance.collector.keeping import is_connection_lost, together
from usance.collector.understanding import Understanding, Understood, is_whole
from usance.ledger.ledger import Ledger
from usance.ledger.values import Parked
from usance.model.errors import LedgerError

_PAGE: Final = 100
_UNKNOWN: Final = "nothing is made of its type"
_CUT: Final = "it was cut when it was parked, and can't be read again"
_NO_CLOUD: Final = "its cloud is not in the configuration"


class StillParked(msgspec.Struct, frozen=True):
    """A message of which nothing can be made today either."""

    id: str
    event_type: str
    reason: str


class Replayed(msgspec.Struct, frozen=True):
    """What became of parked messages."""

    understood: int  # messages; they are not parked any more
    observations: int  # that were new to the ledger
    still_parked: tuple[StillParked, ...]


class _Again(NamedTuple):
    parked: Parked
    understood: Understood


def replay(ledger: Ledger, messages: Iterator[Parked], tables: Mapping[str, Understanding]) -> Replayed:
    """Read messages again, each by the table of its cloud; those that are understood are not parked any more.

    What a page of them says, and that they are not parked any more, is one transaction.
    """
    understood = observations = 0
    still: list[StillParked] = []
    while page := _next(messages):
        good: list[_Again] = []
        for one in page:
            again, reason = _read(one, tables)
            if again is None:
                still.append(StillParked(one.id, one.event_type, reason))
            else:
                good.append(_Again(one, again))
        kept, refused = _keep(ledger, good)
        understood += len(good) - len(refused)
        observations += kept
        still += refused
    return Replayed(understood, observations, tuple(still))


def _next(messages: Iterator[Parked]) -> list[Parked]:
    return [one for _, one in zip(range(_PAGE), messages, strict=False)]


def _read(one: Parked, tables: Mapping[str, Understanding]) -> tuple[Understood | None, str]:
    if one.cloud_id not in tables:
        return None, _NO_CLOUD
    if not is_whole(one):
        return None, _CUT
    delivery = Delivery(0, one.queue, one.body, one.size, "", is_repeated=True)
    found = tables[one.cloud_id].of(delivery, one.at)
    if found.parked is not None:
        return None, found.parked.reason
    return (None, _UNKNOWN) if found.ignored else (found, "")


def _keep(ledger: Ledger, good: Sequence[_Again]) -> tuple[int, list[StillParked]]:
    """Write what messages say. What the ledger refuses of a page it is asked for one by one."""
    if not good:
        return 0, []
    try:
        unparked = [one.parked.id for one in good]
        return ledger.hear(together([one.understood for one in good], ledger, unparked)).inserted, []
    except LedgerError:
        raise
    except Exception as error:
        if is_connection_lost(error):
            raise
        if len(good) > 1:
            parts = [_keep(ledger, [one]) for one in good]
            return sum(kept for kept, _ in parts), [one for _, refused in parts for one in refused]
        parked = good[0].parked
        return 0, [
            StillParked(parked.id, parked.event_type, f"the ledger refuses what it says: {error}"[:300])
        ]
