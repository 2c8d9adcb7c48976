"""The fast path: a timeline begun, extended or ended by one observation that arrived in order.

What it gives equals what making the timeline anew gives; where that is not certain it gives nothing.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from datetime import datetime, timedelta

from usance.model.life import END_STATES, shows_launch
from usance.model.memory import LIMIT, is_plain, occurrence_number
from usance.model.observation import DeletionQuality, Observation, Verb
from usance.model.period import SECOND
from usance.model.resource import STATE, Value
from usance.model.span import Described, Memory, Span, Timeline
from usance.model.timeline import TOLERANCE

_CREATED, _CHANGED, _DELETED = Verb.CREATED, Verb.CHANGED, Verb.DELETED
_CORRECTION = DeletionQuality.CORRECTION


def fold(observations: Iterable[Observation], *, tolerance: timedelta = TOLERANCE) -> Timeline | None:
    """Return the timeline of all that was said of a resource that nobody looked at; None if it is not plain.

    It answers for one `created`, any fine `changed` after it, and at most one `deleted` at the end.
    """
    ordered = sorted(observations, key=_instant)
    first = next((place for place, one in enumerate(ordered) if one.verb is _CREATED), None)
    if first is None:
        return None
    life = begun(ordered.pop(first), looked_until=None, tolerance=tolerance)
    facts: set[tuple[str, str, Value]] = set()
    for one in ordered:
        if life is None:
            return None
        occurrence = one.occurrence
        if occurrence is not None and one.verb is _CHANGED:
            said = {(occurrence, name, value) for name, value in one.accounted.items()}
            if not said.isdisjoint(facts) and _differs(life, one):
                return None
            facts |= said
        life = _extended(life, one, looked_until=None, tolerance=tolerance, merges=False)
    return life


def _instant(one: Observation) -> datetime:
    return one.at


def begun(
    observation: Observation, *, looked_until: datetime | None, tolerance: timedelta = TOLERANCE
) -> Timeline | None:
    """Return the timeline of a creation of which nothing else is known; None if it has to be made.

    *looked_until* as in :func:`extend`.
    """
    if observation.verb is not _CREATED or not is_plain(observation):
        return None
    begin = observation.created_at or observation.at
    if looked_until is not None and min(begin, observation.at) <= looked_until + tolerance + SECOND:
        return None
    return Timeline(
        resource=observation.resource,
        begin=begin,
        end=None,
        spans=(Span(begin, None, observation.accounted),),
        launched=shows_launch(observation),
        described=tuple(
            Described(name, begin, value) for name, value in sorted(observation.described.items())
        ),
        memory=Memory(observation.at, (), plain=True),
    )


def extend(
    timeline: Timeline,
    observation: Observation,
    *,
    looked_until: datetime | None,
    tolerance: timedelta = TOLERANCE,
) -> Timeline | None:
    """Return the timeline with one more observation; None if it has to be made anew.

    It answers for one open life and a fine `changed` about attributes whose values are known and
    certain now, of a request not heard of before, that begins later than everything known +
    tolerance + 1 s. Where nothing but creations and fine changes is known, it need only be later
    than what was told, it may leave untold what nobody told, a request may be heard of again if it
    repeats the values, and the first `deleted` ends the life.

    Of the spans it needs the last one only. *looked_until* is the end of the last look at the
    resource's project, cloud and kind (None if there was none): a look that began later may already
    contradict the observation.
    """
    return _extended(timeline, observation, looked_until=looked_until, tolerance=tolerance, merges=True)


def _extended(
    timeline: Timeline,
    one: Observation,
    *,
    looked_until: datetime | None,
    tolerance: timedelta,
    merges: bool,
) -> Timeline | None:
    """Extend a timeline; *merges*: one fact may be told twice by one request."""
    memory = timeline.memory
    if not (_is_certain(timeline, one) and _is_later(timeline, one, looked_until, tolerance + SECOND)):
        return None
    if one.verb is _DELETED:
        return _ended(timeline, one) if memory.plain else None
    if one.verb is not _CHANGED or not is_plain(one) or not _may_leave_untold(timeline, one):
        return None
    differs = _differs(timeline, one)
    occurrences = _with_occurrence(memory, one.occurrence, repeats=not (differs and merges))
    if occurrences is None:
        return None
    spans = timeline.spans
    if differs:
        last = spans[-1]
        spans = (
            *spans[:-1],
            Span(last.start, one.at, last.values),
            Span(one.at, None, last.values | one.accounted),
        )
    return Timeline(
        timeline.resource,
        timeline.begin,
        None,
        spans,
        timeline.begin_exact,
        timeline.end_exact,
        timeline.launched or shows_launch(one),
        timeline.doubts,
        timeline.anomalies,
        _with_described(timeline.described, one),
        Memory(one.at, occurrences, memory.plain),
    )


def _is_later(timeline: Timeline, one: Observation, looked_until: datetime | None, clear: timedelta) -> bool:
    """Whether it is later than all that was told, and clearly later than all that was seen."""
    heard = timeline.memory.heard_until
    if heard is None:
        return False
    at = first = one.at
    if one.begin is not None and one.begin < first:
        first = one.begin
    if looked_until is not None and first <= looked_until + clear:
        return False
    if timeline.memory.plain:
        return at > heard and at > timeline.begin
    return first > heard + clear and first > timeline.begin + clear


def _with_occurrence(memory: Memory, occurrence: str | None, *, repeats: bool) -> tuple[int, ...] | None:
    """Add a request; None if there are too many, or if one that is known does more than repeat."""
    known = memory.occurrences
    if occurrence is None or known is None:
        return known
    number = occurrence_number(occurrence)
    place = bisect_left(known, number)
    if place < len(known) and known[place] == number:
        return known if memory.plain and repeats else None
    return (*known[:place], number, *known[place:]) if len(known) < LIMIT else None


def _is_certain(timeline: Timeline, one: Observation) -> bool:
    """Whether the life goes on, nothing is in doubt now, and the observation is about what is known."""
    if timeline.end is not None or one.resource != timeline.resource:
        return False
    if one.created_at is not None and not (timeline.begin_exact and one.created_at == timeline.begin):
        return False
    if not one.accounted.keys() <= timeline.spans[-1].values.keys():
        return False
    return not timeline.doubts or all(doubt.end is not None for doubt in timeline.doubts)


def _may_leave_untold(timeline: Timeline, one: Observation) -> bool:
    """Whether what it leaves untold has no effect: nobody ever told any of it."""
    if not one.untold:
        return True
    return timeline.memory.plain and timeline.spans[-1].values.keys().isdisjoint(one.untold)


def _differs(timeline: Timeline, one: Observation) -> bool:
    """Whether it says something else than what is so."""
    return not one.accounted.items() <= timeline.spans[-1].values.items()


def _ended(timeline: Timeline, one: Observation) -> Timeline | None:
    """End a life of which nobody said an end before; what is said of the values then must be so."""
    if one.untold or one.quality is _CORRECTION:
        return None
    last = timeline.spans[-1]
    for name, value in one.accounted.items():
        if last.values[name] != value and not (name == STATE and value in END_STATES):
            return None
    return Timeline(
        timeline.resource,
        timeline.begin,
        one.at,
        (*timeline.spans[:-1], Span(last.start, one.at, last.values)),
        timeline.begin_exact,
        end_exact=True,
        launched=timeline.launched or shows_launch(one),
        doubts=timeline.doubts,
        anomalies=timeline.anomalies,
        described=_with_described(timeline.described, one),
        memory=Memory(one.at, timeline.memory.occurrences),
    )


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
