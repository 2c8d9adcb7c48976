"""The order in which a cloud lists its servers, kept in compact arrays (some 100 bytes a server)."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence

import msgspec

from usance.demo.history import History

_SECOND = 1_000_000
_NUMBER_BITS = 24
_NUMBER_MASK = (1 << _NUMBER_BITS) - 1


class Selection(msgspec.Struct, frozen=True):
    """Which rows a listing is about."""

    project_id: str | None = None  # None: those of all projects
    changed_since_s: int | None = None  # seconds since 1970; deleted rows belong to it, too
    deleted: bool | None = False  # True: only deleted rows; False: none of them; None: both


class Index:
    """Finds the servers that a listing shows, newest first as Nova has it, at any instant."""

    def __init__(self, history: History) -> None:
        self._history = history
        size = len(history)
        self._created = array("q", bytes(8 * size))
        self._deleted = array("q", bytes(8 * size))
        self._purged = array("q", bytes(8 * size))
        changes: list[int] = []
        by_project: dict[str, list[int]] = {}
        keys: list[tuple[int, str, int]] = []
        for number in range(size):
            life = history.life(number)
            self._created[number] = life.created_us
            self._deleted[number] = life.deleted_us
            self._purged[number] = life.purged_us
            changes.extend(change // _SECOND << _NUMBER_BITS | number for change in life.changes)
            by_project.setdefault(life.project_id, []).append(number)
            keys.append((-(life.created_us // _SECOND), life.id, number))
        changes.sort()
        keys.sort()
        self._changes = array("q", changes)
        self._order = array("l", (number for _, _, number in keys))
        self._rank = array("l", bytes(self._order.itemsize * size))
        for rank, number in enumerate(self._order):
            self._rank[number] = rank
        self._by_project = {
            project: array("l", sorted(numbers, key=self._rank.__getitem__))
            for project, numbers in by_project.items()
        }
        # When each row changed last, in seconds, as of an instant that moves on with the clock; and the
        # place of the first change that is not in it yet.
        self._last = array("l", bytes(self._order.itemsize * size))
        self._as_of_s = 0
        self._place = 0

    def is_visible(self, number: int, now_us: int) -> bool:
        """Say whether Nova has a row of this server at an instant, deleted or not."""
        return self._created[number] <= now_us < self._purged[number]

    def is_deleted(self, number: int, now_us: int) -> bool:
        """Say whether the row is a deleted one at an instant."""
        return self._deleted[number] <= now_us

    def select(self, selection: Selection, now_us: int, after: int | None = None) -> Iterator[int]:
        """Yield the numbers of the servers in a listing at an instant, from behind one of them."""
        order: Sequence[int] = (
            self._order
            if selection.project_id is None
            else self._by_project.get(selection.project_id, array("l"))
        )
        start = 0
        if after is not None:
            start = bisect_left(order, self._rank[after] + 1, key=self._rank.__getitem__)
        created, deleted, purged = self._created, self._deleted, self._purged
        wanted = selection.deleted
        since_s = selection.changed_since_s
        last = self._last
        fresh: set[int] = set()
        if since_s is not None:
            fresh = self._advance(now_us)
            if now_us // _SECOND < since_s:
                return
        for position in range(start, len(order)):
            number = order[position]
            if created[number] > now_us or purged[number] <= now_us:
                continue
            if wanted is not None and (deleted[number] <= now_us) is not wanted:
                continue
            if since_s is None or last[number] >= since_s or number in fresh:
                yield number

    def _advance(self, now_us: int) -> set[int]:
        """Bring the last changes up to an instant: the second that is not over yet is returned instead."""
        now_s = now_us // _SECOND
        changes, last, place = self._changes, self._last, self._place
        if now_s < self._as_of_s:
            # The clock was set back: begin anew.
            last[:] = array("l", bytes(last.itemsize * len(last)))
            place = 0
        end = bisect_left(changes, now_s << _NUMBER_BITS, place)
        for position in range(place, end):
            packed = changes[position]
            last[packed & _NUMBER_MASK] = packed >> _NUMBER_BITS
        self._place, self._as_of_s = end, now_s
        over = bisect_left(changes, (now_s + 1) << _NUMBER_BITS, end)
        # What falls into the present second is compared by the microsecond.
        present = {changes[position] & _NUMBER_MASK for position in range(end, over)}
        return {
            number
            for number in present
            if any(now_s * _SECOND <= change <= now_us for change in self._history.life(number).changes)
        }
