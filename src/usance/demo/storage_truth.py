"""What was really stored: worked out from the lives, by arithmetic of its own.

This is what the program's results are compared with, so it shares no code with them. An instant
is cut to its whole second before anything is subtracted; what was never more than `error` counts nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

import msgspec

from usance.demo.storage import Volume
from usance.demo.truth import Month, by_month

_SECOND_US = 1_000_000


class Held(msgspec.Struct, frozen=True):
    """A time `[start_s, end_s)`, in whole seconds since 1970, in which a project held so much."""

    project_id: str
    start_s: int
    end_s: int
    size_gib: int
    volume_type: str | None


def held(life: Volume, until_us: int) -> Iterator[Held]:
    """Yield what was held of one life, until some instant."""
    instants = [life.created_us, *(step.at_us for step in life.steps)]
    views = [life.at(instant) for instant in instants]
    if all(view.status in {"creating", "error", "deleting"} for view in views):
        return
    end_us = min(life.deleted_us, until_us)
    for view, start_us, next_us in zip(views, instants, [*instants[1:], end_us], strict=True):
        start_s, end_s = start_us // _SECOND_US, min(next_us, end_us) // _SECOND_US
        if start_s < end_s:
            yield Held(view.project_id, start_s, end_s, view.size_gib, view.volume_type)


def gib_seconds(lives: Iterable[Volume], until_us: int) -> dict[tuple[str, str, Month], int]:
    """Return GiB times seconds by project, kind and month."""
    found: defaultdict[tuple[str, str, Month], int] = defaultdict(int)
    for life in lives:
        for one in held(life, until_us):
            for month, seconds in by_month(one.start_s, one.end_s):
                found[one.project_id, life.kind, month] += seconds * one.size_gib
    return dict(found)
