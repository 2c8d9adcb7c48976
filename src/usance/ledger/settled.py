"""Whether the silence of further looks may still change a timeline."""

from __future__ import annotations

from collections.abc import Iterable

from usance.model.observation import Observation, Verb
from usance.model.span import LIFE, Timeline


def is_unsettled(timeline: Timeline, observations: Iterable[Observation]) -> bool:
    """Whether what some source said last disagrees with how the timeline ends, or can tell what is open.

    The silence of a look repeats what its source last said (TIMELINE, rule 3). As long as that is
    also how the timeline ends, it confirms and changes nothing. An exact end is beyond it.
    """
    if timeline.end is not None and timeline.end_exact:
        return False
    alive = timeline.end is None
    final = timeline.spans[-1].values if timeline.spans else {}
    open_doubts = {doubt.attribute for doubt in timeline.doubts if doubt.end is None}
    for report in _last_reports(observations):
        if report.verb is Verb.GONE:
            if alive:
                return True
            continue
        if not report.is_evidence_of_life:
            continue
        if not alive or LIFE in open_doubts or not open_doubts.isdisjoint(report.accounted):
            return True
        if any(final.get(attribute) != value for attribute, value in report.accounted.items()):
            return True
    return False


def _last_reports(observations: Iterable[Observation]) -> Iterable[Observation]:
    """Return the last sighting of each source."""
    last: dict[str, Observation] = {}
    for one in observations:
        if one.verb.is_sighting:
            other = last.get(one.source)
            if other is None or _order(one) >= _order(other):
                last[one.source] = one
    return last.values()


def _order(one: Observation) -> tuple[object, object, str]:
    return one.at, one.begin or one.at, one.key
