"""The timeline of one resource: a pure function of the set of what was said about it.

Neither the order in which observations came nor how often each came makes a difference. Exact
claims make the timeline; sightings are checked against them and fill in only what nothing exact
explains. What the sources could not tell is inferred, and every stretch of it is a doubt.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import pairwise

import msgspec

from usance.model.claims import claim_of, in_order
from usance.model.description import described_by
from usance.model.life import (
    END_STATES,
    Creation,
    begin_doubts,
    creation_of,
    end_of,
    last_seen_begin,
    shows_launch,
)
from usance.model.memory import memory_of
from usance.model.observation import Look, Observation, Verb
from usance.model.resource import STATE, Value
from usance.model.sightings import Sighting, explicit, in_time_order, silent
from usance.model.span import Doubt, Span, Timeline
from usance.model.track import Glimpse, Track, join, track

TOLERANCE = timedelta(seconds=5)
"""The greatest disagreement of clocks + 1 s, unless configured."""

_SEEN, _GONE, _CHANGED = Verb.SEEN, Verb.GONE, Verb.CHANGED
_CREATED, _ENTERED = Verb.CREATED, Verb.ENTERED
_DELETED, _LEFT = Verb.DELETED, Verb.LEFT


def timeline(
    observations: Iterable[Observation], looks: Iterable[Look] = (), *, tolerance: timedelta = TOLERANCE
) -> Timeline | None:
    """Return the life of one resource as the observations and the silence of the looks tell it.

    *observations* are all of one resource (ValueError otherwise). *looks* may be any superset of
    the looks at its project, cloud and kind that matter (:func:`usance.model.looks.that_matter`).
    *tolerance* is the greatest disagreement of clocks + 1 s. None if nothing says that the
    resource ever existed.
    """
    known = list(observations)
    if not known:
        return None
    resource = known[0].resource
    if any(one.resource is not resource and one.resource != resource for one in known):
        raise ValueError("a timeline is of one resource, and these observations are of several")
    creation = creation_of(known)
    if creation is None:
        return None
    begin = creation.at
    sightings = _sightings(known, looks, creation, tolerance)
    end = end_of(known, sightings, begin=begin, tolerance=tolerance)
    evidence = _Evidence(known, sightings, begin, end.at, tolerance)
    tracks = evidence.tracks()
    doubts = [*begin_doubts(creation, sightings), *end.doubts]
    doubts += [Doubt(name, start, stop) for name, found in tracks.items() for start, stop in found.doubts]
    return Timeline(
        resource=resource,
        begin=begin,
        end=end.at,
        spans=_spans(begin, end.at, tracks),
        begin_exact=creation.exact,
        end_exact=end.exact,
        launched=any(shows_launch(one) for one in known),
        doubts=tuple(sorted(doubts, key=lambda doubt: (doubt.attribute, doubt.start))),
        anomalies=end.anomalies,
        described=described_by(known, begin=begin, end=end.at),
        memory=memory_of(known),
    )


def _sightings(
    observations: list[Observation],
    looks: Iterable[Look],
    creation: Creation,
    tolerance: timedelta,
) -> list[Sighting]:
    """Return what was seen and what silence repeats, in an order that depends on the set only."""
    reports = in_time_order([one for one in observations if one.verb is _SEEN or one.verb is _GONE])
    resource = observations[0].resource
    here = (
        look
        for look in looks
        if look.kind == resource.kind
        and look.project_id == resource.project_id
        and look.cloud_id == resource.cloud_id
    )
    found = [explicit(one) for one in reports]
    found += silent(reports, here, created=creation.at, created_exactly=creation.exact, tolerance=tolerance)
    found.sort(key=lambda one: (one.end, one.begin))
    for earlier, later in pairwise(found):
        if earlier.end == later.end and earlier.begin == later.begin:
            found.sort(key=lambda one: (one.end, one.begin, one.said.key if one.said else ""))
            break
    return found


class _View(msgspec.Struct, frozen=True, gc=False):
    """What was seen of the accounted attributes at some moment of `[begin, end]`, cut to the life."""

    begin: datetime
    end: datetime
    accounted: dict[str, Value]


class _Evidence:
    """The evidence about the accounted attributes, sorted into what claims and what only saw."""

    def __init__(
        self,
        observations: list[Observation],
        sightings: list[Sighting],
        begin: datetime,
        end: datetime | None,
        tolerance: timedelta,
    ) -> None:
        self.begin = begin
        self.end = end
        self.tolerance = tolerance
        self.creations: list[Observation] = []
        self.changes: list[Observation] = []
        for one in observations:
            if one.verb is _CHANGED:
                self.changes.append(one)
            elif one.verb is _CREATED or (one.verb is _ENTERED and one.at <= begin):
                self.creations.append(one)
            elif one.verb is _ENTERED:
                self.changes.append(one)
        self.views = list(self._views(sightings))
        self.views += self._last_words(observations)

    def _views(self, sightings: Iterable[Sighting]) -> Iterator[_View]:
        """Yield what was seen in the life; its windows are cut to the life."""
        begin, end = self.begin, self.end
        first, last = begin - self.tolerance, None if end is None else end + self.tolerance
        for one in sightings:
            if one.said is None or not one.present or not one.said.accounted or one.end < first:
                continue
            if end is None or last is None:
                yield _View(max(one.begin, begin), max(one.end, begin), one.said.accounted)
            elif one.begin <= last:
                yield _View(
                    min(max(one.begin, begin), end), min(max(one.end, begin), end), one.said.accounted
                )

    def _last_words(self, observations: Iterable[Observation]) -> Iterator[_View]:
        """Yield what reports of the end say of the values then: what a deleted row still shows."""
        if self.end is None:
            return
        ends = [one for one in observations if one.accounted and one.verb in (_GONE, _DELETED, _LEFT)]
        if not ends:
            return
        alive = last_seen_begin(observations)
        for one in sorted(ends, key=lambda one: (one.at, one.key)):
            if alive is None or one.at + self.tolerance >= alive:
                said = one.accounted
                if said.get(STATE) in END_STATES:
                    said = {name: value for name, value in said.items() if name != STATE}
                yield _View(self.end, self.end, said)

    def tracks(self) -> dict[str, Track]:
        """Return the track of each attribute of which any value is known, by its name."""
        pairs: set[tuple[str, Value]] = set()
        told: set[str] = set()
        untold: set[str] = set()
        claimed: set[str] = set()
        varying: set[str] = set()
        for one in self.creations:
            pairs.update(one.accounted.items())
            told.update(one.accounted)
            untold.update(one.untold)
        for one in self.changes:
            pairs.update(one.accounted.items())
            claimed.update(one.accounted)
            varying.update(one.untold)
        for accounted in {id(view.accounted): view.accounted for view in self.views}.values():
            pairs.update(accounted.items())
        varying |= claimed - told
        values: dict[str, Value] = {}
        for name, value in pairs:
            if name in values:
                varying.add(name)
            values[name] = value
        certain = told | untold
        held_back = self._held_back(values.keys() - varying - certain)
        tracks: dict[str, Track] = {}
        for name, value in values.items():
            if name in varying:
                tracks[name] = self._track(name)
            else:
                tracks[name] = Track(((self.begin, value),), held_back.get(name, ()))
        return tracks

    def _held_back(self, names: set[str]) -> dict[str, tuple[tuple[datetime, datetime | None], ...]]:
        """Return the doubts of attributes of one value that were only ever seen: until they first were."""
        doubts: dict[str, tuple[tuple[datetime, datetime | None], ...]] = {}
        for view in self.views:
            first = names & view.accounted.keys()
            if first:
                doubts |= dict.fromkeys(first, join([(self.begin, view.end)], self.begin, self.end))
                names = names - first
            if not names:
                break
        return doubts

    def _track(self, name: str) -> Track:
        claims = [
            claim_of(one, name, creation=True)
            for one in self.creations
            if name in one.accounted or name in one.untold
        ]
        claims += [
            claim_of(one, name, creation=False)
            for one in self.changes
            if name in one.accounted or name in one.untold
        ]
        glimpses = [
            Glimpse(view.begin, view.end, view.accounted[name])
            for view in self.views
            if name in view.accounted
        ]
        return track(in_order(claims), glimpses, begin=self.begin, end=self.end, tolerance=self.tolerance)


def _spans(begin: datetime, end: datetime | None, tracks: dict[str, Track]) -> tuple[Span, ...]:
    """Cut the life wherever one of the tracks changes."""
    if end is not None and end <= begin:
        return ()
    cuts: dict[datetime, dict[str, Value]] = {begin: {}}
    for name in sorted(tracks):
        for start, value in tracks[name].changes:
            cuts.setdefault(start, {})[name] = value
    starts = sorted(cuts)
    spans: list[Span] = []
    values: dict[str, Value] = {}
    for start, stop in zip(starts, [*starts[1:], end], strict=True):
        values = values | cuts[start]
        spans.append(Span(start=start, end=stop, values=values))
    return tuple(spans)
