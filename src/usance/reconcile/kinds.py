"""One kind of resource of one project, compared and repaired; page by page, so that memory is bounded."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import groupby, islice
from typing import Final

import msgspec

from usance.ledger.ledger import Ledger
from usance.ledger.values import Changed
from usance.model.observation import Batch, Look, Observation
from usance.model.period import MICROSECOND, Period
from usance.model.resource import Resource
from usance.reconcile.account import Account
from usance.reconcile.comparing import Difference, lacking, unheard
from usance.reconcile.looking import Seen
from usance.reconcile.report import MOST_TOLD

PAGE: Final = 500
"""So many resources are held in memory at once."""


class Found(msgspec.Struct):
    """What was found so far; it grows while a comparison is under way."""

    differences: list[Difference] = []
    more: int = 0

    def add(self, found: Sequence[Difference]) -> None:
        """Keep differences, as far as there is room."""
        room = max(0, MOST_TOLD - len(self.differences))
        self.differences += found[:room]
        self.more += len(found) - len(found[:room])


class Tally(msgspec.Struct):
    """How much was compared, and what came of it."""

    compared: int = 0
    lacking: int = 0
    repaired: int = 0
    unheard: int = 0


class KindComparison:
    """Compares one kind of resource of one project. To be used where the ledger may be used."""

    def __init__(
        self,
        ledger: Ledger,
        place: tuple[str, str, str],
        period: Period,
        *,
        tolerance: timedelta,
        seen: Seen | None = None,
    ) -> None:
        """*place* is project, cloud and kind; *seen* is what a fresh look told, if there was one."""
        self._ledger = ledger
        self._place = place
        self._period = period
        self._tolerance = tolerance
        self._seen = seen
        project_id, _, kind = place
        looks = [] if seen is None else seen.looks.get((project_id, kind), [])
        self._looks: tuple[Look, ...] = tuple(looks)

    def compare(self, found: Found, *, everything: bool, repair: bool) -> Tally:
        """Find what differs; write what is missing, if it is to be repaired. Raises LedgerError."""
        tally = Tally()
        broken: dict[str, int] = {}  # how many differences of each resource, as far as they are told
        for ids in _pages(self._ids()):
            fresh, accounts = self._accounts(ids)
            for account in accounts:
                tally.compared += 1
                missing = lacking(account, self._period) if self._seen is not None else []
                if missing:
                    tally.lacking += len(missing)
                    broken[account.resource.id] = len(missing)
                    found.add(missing)
                if everything:
                    others = unheard(account, self._period)
                    tally.unheard += len(others)
                    found.add(others)
            if repair and fresh:
                self._write(Batch(tuple(fresh)))
        if repair:
            # Silence repeats what was said before: so a look is written after all that it said.
            for look in self._looks:
                self._write(Batch(look=look))
            tally.repaired = self._count_repaired(broken)
        return tally

    def _write(self, batch: Batch) -> None:
        project_id, cloud_id, _ = self._place
        # No watermark is moved: what the next extraction asks for, it asks for as if we had not been here.
        self._ledger.observe(project_id, cloud_id, batch)

    def _ids(self) -> Iterator[str]:
        """Yield, in order, the ids of what the ledger or the look knows of."""
        project_id, cloud_id, kind = self._place
        known = self._ledger.timelines(
            *self._place,
            since_revision=self._ledger.revision(project_id, cloud_id),
            touching=Period(self._period.start, self._period.end + MICROSECOND),
        )
        told: Iterator[Changed] = iter(())
        gone: set[str] = set()
        if self._seen is not None:
            told = self._seen.scratch.timelines(*self._place)
            gone = self._seen.gone.get((project_id, kind), set())
        ids = ((one.timeline.resource.id for one in lives) for lives in (known, told))
        return (one for one, _ in groupby(heapq.merge(*ids, sorted(gone))))

    def _accounts(self, ids: Sequence[str]) -> tuple[list[Observation], list[Account]]:
        """Return what the look told of some resources, and all that is said of each of them."""
        fresh: dict[str, tuple[Observation, ...]] = {}
        if self._seen is not None:
            told = self._seen.scratch.evidence.of(*self._place, ids)
            fresh = {one: evidence.observations for one, evidence in told.items()}
        known = self._ledger.evidence.of(*self._place, ids, beside=fresh)
        project_id, cloud_id, kind = self._place
        accounts = [
            Account(
                Resource(project_id, cloud_id, kind, one),
                known[one].observations,
                known[one].looks,
                fresh=fresh.get(one, ()),
                fresh_looks=self._looks,
                tolerance=self._tolerance,
            )
            for one in ids
        ]
        return [said for one in ids for said in fresh.get(one, ())], accounts

    def _count_repaired(self, broken: dict[str, int]) -> int:
        """Compare what was different once more, with what the ledger has now."""
        repaired = 0
        for ids in _pages(iter(broken)):
            _, accounts = self._accounts(ids)
            for account in accounts:
                left = len(lacking(account, self._period))
                repaired += max(0, broken[account.resource.id] - left)
        return repaired


def _pages(ids: Iterator[str]) -> Iterator[list[str]]:
    while page := list(islice(ids, PAGE)):
        yield page
