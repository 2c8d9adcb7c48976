"""Hostile input: any set of observations and looks about one server, true or not.

Instants lie on a small grid around a few moments, so that they collide, touch the tolerance and
come in every order; values are few, so that they repeat. An example is a seed and two lengths: a
prefix of an example is an example, so that a failure shrinks to few observations.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

import msgspec
from hypothesis import strategies as st

from usance.model.observation import DeletionQuality, Look, Observation, Scope, Verb
from usance.model.resource import SERVER, Resource

ZERO = datetime(2026, 11, 20, 1, tzinfo=UTC)
RESOURCE = Resource("project-1", "cloud-1", SERVER, "server-1")
SECOND = timedelta(seconds=1)

_CLAIMS = (
    *(Verb.CREATED, Verb.CHANGED, Verb.CHANGED, Verb.CHANGED),
    *(Verb.DELETED, Verb.LEFT, Verb.ENTERED),
)
_VALUES = {
    "state": ("building", "active", "stopped"),
    "vcpus": (1, 2, 4),
    "flavor": ("small", "large"),
}


class Said(msgspec.Struct, frozen=True):
    """An example: what is said, and which looks there were."""

    observations: list[Observation]
    looks: list[Look]


def _instant(random: Random) -> datetime:
    if random.random() < 0.5:
        return ZERO + random.randrange(40) * SECOND
    milliseconds = random.choice((0, 0, random.randrange(-8000, 8001)))
    return ZERO + timedelta(hours=random.randrange(7), milliseconds=milliseconds)


def _maybe(random: Random, value, chance: float = 0.5):
    return value if random.random() < chance else None


def _some(random: Random, names) -> tuple[str, ...]:
    return tuple(name for name in names if random.random() < 0.4)


def _claim(random: Random, source: str) -> Observation:
    verb = random.choice(_CLAIMS)
    coarse = random.random() < 0.5
    at = _instant(random)
    return Observation(
        resource=RESOURCE,
        verb=verb,
        at=at.replace(microsecond=0) if coarse else at,
        begin=_maybe(random, at - random.choice((0, 1, 3, 700)) * SECOND),
        resolution_us=1_000_000 if coarse else 0,
        accounted={name: random.choice(_VALUES[name]) for name in _some(random, _VALUES)},
        untold=_some(random, ("vcpus", "flavor")) if random.random() < 0.5 else (),
        described={"name": random.choice("ab")} if random.random() < 0.3 else {},
        source=source,
        created_at=_maybe(random, random.choice((ZERO, _instant(random))), 0.3),
        created_resolution_us=random.choice((0, 1_000_000)),
        occurrence=_maybe(random, f"req-{random.randrange(4)}"),
        seq=_maybe(random, random.randrange(5)),
        quality=_quality(random, verb),
    )


def _quality(random: Random, verb: Verb) -> DeletionQuality | None:
    if verb is Verb.DELETED:
        return random.choice((None, *DeletionQuality))
    corrects = verb in (Verb.CREATED, Verb.CHANGED) and random.random() < 0.2
    return DeletionQuality.CORRECTION if corrects else None


def _sighting(random: Random, source: str) -> Observation:
    end = _instant(random)
    return Observation(
        resource=RESOURCE,
        verb=random.choice((Verb.SEEN, Verb.SEEN, Verb.GONE)),
        at=end,
        begin=_maybe(random, end - random.choice((0, 1, 3, 700)) * SECOND),
        accounted={name: random.choice(_VALUES[name]) for name in _some(random, _VALUES)},
        described={"name": random.choice("ab")} if random.random() < 0.3 else {},
        created_at=_maybe(random, ZERO, 0.3),
        source=source,
    )


def look_at(begin: datetime, end: datetime, *, source: str = "nova", scope: Scope = Scope.FULL) -> Look:
    return Look(RESOURCE.project_id, RESOURCE.cloud_id, source, RESOURCE.kind, scope, begin, end)


def _look(random: Random, source: str) -> Look:
    begin = _instant(random)
    end = begin + random.choice((0, 1, 3, 700)) * SECOND
    return look_at(begin, end, source=source, scope=random.choice(tuple(Scope)))


def _said(seed: int, spoken: int, looked: int, pulls: tuple[str, ...]) -> Said:
    random = Random(seed)
    observations = [
        _claim(random, random.choice(("bus", "nova")))
        if random.random() < 0.6
        else _sighting(random, random.choice(pulls))
        for _ in range(spoken)
    ]
    random = Random(seed + 1)
    return Said(observations, [_look(random, random.choice(pulls)) for _ in range(looked)])


def one_after_another(looks: list[Look]) -> list[Look]:
    """Drop the looks whose window contains that of another look of their source."""
    kept: list[Look] = []
    for look in sorted(looks, key=lambda look: (look.begin, look.end)):
        if not any(look.source == other.source and look.end <= other.end for other in kept):
            kept.append(look)
    return kept


def anything_said(spoken: int = 14, looked: int = 8, pulls: tuple[str, ...] = ("nova", "other")):
    """Any observations and looks, up to so many; the sightings are of the sources named."""
    return st.builds(
        _said, st.integers(0, 2**40), st.integers(0, spoken), st.integers(0, looked), st.just(pulls)
    )
