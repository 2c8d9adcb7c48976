"""What Almanach kept of a resource, as observations: pure.

Every span says what was so from its start on. That makes the right life of most of what Almanach went
wrong at: a span that ends before it starts came of a resize that was reported late, and its start is
right; one without length came of a repetition; of two active ones the second came of a creation that was
heard of twice. Only the end takes thought: an end at which another span starts is none, and an active
span that starts where the life began, beside an end that nothing continues, was opened by a creation
that came after the deletion and would never end.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Final

import msgspec

from usance.api.almanach.dump import Stored
from usance.api.almanach.entities import METADATA, NAME, OS
from usance.model.observation import DeletionQuality, Observation, Verb
from usance.model.period import to_us
from usance.model.resource import ATTACHMENTS, FLAVOR, SERVER, SIZE_GIB, VOLUME_TYPE, Resource, Value
from usance.model.storage import attachments

SOURCE: Final = "almanach-import"

# What was odd, by the words in which it is reported.
NEGATIVE: Final = "ends before it starts"
EMPTY: Final = "has no length"
DOUBLE: Final = "active twice"
ZOMBIE: Final = "active after its deletion"
OVERLAP: Final = "overlaps the next"
GAP: Final = "nothing until the next"

ODDITIES: Final = {
    NEGATIVE: "its start counts; the life goes on with the next span",
    EMPTY: "nothing is lost",
    DOUBLE: "it is one life, without an end",
    ZOMBIE: "the deletion counts",
    OVERLAP: "from its start on the later span counts",
    GAP: "the earlier span is taken to last until the next begins",
}


class Odd(msgspec.Struct, frozen=True, order=True):
    """Something in the spans of a resource that can't have been so, and how it was understood."""

    what: str
    kind: str
    entity_id: str
    project_id: str
    start: datetime  # of the span


class Imported(msgspec.Struct, frozen=True):
    """What the spans of one resource in one project say."""

    observations: tuple[Observation, ...]
    odd: tuple[Odd, ...]


def imported(spans: Sequence[Stored], cloud_id: str) -> Imported:
    """Return what the spans of one resource in one project say, whatever their order."""
    ordered = sorted(spans, key=lambda one: (one.start, one.number))
    first = ordered[0]
    resource = Resource(first.project_id, cloud_id, first.kind, first.entity_id)
    end, zombies = _end(ordered)
    said = [one for one in ordered if one not in zombies]
    created, *later = said
    observations = [_said(resource, created, Verb.CREATED, 0)]
    observations += [
        _said(resource, one, Verb.CHANGED, place)
        for place, one in enumerate(later, 1)
        if end is None or one.start < end
    ]
    if end is not None:
        observations.append(
            Observation(
                resource=resource,
                verb=Verb.DELETED,
                at=end,
                source=SOURCE,
                quality=DeletionQuality.DELETED_AT,
            )
        )
    return Imported(tuple(observations), tuple(_oddities(said, zombies)))


def _end(ordered: Sequence[Stored]) -> tuple[datetime | None, list[Stored]]:
    """Return when the life ended, and the active spans that came of a creation heard of too late."""
    begin = ordered[0].start
    starts = {one.start for one in ordered}
    ends = [one.end for one in ordered if one.end is not None and one.end >= one.start]
    active = [one for one in ordered if one.end is None]
    if not active:
        return max(ends, default=ordered[-1].start), []
    lasted = [(one.start, one.end) for one in ordered if one.end is not None and one.end > one.start]
    latest = max(one.start for one in active)
    deletions = [end for _, end in lasted if end not in starts and end > latest]
    is_whole = any(start == begin for start, _ in lasted)
    if is_whole and deletions and all(one.start == begin for one in active):
        return max(deletions), active
    return None, []


def _said(resource: Resource, span: Stored, verb: Verb, place: int) -> Observation:
    accounted: dict[str, Value] = {}
    if resource.kind == SERVER:
        if span.flavor:
            accounted[FLAVOR] = span.flavor
    else:
        accounted[ATTACHMENTS] = attachments(span.attached_to)
        if span.size is not None:
            accounted[SIZE_GIB] = span.size
        if span.volume_type:
            accounted[VOLUME_TYPE] = span.volume_type
    described: dict[str, Value] = {OS[key]: value for key, value in span.os.items()}
    if span.name:
        described[NAME] = span.name
    if span.metadata is not None:
        described[METADATA] = span.metadata
    is_first = verb is Verb.CREATED
    return Observation(
        resource=resource,
        verb=verb,
        at=span.start,
        source=SOURCE,
        accounted=accounted,
        described=described,
        created_at=span.start if is_first else None,
        launched=is_first,
        # Of spans with one start the later one counts, as Almanach wrote it.
        seq=None if is_first else to_us(span.last_event) + place,
    )


def _oddities(said: Sequence[Stored], zombies: Iterable[Stored]) -> Iterable[Odd]:
    for one in zombies:
        yield _odd(ZOMBIE, one)
    active = [one for one in said if one.end is None]
    for one in active[1:]:
        yield _odd(DOUBLE, one)
    for one in said:
        if one.end is not None and one.end < one.start:
            yield _odd(NEGATIVE, one)
        elif one.end == one.start:
            yield _odd(EMPTY, one)
    lasting = [one for one in said if one.end is None or one.end > one.start]
    for earlier, later in pairwise(lasting):
        if earlier.end is None:
            continue
        if earlier.end > later.start:
            yield _odd(OVERLAP, earlier)
        elif earlier.end < later.start and not any(one.start == earlier.end for one in said):
            yield _odd(GAP, earlier)


def _odd(what: str, one: Stored) -> Odd:
    return Odd(what, one.kind, one.entity_id, one.project_id, one.start)
