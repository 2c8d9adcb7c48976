"""The order in which a cloud lists its servers, kept in compact arrays (some 100 bytes a server)."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence

import msgspec

from usance.demo.history import History
from usance.demo.life import NEVER

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
        self._masks: dict[tuple[int, int], bytes] = {}

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
        mask = None
        if selection.changed_since_s is not None:
            mask = self._changed(selection.changed_since_s, now_us)
        for position in range(start, len(order)):
            number = order[position]
            if created[number] > now_us or purged[number] <= now_us:
                continue
            if wanted is not None and (deleted[number] <= now_us) is not wanted:
                continue
            if mask is None or mask[number]:
                yield number

    def _changed(self, since_s: int, now_us: int) -> bytes:
        """Return a byte for each server: whether its row changed since then, as of now."""
        key = (since_s, now_us)
        found = self._masks.get(key)
        if found is None:
            found = self._make_mask(since_s, now_us)
            while len(self._masks) >= 8:
                del self._masks[next(iter(self._masks))]
            self._masks[key] = found
        return found

    def _make_mask(self, since_s: int, now_us: int) -> bytes:
        mask = bytearray(len(self._created))
        now_s = now_us // _SECOND
        first = bisect_left(self._changes, max(since_s, 0) << _NUMBER_BITS)
        last = bisect_left(self._changes, min(now_s, NEVER // _SECOND) << _NUMBER_BITS)
        for packed in self._changes[first:last]:
            mask[packed & _NUMBER_MASK] = 1
        # What falls into the second that is not over yet is compared by the microsecond.
        over = bisect_left(self._changes, (now_s + 1) << _NUMBER_BITS)
        for packed in self._changes[last:over]:
            number = packed & _NUMBER_MASK
            if now_s >= since_s and any(
                now_s * _SECOND <= change <= now_us for change in self._history.life(number).changes
            ):
                mask[number] = 1
        return bytes(mask)
