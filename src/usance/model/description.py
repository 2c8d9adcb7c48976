"""The described attributes of a resource: names, hosts, properties; dated, but never accounted."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from usance.model.observation import DeletionQuality, Observation, Verb
from usance.model.resource import Value
from usance.model.span import Described

_SEEN = Verb.SEEN
_CORRECTION = DeletionQuality.CORRECTION
_AT_CREATION = (Verb.CREATED, Verb.ENTERED)


def described_by(
    observations: Iterable[Observation], *, begin: datetime, end: datetime | None
) -> tuple[Described, ...]:
    """Return each described value with the instant since when it is known, cut to the life.

    What a report of the end says (a deleted row still has its name) is dated to the end. What was
    seen later than the end counts only where nothing else is known.
    """
    found: dict[str, list[tuple[datetime, bool, Observation]]] = {}
    for one in observations:
        if not one.described:
            continue
        posthumous = end is not None and one.verb is _SEEN and one.at > end
        since = begin if one.verb in _AT_CREATION else max(one.at, begin)
        if end is not None and since > end:
            since = end
        for attribute in one.described:
            found.setdefault(attribute, []).append((since, posthumous, one))
    described: list[Described] = []
    for attribute in sorted(found):
        entries = found[attribute]
        lifelong = [entry for entry in entries if not entry[1]]
        described += _dated(attribute, lifelong or entries)
    return tuple(described)


def _dated(attribute: str, entries: list[tuple[datetime, bool, Observation]]) -> list[Described]:
    dated: dict[datetime, list[Observation]] = {}
    for since, _, one in entries:
        dated.setdefault(since, []).append(one)
    values: list[Described] = []
    last: Value | None = None
    for since in sorted(dated):
        value = _latest(dated[since], attribute)
        if value != last:
            values.append(Described(attribute, since, value))
        last = value
    return values


def _latest(observations: list[Observation], attribute: str) -> Value:
    """Return what a correction, or else the latest, says; the key decides between equals that differ."""
    value = observations[0].described[attribute]
    if any(one.described[attribute] != value for one in observations):
        value = max(observations, key=_rank).described[attribute]
    return value


def _rank(one: Observation) -> tuple[bool, datetime, int, str]:
    return one.quality is _CORRECTION, one.at, -1 if one.seq is None else one.seq, one.key
