"""What was really used: worked out from the lives, by arithmetic of its own.

This is what the program's results are compared with, so it shares no code with them. The rules
are those that Usance promises (and documents): a server counts from its creation; a state and a
flavor count from the end of the action that made them; an instant is cut to its whole second
before anything is subtracted; what never ran counts nothing; a soft-deleted server lives until it
is really deleted; wall time and suspended time add up to the elapsed time, and vCPU-seconds
are counted over wall time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

import msgspec

from usance.demo.history import History
from usance.demo.life import NEVER, Life

SUSPENDED: Final = frozenset({"suspended", "shelved", "shelved_offloaded"})
"""The states that count as suspended unless the caller says otherwise."""

_SECOND: Final = 1_000_000


class Amount(msgspec.Struct, frozen=True):
    """What was used in one calendar month (UTC), in whole seconds and vCPU-seconds."""

    elapsed_s: int = 0
    suspended_s: int = 0
    wall_s: int = 0
    vcpu_s: int = 0

    def __add__(self, other: Amount) -> Amount:
        return Amount(
            self.elapsed_s + other.elapsed_s,
            self.suspended_s + other.suspended_s,
            self.wall_s + other.wall_s,
            self.vcpu_s + other.vcpu_s,
        )


class Stretch(msgspec.Struct, frozen=True):
    """A time `[start_s, end_s)`, in whole seconds since 1970, in which state and flavor were these."""

    start_s: int
    end_s: int
    state: str
    flavor: str
    vcpus: int


Month = tuple[int, int]
"""A year and a month."""


def stretches(life: Life, until_us: int) -> list[Stretch]:
    """Return what a server was, from its creation to its deletion or until some instant."""
    end_us = min(life.deleted_us, until_us)
    points = [(life.created_us, "building", life.flavor)]
    points += [(step.end_us, step.state, step.flavor) for step in life.steps if step.end_us <= end_us]
    made = []
    for (start_us, state, flavor), (next_us, _, _) in zip(
        points, [*points[1:], (end_us, "", None)], strict=True
    ):
        if next_us // _SECOND > start_us // _SECOND:
            name, vcpus = ("", 0) if flavor is None else (flavor.name, flavor.vcpus)
            made.append(Stretch(start_us // _SECOND, next_us // _SECOND, state, name, vcpus))
    return made


def launched(life: Life, until_us: int) -> bool:
    """Say whether a server had been built by then."""
    return any(
        step.action == "create" and not step.failed and step.end_us <= min(until_us, life.deleted_us)
        for step in life.steps
    )


def of_server(
    life: Life, until_us: int = NEVER - 1, suspended: frozenset[str] = SUSPENDED
) -> dict[Month, Amount]:
    """Return what a server used in each month until some instant; nothing if it never ran.

    A server that still lives needs an instant up to which to count.
    """
    if until_us <= life.created_us or not launched(life, until_us):
        return {}
    amounts: defaultdict[Month, Amount] = defaultdict(Amount)
    for stretch in stretches(life, until_us):
        for month, seconds in by_month(stretch.start_s, stretch.end_s):
            if stretch.state in suspended:
                amounts[month] += Amount(elapsed_s=seconds, suspended_s=seconds)
            else:
                amounts[month] += Amount(elapsed_s=seconds, wall_s=seconds, vcpu_s=seconds * stretch.vcpus)
    return dict(amounts)


def of_projects(
    history: History, until_us: int, suspended: frozenset[str] = SUSPENDED
) -> dict[str, dict[Month, Amount]]:
    """Return what each project used in each month until some instant; idle projects are absent."""
    totals: dict[str, dict[Month, Amount]] = {}
    for number in range(len(history)):
        life = history.life(number)
        for month, amount in of_server(life, until_us, suspended).items():
            project = totals.setdefault(life.project_id, {})
            project[month] = project.get(month, Amount()) + amount
    return totals


def by_month(start_s: int, end_s: int) -> Iterator[tuple[Month, int]]:
    """Cut a stretch at the beginnings of months: yield each month with its seconds."""
    while start_s < end_s:
        day = datetime.fromtimestamp(start_s, UTC)
        following = (day.year + 1, 1) if day.month == 12 else (day.year, day.month + 1)
        boundary_s = int(datetime(*following, 1, tzinfo=UTC).timestamp())
        cut_s = min(end_s, boundary_s)
        yield (day.year, day.month), cut_s - start_s
        start_s = cut_s
