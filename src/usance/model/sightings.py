"""Sightings: what the looks saw, and what their silence repeats."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

import msgspec

from usance.model.observation import Look, Observation, Scope, Verb

_SEEN, _GONE, _FULL = Verb.SEEN, Verb.GONE, Scope.FULL


class Sighting(msgspec.Struct, frozen=True, gc=False):
    """That a resource was there, or was not, at some moment of `[begin, end]`."""

    begin: datetime
    end: datetime
    present: bool
    said: Observation | None  # what is asserted; None: a source that never spoke of it did not list it
    explicit: bool  # said in this very look, not repeated by its silence
    # The silence of a look at changes: it says that nothing changed, and would be as silent of a row
    # that was removed.
    of_changes: bool = False

    @property
    def is_evidence_of_life(self) -> bool:
        """Whether it shows that the resource existed."""
        said = self.said
        return self.present and not self.of_changes and said is not None and said.is_evidence_of_life


def explicit(observation: Observation) -> Sighting:
    """Return the sighting that a `seen` or `gone` reports."""
    return Sighting(
        begin=observation.begin or observation.at,
        end=observation.at,
        present=observation.verb is _SEEN,
        said=observation,
        explicit=True,
    )


def silent(
    seen_and_gone: Sequence[Observation],
    looks: Iterable[Look],
    *,
    created: datetime,
    tolerance: timedelta,
    created_exactly: bool = True,
) -> list[Sighting]:
    """Return what the silence of the looks says of one resource (TIMELINE, rule 3).

    A look that reported the resource itself is not silent. One that did not repeats what its
    source last said, as a whole. If the source never said anything, a full look says that the
    resource is absent, provided that it began later than the creation + tolerance, or ended earlier
    than a creation that is only inferred; a look at changes says nothing.
    """
    spoken: dict[str, list[tuple[tuple[datetime, datetime], Observation]]] = {}
    for observation in in_time_order(seen_and_gone):
        window = (observation.at, observation.begin or observation.at)
        spoken.setdefault(observation.source, []).append((window, observation))
    found: list[Sighting] = []
    for look in looks:
        window = (look.end, look.begin)
        said = spoken.get(look.source, [])
        last = bisect_right(said, window, key=lambda pair: pair[0]) - 1
        if last >= 0:
            said_at, observation = said[last]
            if said_at != window:
                present = observation.verb is _SEEN
                of_changes = look.scope is not _FULL
                found.append(
                    Sighting(
                        look.begin, look.end, present, observation, explicit=False, of_changes=of_changes
                    )
                )
        elif look.scope is _FULL and (
            look.begin > created + tolerance or (not created_exactly and look.end < created)
        ):
            found.append(Sighting(look.begin, look.end, present=False, said=None, explicit=False))
    return found


def in_time_order(observations: Sequence[Observation]) -> list[Observation]:
    """Sort by the end of the window, then its begin; the key decides between equal windows."""
    ordered = sorted(observations, key=lambda one: (one.at, one.begin or one.at))
    for earlier, later in pairwise(ordered):
        if earlier.at == later.at and (earlier.begin or earlier.at) == (later.begin or later.at):
            return sorted(ordered, key=lambda one: (one.at, one.begin or one.at, one.key))
    return ordered
