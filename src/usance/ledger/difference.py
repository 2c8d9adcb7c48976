"""From when on, in the cloud, two versions of a timeline differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from usance.model.span import Span, Timeline


def differs_from(old: Timeline, new: Timeline) -> datetime | None:
    """Return the first instant of which the two versions say different things; None if they are equal."""
    return min(_differences(old, new), default=None)


def _differences(old: Timeline, new: Timeline) -> Iterator[datetime]:
    first = min(old.begin, new.begin)
    if (old.begin, old.begin_exact, old.launched) != (new.begin, new.begin_exact, new.launched):
        yield first
    if old.spans is not new.spans and old.spans != new.spans:
        yield _first_difference(old.spans, new.spans)
    if (old.end, old.end_exact) != (new.end, new.end_exact):
        yield min((end for end in (old.end, new.end) if end is not None), default=first)
    if old.doubts is not new.doubts and old.doubts != new.doubts:
        yield from (max(first, doubt.start) for doubt in set(old.doubts) ^ set(new.doubts))
    if old.anomalies is not new.anomalies and old.anomalies != new.anomalies:
        yield from (anomaly.at for anomaly in set(old.anomalies) ^ set(new.anomalies))
    if old.described is not new.described and old.described != new.described:
        yield from (one.since for one in set(old.described) ^ set(new.described))


def _first_difference(old: Sequence[Span], new: Sequence[Span]) -> datetime:
    """Return the first instant at which two different rows of spans differ."""
    for one, other in zip(old, new, strict=False):
        if one == other:
            continue
        if one.start != other.start or one.values != other.values:
            return min(one.start, other.start)
        return min(end for end in (one.end, other.end) if end is not None)
    longer = old if len(old) > len(new) else new
    return longer[min(len(old), len(new))].start
