"""Exact claims about one attribute: which of them are one fact, and in which order they happened.

The rules are those of the timeline: one occurrence is one fact, the finest time wins, and the
order is that of the cloud and never that of arrival. Everything here depends on the set of
claims only.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import groupby

import msgspec

from usance.model.observation import DeletionQuality, Observation
from usance.model.resource import Value

_CORRECTION = DeletionQuality.CORRECTION


class Claim(msgspec.Struct):
    """What one observation says exactly about one attribute. It changes while claims are merged."""

    creation: bool  # said of the creation: it holds from the begin of the life, whatever `at` is
    at: datetime
    begin: datetime  # of the action; equal to `at` where that is not known
    resolution_us: int
    value: Value | None  # None: it took a value here that the source doesn't tell
    observation: Observation  # the one that `at` is taken from
    occurrence: str | None
    seq: int | None
    seq_source: str  # whose order `seq` is
    correction: bool = False  # it counts before other claims of its instant, and no sighting doubts it

    @property
    def _fineness(self) -> tuple[int, datetime]:
        return self.resolution_us, self.at

    def take_over(self, other: Claim) -> None:
        """Become one fact with another claim: the finest, then earliest time; least begin, greatest seq."""
        self.support(other)
        mine, theirs = self._fineness, other._fineness
        if theirs < mine or (theirs == mine and other.observation.key < self.observation.key):
            self.at, self.resolution_us, self.observation = other.at, other.resolution_us, other.observation

    def support(self, other: Claim) -> None:
        """Take from another claim of the same fact what it knows better, except the time."""
        self.begin = min(self.begin, other.begin)
        self.correction = self.correction or other.correction
        if other.seq is not None and (
            self.seq is None or (other.seq, other.seq_source) > (self.seq, self.seq_source)
        ):
            self.seq, self.seq_source = other.seq, other.seq_source


def claim_of(observation: Observation, attribute: str, *, creation: bool) -> Claim:
    """Return what an exact observation says of an attribute that it asserts or leaves untold."""
    return Claim(
        creation=creation,
        at=observation.at,
        begin=observation.begin or observation.at,
        resolution_us=observation.resolution_us,
        value=observation.accounted.get(attribute),
        observation=observation,
        occurrence=observation.occurrence,
        seq=observation.seq,
        seq_source=observation.source,
        correction=observation.quality is _CORRECTION,
    )


def in_order(claims: Iterable[Claim]) -> list[Claim]:
    """Return the facts behind the claims of one attribute, in the order in which they happened.

    What the creation asserted comes first, and there what is told comes after what is untold, so
    that it counts.
    """
    facts = _absorb_coarse(_merge_occurrences(claims))
    _clamp_by_sequence(facts)
    facts.sort(key=_position)
    ordered: list[Claim] = []
    for _, tied in groupby(facts, key=_position):
        group = list(tied)
        if len(group) > 1:
            # One observation must win for all its attributes, so the key decides and not the value.
            group = list({claim.observation.key: claim for claim in group}.values())
            group.sort(key=lambda claim: claim.observation.key)
        ordered += group
    return ordered


def _position(claim: Claim) -> tuple[bool, bool, datetime, bool, int, int]:
    told_at_creation = claim.creation and claim.value is not None
    seq = -1 if claim.seq is None else claim.seq
    return (
        not claim.creation,
        told_at_creation,
        claim.at,
        claim.correction,
        seq,
        -claim.resolution_us,
    )


def _merge_occurrences(claims: Iterable[Claim]) -> list[Claim]:
    """Make one claim of those with one occurrence and one value, and tell what one of them leaves untold."""
    facts: list[Claim] = []
    by_occurrence: dict[tuple[bool, str], dict[Value | None, Claim]] = {}
    for claim in claims:
        if claim.occurrence is None:
            facts.append(claim)
            continue
        values = by_occurrence.setdefault((claim.creation, claim.occurrence), {})
        known = values.setdefault(claim.value, claim)
        if known is not claim:
            known.take_over(claim)
    for values in by_occurrence.values():
        if len(values) > 1 and None in values:
            untold = values.pop(None)
            _nearest(values.values(), untold.at).support(untold)
        facts += values.values()
    return facts


def _nearest(claims: Iterable[Claim], at: datetime) -> Claim:
    return min(claims, key=lambda claim: (abs(claim.at - at), claim.at, claim.resolution_us))


def _absorb_coarse(facts: list[Claim]) -> list[Claim]:
    """Drop each coarse claim that a finer one of the same value, closer than its resolution, explains.

    Databases round or cut fractions, so a whole-second time and an exact one may be one fact.
    Two claims that both name an occurrence are two facts, if they were not merged before.
    """
    finest = min((fact.resolution_us for fact in facts), default=0)
    if all(fact.resolution_us == finest for fact in facts):
        return facts
    # Of one that was told twice, only one would take over what the coarse one knows.
    facts = list({fact.observation.key: fact for fact in facts}.values())
    facts.sort(key=lambda fact: (fact.at, fact.resolution_us))
    instants = [fact.at for fact in facts]
    kept: list[Claim] = []
    absorbed: list[tuple[Claim, Claim]] = []
    for coarse in facts:
        reach = timedelta(microseconds=coarse.resolution_us)
        finer: list[Claim] = []
        for fact in facts[bisect_left(instants, coarse.at - reach) :]:
            if fact.at >= coarse.at + reach:
                break
            if _explains(fact, coarse, reach):
                finer.append(fact)
        if finer:
            absorbed.append((_nearest(finer, coarse.at), coarse))
        else:
            kept.append(coarse)
    for fact, coarse in absorbed:
        fact.support(coarse)
    return kept


def _explains(fine: Claim, coarse: Claim, reach: timedelta) -> bool:
    return (
        fine.resolution_us < coarse.resolution_us
        and fine.creation == coarse.creation
        and (fine.occurrence is None or coarse.occurrence is None)
        and (coarse.value is None or fine.value == coarse.value)
        and abs(fine.at - coarse.at) < reach
    )


def _clamp_by_sequence(facts: list[Claim]) -> None:
    """Move coarse times between those of their neighbours, where a source tells its own order."""
    numbered = [fact for fact in facts if fact.seq is not None and not fact.creation]
    if len(numbered) < 2 or not any(fact.resolution_us for fact in numbered):
        return
    numbered.sort(key=lambda fact: (fact.seq_source, fact.seq, fact.at, -fact.resolution_us))
    for _, group in groupby(numbered, key=lambda fact: fact.seq_source):
        chain = list(group)
        upper: list[datetime | None] = []
        ceiling: datetime | None = None
        for fact in reversed(chain):
            upper.append(ceiling)
            if fact.resolution_us == 0:
                ceiling = fact.at if ceiling is None else min(ceiling, fact.at)
        floor = chain[0].at
        for fact, limit in zip(chain, reversed(upper), strict=True):
            if fact.resolution_us:
                fact.at = max(fact.at, floor)
                if limit is not None:
                    fact.at = min(fact.at, limit)
            floor = max(floor, fact.at)
