"""Which looks matter to one resource: of a year of hourly looks, those around what was said.

A silent look repeats what its source last said. So between two things that were said, only the
first and the last repetition can make a difference, and those that are too close to what was
said to be told apart from it. A ledger can therefore choose by index and never loads them all.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec

from usance.model.observation import Look, Observation
from usance.model.timeline import TOLERANCE

AFTER = 3
"""How many looks from a moment on matter at least."""


class Moment(msgspec.Struct, frozen=True, order=True):
    """A window around which looks matter: an instant that an observation names, or the window of a look."""

    begin: datetime
    end: datetime


def moments(observations: Iterable[Observation]) -> list[Moment]:
    """Return the moments that the observations name, ordered, each once."""
    found: set[Moment] = set()
    for one in observations:
        found.add(Moment(one.at, one.at))
        if one.begin is not None:
            found.add(Moment(one.begin, one.begin))
        if one.created_at is not None:
            found.add(Moment(one.created_at, one.created_at))
    return sorted(found)


def that_matter(
    looks: Iterable[Look], observations: Iterable[Observation], *, tolerance: timedelta = TOLERANCE
) -> list[Look]:
    """Return the looks that can make a difference to the timeline of the observations.

    It holds where the looks of one source follow one another (one that ends later also began
    later), and no second source contradicts the first for ever.

    Of each source and scope, for each moment: from the last look that ends earlier than the
    moment - tolerance, up to the first that begins later than the moment + tolerance, and at
    least three from the moment on; then the last look of all. The last look of each source is a
    moment too: it may be the last evidence of life, after which the absence from another counts.

    In terms of an index on (source, scope, end): the greatest end below moment - tolerance, the least
    end whose begin is above moment + tolerance, the third end from the moment on, and the looks between
    the least and the greatest of these; and the greatest end of all.
    """
    series: dict[tuple[str, str], list[Look]] = {}
    for look in looks:
        series.setdefault((look.source, look.scope.value), []).append(look)
    for one in series.values():
        one.sort(key=lambda look: (look.end, look.begin))
    around = set(moments(observations))
    around.update(Moment(one[-1].begin, one[-1].end) for one in series.values())
    chosen: list[Look] = []
    for key in sorted(series):
        chosen += _chosen(series[key], around, tolerance)
    return sorted(chosen, key=lambda look: (look.end, look.begin, look.source, look.scope.value))


def _chosen(looks: Sequence[Look], around: Iterable[Moment], tolerance: timedelta) -> list[Look]:
    ends = [look.end for look in looks]
    indexes = {len(looks) - 1}
    for moment in around:
        first = max(0, bisect_left(ends, moment.begin - tolerance) - 1)
        last = bisect_left(ends, moment.begin) + AFTER - 1
        clear = moment.end + tolerance
        following = bisect_left(ends, clear)
        while following < len(looks) and looks[following].begin <= clear:
            following += 1
        indexes.update(range(first, min(len(looks) - 1, max(last, following)) + 1))
    return [looks[index] for index in sorted(indexes)]
