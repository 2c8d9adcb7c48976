"""What a timeline remembers of the observations that it was made from."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

from usance.model.observation import Observation
from usance.model.span import Memory

LIMIT = 500
"""With more request ids than this nothing is remembered: such a resource is always made anew."""


def memory_of(observations: Iterable[Observation]) -> Memory:
    """Return what has to be known of the observations in order to add a later one."""
    heard = None
    occurrences: set[int] = set()
    for one in observations:
        if heard is None or one.at > heard:
            heard = one.at
        if one.occurrence is not None:
            occurrences.add(occurrence_number(one.occurrence))
    return Memory(heard, tuple(sorted(occurrences)) if len(occurrences) <= LIMIT else None)


def occurrence_number(occurrence: str) -> int:
    """Return a short number for a request id. Two may share one: then the fast path is only refused."""
    return zlib.crc32(occurrence.encode())
