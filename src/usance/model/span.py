"""Spans and timelines: the life of one resource as it is known now."""

from __future__ import annotations

from datetime import datetime

import msgspec

from usance.model.resource import Resource, Value

LIFE = "life"
"""The name under which a stretch is kept in which it is not certain that the resource existed."""


class Span(msgspec.Struct, frozen=True):
    """The longest stretch of time over which every accounted attribute stayed the same.

    Half-open: `start` belongs to it, `end` does not. Microseconds are kept; flooring to seconds
    is done once, when usage is computed.
    """

    start: datetime
    end: datetime | None  # None while it goes on
    values: dict[str, Value]  # accounted attributes; what was never known is absent


class Doubt(msgspec.Struct, frozen=True, order=True):
    """A stretch in which the value of one attribute is inferred, not known.

    A change that was seen between two looks may have happened at any moment since `start`; the
    timeline has it at `end`. A value that holds back to the creation is in doubt all that time.
    """

    attribute: str  # an accounted attribute, or LIFE
    start: datetime
    end: datetime | None  # None while it goes on


class Anomaly(msgspec.Struct, frozen=True, order=True):
    """Something that sources say and that can't all be so; counted, and shown to the operator."""

    code: str  # for instance "deleted-before-created", "seen-after-deletion"
    at: datetime


class Described(msgspec.Struct, frozen=True):
    """A value of a described attribute, and since when it is known."""

    attribute: str
    since: datetime
    value: Value


class Memory(msgspec.Struct, frozen=True, eq=False):
    """What a timeline remembers of its making, so that it can be extended without making it again.

    It is no part of what the timeline says: two memories always compare equal. An empty one only
    closes the fast path (:func:`usance.model.fastpath.extend`).
    """

    heard_until: datetime | None = None  # the latest instant that any observation names
    # CRC-32 of the id of each request that changed something, ascending; None: too many.
    occurrences: tuple[int, ...] | None = None
    plain: bool = False  # there is nothing but creations and fine changes that tell everything

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Memory)

    def __hash__(self) -> int:
        return hash(Memory)


class Timeline(msgspec.Struct, frozen=True):
    """The life of one resource in one project."""

    resource: Resource
    begin: datetime
    end: datetime | None  # None while it lives
    spans: tuple[Span, ...]  # ordered, adjacent, covering [begin, end)
    begin_exact: bool = True
    end_exact: bool = True  # True while it lives
    launched: bool = False  # it ran at least once; what never did counts nothing
    doubts: tuple[Doubt, ...] = ()
    anomalies: tuple[Anomaly, ...] = ()
    described: tuple[Described, ...] = ()  # ordered by (attribute, since)
    memory: Memory = Memory()

    def describe(self, attribute: str, at: datetime | None = None) -> Value | None:
        """Return the described value at an instant (default: the last one known); None if there is none."""
        found: Value | None = None
        for one in self.described:
            if one.attribute != attribute:
                continue
            if found is None or at is None or one.since <= at:
                found = one.value
        return found
