"""What a timeline remembers of the observations that it was made from."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

from usance.model.observation import Observation, Verb
from usance.model.span import Memory

LIMIT = 500
"""With more request ids than this nothing is remembered: such a resource is always made anew."""

_CREATED, _CHANGED, _ENTERED = Verb.CREATED, Verb.CHANGED, Verb.ENTERED


def memory_of(observations: Iterable[Observation]) -> Memory:
    """Return what has to be known of the observations in order to add a later one."""
    heard = None
    plain = True
    occurrences: set[int] = set()
    told: set[str] = set()
    untold: set[str] = set()
    for one in observations:
        if heard is None or one.at > heard:
            heard = one.at
        plain = plain and is_plain(one)
        told.update(one.accounted)
        if one.verb is _CHANGED:
            untold.update(one.untold)
        # Only what changed something may be one fact with a change of the same request.
        if one.occurrence is not None and (one.verb is _CHANGED or one.verb is _ENTERED):
            occurrences.add(occurrence_number(one.occurrence))
    known = tuple(sorted(occurrences)) if len(occurrences) <= LIMIT else None
    return Memory(heard, known, plain and told.isdisjoint(untold))


def is_plain(observation: Observation) -> bool:
    """Whether it is a creation or a fine change, and stands in the order of its time.

    What it leaves untold has no effect as long as nobody tells it; what a change leaves untold has one if
    somebody ever did.
    """
    verb = observation.verb
    return (
        (verb is _CREATED or (verb is _CHANGED and not observation.resolution_us))
        and observation.seq is None
        and observation.quality is None
    )


def occurrence_number(occurrence: str) -> int:
    """Return a short number for a request id. Two may share one: then the fast path is only refused."""
    return zlib.crc32(occurrence.encode())
