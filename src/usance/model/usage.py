"""Usage: what a timeline amounts to in a period, exactly, in integers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime

import msgspec

from usance.model.period import Period, epoch_seconds
from usance.model.resource import DISK_GIB, EPHEMERAL_GIB, RAM_MIB, STATE, VCPUS, Value
from usance.model.span import LIFE, Span, Timeline


class Usage(msgspec.Struct, frozen=True):
    """What one resource used in a period. Seconds are whole: instants are floored, then subtracted."""

    elapsed_s: int  # wall_s + suspended_s
    wall_s: int
    suspended_s: int  # in one of the states that count as suspended
    vcpu_s: int  # sum of vCPUs x seconds, over what counts as wall
    ram_mib_s: int  # over the elapsed time
    disk_gib_s: int  # root and ephemeral disk, over the elapsed time
    inferred_s: int  # seconds in which the state, the vCPUs or the life itself are inferred
    inferred_vcpu_s: int  # the part of vcpu_s that lies in those seconds


NOTHING = Usage(0, 0, 0, 0, 0, 0, 0, 0)
"""What never ran counts nothing."""

_COUNTED_BY = frozenset({STATE, VCPUS, LIFE})


_Piece = tuple[int, int, dict[str, Value], int | None, bool]
"""A part of a span that lies in the period: its start and end in whole seconds since 1970, the
span's values, the vCPUs that count (None: not known), and whether it counts as suspended."""


def usage(
    timeline: Timeline,
    period: Period,
    *,
    suspended_states: Collection[str],
    counted_whole_until: datetime | None = None,
) -> Usage:
    """Return what the resource used in the period.

    *suspended_states* are the states whose seconds count as suspended; those in any other state, or
    in none that is known, count as wall. vCPUs that are not known count nothing, and the seconds
    are inferred. *counted_whole_until* is the instant up to which another program has accounted
    the life: until then all of it counts as wall, at the vCPUs of that instant (or of the last
    span, if the life ended before). What never launched counts nothing.
    """
    if not timeline.launched or not timeline.spans:
        return NOTHING
    wall_s = suspended_s = vcpu_s = ram_mib_s = disk_gib_s = inferred_s = inferred_vcpu_s = 0
    inferred = inferred_stretches(timeline, period) if timeline.doubts else []
    for start_s, end_s, values, vcpus, suspended in _pieces(
        timeline, period, suspended_states, counted_whole_until
    ):
        seconds = end_s - start_s
        doubtful = seconds if vcpus is None else overlap(inferred, start_s, end_s) if inferred else 0
        inferred_s += doubtful
        if suspended:
            suspended_s += seconds
        else:
            wall_s += seconds
            vcpu_s += seconds * (vcpus or 0)
            inferred_vcpu_s += doubtful * (vcpus or 0)
        ram_mib_s += seconds * (_number(values, RAM_MIB) or 0)
        disk_gib_s += seconds * ((_number(values, DISK_GIB) or 0) + (_number(values, EPHEMERAL_GIB) or 0))
    return Usage(
        elapsed_s=wall_s + suspended_s,
        wall_s=wall_s,
        suspended_s=suspended_s,
        vcpu_s=vcpu_s,
        ram_mib_s=ram_mib_s,
        disk_gib_s=disk_gib_s,
        inferred_s=inferred_s,
        inferred_vcpu_s=inferred_vcpu_s,
    )


def _pieces(
    timeline: Timeline,
    period: Period,
    suspended_states: Collection[str],
    counted_whole_until: datetime | None,
) -> Iterator[_Piece]:
    """Cut the life to the period, and at the instant up to which it was counted whole."""
    whole_until_s: int | None = None
    whole_vcpus: int | None = None
    if counted_whole_until is not None and counted_whole_until > timeline.begin:
        whole_until_s = epoch_seconds(counted_whole_until)
        whole_vcpus = _number(_span_at(timeline, counted_whole_until).values, VCPUS)
    # Rounding down keeps the order of instants: so cutting seconds is rounding down what was cut.
    first_s, last_s = epoch_seconds(period.start), epoch_seconds(period.end)
    for span in timeline.spans:
        start_s = max(epoch_seconds(span.start), first_s)
        end_s = last_s if span.end is None else min(epoch_seconds(span.end), last_s)
        if whole_until_s is not None and start_s < min(end_s, whole_until_s):
            cut_s = min(end_s, whole_until_s)
            yield start_s, cut_s, span.values, whole_vcpus, False
            start_s = cut_s
        if start_s < end_s:
            values = span.values
            yield start_s, end_s, values, _number(values, VCPUS), values.get(STATE) in suspended_states


def _span_at(timeline: Timeline, instant: datetime) -> Span:
    """Return the span that an instant lies in; the last one if the life ended before."""
    for span in timeline.spans:
        if span.end is None or instant < span.end:
            return span
    return timeline.spans[-1]


def _number(values: Mapping[str, Value], attribute: str) -> int | None:
    value = values.get(attribute)
    return value if isinstance(value, int) else None


def inferred_stretches(
    timeline: Timeline, period: Period, attributes: Collection[str] = _COUNTED_BY
) -> list[tuple[int, int]]:
    """Return the stretches of the period, in whole seconds since 1970, in which an attribute is inferred."""
    clipped = (
        period.clip(doubt.start, doubt.end) for doubt in timeline.doubts if doubt.attribute in attributes
    )
    return union((epoch_seconds(one.start), epoch_seconds(one.end)) for one in clipped if one is not None)


def union(stretches: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return stretches that cover the same and don't touch each other, in order."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(stretches):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def overlap(stretches: Iterable[tuple[int, int]], start: int, end: int) -> int:
    """Return how much of `[start, end)` lies in stretches that don't overlap each other."""
    return sum(max(0, min(end, last) - max(start, first)) for first, last in stretches)
