"""Who says what of one resource: push, pull and audits."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from datetime import timedelta
from functools import cached_property
from typing import Final

from usance.model.observation import Look, Observation
from usance.model.resource import Resource
from usance.model.span import Timeline
from usance.model.timeline import TOLERANCE, timeline

_WRITTEN: Final = frozenset({"api", "almanach-import"})


class Side(enum.StrEnum):
    """Who says something."""

    PUSH = "push"  # the services, when something happens; and what somebody wrote through the API
    PULL = "pull"  # the services, when they are asked
    AUDIT = "audit"  # the services, of themselves, now and then (`*.exists`)


def is_heard(source: str) -> bool:
    """Whether a source is the notifications of a service."""
    return source.endswith("-notifications")


def side_of(source: str) -> Side:
    """Return the side that a source of observations belongs to."""
    if is_heard(source) or source in _WRITTEN:
        return Side.PUSH
    return Side.AUDIT if source.endswith("-audit") else Side.PULL


class Account:
    """All that is said of one resource, and the timelines that follow from parts of it."""

    def __init__(
        self,
        resource: Resource,
        known: Iterable[Observation] = (),
        looks: Iterable[Look] = (),
        *,
        fresh: Iterable[Observation] = (),
        fresh_looks: Iterable[Look] = (),
        tolerance: timedelta = TOLERANCE,
    ) -> None:
        """*known* and *looks* are the ledger's; *fresh* is what was just told beside it."""
        self.resource = resource
        self.known = tuple(known)
        self.looks = tuple(looks)
        self.fresh = tuple(fresh)
        self.said = (*self.known, *self.fresh)
        self._all_looks = (*self.looks, *fresh_looks)
        self._tolerance = tolerance

    @cached_property
    def ledger(self) -> Timeline | None:
        """The life as the ledger has it; None if it knows of none."""
        return timeline(self.known, self.looks, tolerance=self._tolerance)

    @cached_property
    def whole(self) -> Timeline | None:
        """The life as all that is known and all that is fresh tell it together."""
        return timeline(self.said, self._all_looks, tolerance=self._tolerance)

    @cached_property
    def push(self) -> Timeline | None:
        """The life as push alone tells it."""
        return timeline(self._of(Side.PUSH), tolerance=self._tolerance)

    @cached_property
    def audit(self) -> Timeline | None:
        """The life as audits alone tell it."""
        return timeline(self._of(Side.AUDIT), tolerance=self._tolerance)

    @cached_property
    def pull(self) -> Timeline | None:
        """The life as pull alone tells it."""
        return timeline(self._of(Side.PULL), self._all_looks, tolerance=self._tolerance)

    @cached_property
    def pull_before(self) -> Timeline | None:
        """The life as pull alone told it before the fresh look."""
        own = [one for one in self.known if side_of(one.source) is Side.PULL]
        return timeline(own, self.looks, tolerance=self._tolerance)

    def _of(self, side: Side) -> list[Observation]:
        return [one for one in self.said if side_of(one.source) is side]
