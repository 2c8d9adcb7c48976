"""Observations as a source would make them of the steady cloud, without any cloud in between."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from usance.demo.life import Life
from usance.model import resource
from usance.model.observation import Look, Observation, Scope, Verb
from usance.model.period import from_us
from usance.model.resource import Resource, Value

CLOUD = "bench"
SOURCE = "nova"
_SECOND_US = 1_000_000


def accounted(life: Life, state: str) -> dict[str, Value]:
    """Return all that is accounted of a server while it has its first flavor."""
    flavor = life.flavor
    assert flavor is not None
    return {
        resource.USER_ID: life.user_id or "",
        resource.STATE: state,
        resource.FLAVOR: flavor.name,
        resource.VCPUS: flavor.vcpus,
        resource.RAM_MIB: flavor.ram_mib,
        resource.DISK_GIB: flavor.disk_gib,
        resource.EPHEMERAL_GIB: flavor.ephemeral_gib,
        resource.BENCHMARK_TYPE: flavor.extra_specs["accounting:benchmark_type"],
        resource.BENCHMARK_VALUE: flavor.extra_specs["accounting:benchmark_value"],
        resource.IMAGE_ID: life.image_id,
    }


def first_sight(life: Life, begin: datetime, end: datetime) -> tuple[Observation, Observation]:
    """Return what a first look says of a server: that it was created, and that it was seen."""
    server = Resource(life.project_id, CLOUD, resource.SERVER, life.id)
    created = from_us(life.created_us // _SECOND_US * _SECOND_US)
    exact = Observation(
        resource=server,
        verb=Verb.CREATED,
        at=created,
        source=SOURCE,
        resolution_us=_SECOND_US,
        accounted={resource.STATE: "building"},
        created_at=created,
        created_resolution_us=_SECOND_US,
        occurrence=f"req-{life.id}",
    )
    seen = Observation(
        resource=server,
        verb=Verb.SEEN,
        at=end,
        begin=begin,
        source=SOURCE,
        accounted=accounted(life, "active"),
        described={"name": life.name, "zone": life.zone},
        created_at=created,
        created_resolution_us=_SECOND_US,
        launched=True,
    )
    return exact, seen


def long_life(life: Life, observations: int) -> tuple[list[Observation], list[Look]]:
    """Return so many observations of one server that is stopped and started again and again.

    Beside every tenth of them lies a full look; each look that saw another state than the one
    before has a sighting.
    """
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    found = list(first_sight(life, begin, begin + timedelta(seconds=10)))
    looks = [_look(life, begin, begin + timedelta(seconds=10))]
    now, state = begin + timedelta(minutes=5), "active"
    for number in _until(found, observations):
        state = "stopped" if state == "active" else "active"
        now += timedelta(minutes=17)
        found.append(
            Observation(
                resource=found[0].resource,
                verb=Verb.CHANGED,
                at=now,
                begin=now - timedelta(seconds=4),
                source=SOURCE,
                resolution_us=_SECOND_US,
                accounted={resource.STATE: state},
                occurrence=f"req-{number}",
            )
        )
        if number % 10 == 9 and len(found) < observations:
            now += timedelta(minutes=8)
            end = now + timedelta(seconds=10)
            found.append(
                Observation(
                    resource=found[0].resource,
                    verb=Verb.SEEN,
                    at=end,
                    begin=now,
                    source=SOURCE,
                    accounted=accounted(life, state),
                    described={"name": life.name},
                    launched=True,
                )
            )
            looks.append(_look(life, now, end))
    return found, looks


def _until(found: list[Observation], size: int) -> Iterator[int]:
    number = 0
    while len(found) < size:
        yield number
        number += 1


def _look(life: Life, begin: datetime, end: datetime) -> Look:
    return Look(life.project_id, CLOUD, SOURCE, resource.SERVER, Scope.FULL, begin, end)
