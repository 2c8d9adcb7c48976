"""The fast path: a timeline extended by one observation that arrived in order."""

from __future__ import annotations

from bisect import bisect_left, insort
from datetime import datetime, timedelta

from usance.model.life import shows_launch
from usance.model.memory import LIMIT, occurrence_number
from usance.model.observation import Observation, Verb
from usance.model.period import SECOND
from usance.model.span import Described, Memory, Span, Timeline
from usance.model.timeline import TOLERANCE

_CHANGED = Verb.CHANGED


def extend(
    timeline: Timeline,
    observation: Observation,
    *,
    looked_until: datetime | None,
    tolerance: timedelta = TOLERANCE,
) -> Timeline | None:
    """Return the timeline with one more observation; None if it has to be made anew.

    It answers for one open life, and a fine `changed` that begins later than everything known +
    tolerance + 1 s, of an occurrence not heard of before, about attributes whose values are known
    and certain now. The result equals that of making it anew.

    *looked_until* is the end of the last look at the resource's project, cloud and kind (None if
    there was none): a look that began later may already contradict the observation.
    """
    memory = timeline.memory
    if not (_is_plain(observation) and _is_certain(timeline, observation)):
        return None
    heard = memory.heard_until
    if heard is None or memory.occurrences is None:
        return None
    latest = max(heard, timeline.begin) if looked_until is None else max(heard, timeline.begin, looked_until)
    at = observation.at
    if min(at, observation.begin or at) <= latest + tolerance + SECOND:
        return None
    occurrences = _with_occurrence(memory.occurrences, observation.occurrence)
    if occurrences is None:
        return None
    last = timeline.spans[-1]
    spans = timeline.spans
    if any(last.values[name] != value for name, value in observation.accounted.items()):
        values = last.values | observation.accounted
        spans = (*spans[:-1], Span(last.start, at, last.values), Span(at, None, values))
    return Timeline(
        resource=timeline.resource,
        begin=timeline.begin,
        end=None,
        spans=spans,
        begin_exact=timeline.begin_exact,
        end_exact=timeline.end_exact,
        launched=timeline.launched or shows_launch(observation),
        doubts=timeline.doubts,
        anomalies=timeline.anomalies,
        described=_with_described(timeline.described, observation),
        memory=Memory(at, occurrences),
    )


def _is_plain(observation: Observation) -> bool:
    """Whether it is a fine `changed` that tells everything and claims no place in a source's own order."""
    return (
        observation.verb is _CHANGED
        and observation.resolution_us == 0
        and not observation.untold
        and observation.seq is None
        and observation.quality is None
    )


def _is_certain(timeline: Timeline, observation: Observation) -> bool:
    """Whether the life goes on, nothing is in doubt now, and the observation is about what is known."""
    return (
        timeline.end is None
        and observation.resource == timeline.resource
        and (
            observation.created_at is None
            or (timeline.begin_exact and observation.created_at == timeline.begin)
        )
        and observation.accounted.keys() <= timeline.spans[-1].values.keys()
        and all(doubt.end is not None for doubt in timeline.doubts)
    )


def _with_occurrence(known: tuple[int, ...], occurrence: str | None) -> tuple[int, ...] | None:
    """Add an occurrence; None if it may be known already, or if there are too many to remember."""
    if occurrence is None:
        return known
    number = occurrence_number(occurrence)
    place = bisect_left(known, number)
    if len(known) >= LIMIT or (place < len(known) and known[place] == number):
        return None
    return (*known[:place], number, *known[place:])


def _with_described(known: tuple[Described, ...], observation: Observation) -> tuple[Described, ...]:
    """Add the described values that are new; they are later than all the others."""
    if not observation.described:
        return known
    last = {one.attribute: one.value for one in known}
    news = [
        Described(attribute, observation.at, value)
        for attribute, value in observation.described.items()
        if last.get(attribute) != value
    ]
    if not news:
        return known
    ordered = list(known)
    for one in news:
        insort(ordered, one, key=lambda described: (described.attribute, described.since))
    return tuple(ordered)
