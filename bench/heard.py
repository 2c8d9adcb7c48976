"""Observations as a collector would make them of a busy cloud's notifications, without any message."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from random import Random

from usance.ledger.values import Heard, Named
from usance.model import resource
from usance.model.observation import DeletionQuality, Observation, Verb
from usance.model.resource import Resource, Value

CLOUD = "bench"
SOURCE = "nova-notifications"
BEGIN = datetime(2026, 11, 1, tzinfo=UTC)

_SECOND_US = 1_000_000
_MEAN_GAP_S = 600  # between two actions on a server
_STARTS_EVERY_S = 0.5  # a server; with what follows about 14 messages a second
_DOUBLED = 0.05
_LATE = 0.02
_LATE_BY = 300  # messages, at most


def stream(number: int, projects: int, seed: int = 1) -> list[Observation]:
    """Return so many observations: in the order of arrival, one in twenty twice, one in fifty late."""
    dice = Random(seed)  # noqa: S311 -- to be the same every time
    wanted = int(number / (1 + _DOUBLED)) + 1
    said: list[Observation] = []
    for server in count():
        begin = BEGIN + timedelta(seconds=server * _STARTS_EVERY_S)
        said += _life(dice, f"project{server * 7 % projects:04}", server, begin)
        if len(said) >= wanted:
            break
    said = sorted(said, key=lambda one: one.at)[:wanted]
    placed: list[tuple[int, Observation]] = []
    for place, one in enumerate(said):
        moved = place + (dice.randrange(_LATE_BY) if dice.random() < _LATE else 0)
        placed.append((moved, one))
        if dice.random() < _DOUBLED:
            placed.append((moved + dice.randrange(_LATE_BY), one))
    return [one for _, one in islice(sorted(placed, key=lambda pair: pair[0]), number)]


def batches(said: list[Observation], size: int) -> list[Heard]:
    """Return the observations as a collector hands them over: each message also names its project."""
    return [
        Heard(
            tuple(page),
            tuple(
                Named("project", one.resource.project_id, f"name of {one.resource.project_id}", one.at)
                for one in page
            ),
        )
        for page in (said[start : start + size] for start in range(0, len(said), size))
    ]


def _life(dice: Random, project_id: str, number: int, begin: datetime) -> Iterator[Observation]:
    """Yield what is told of a server: its creation, some actions, and mostly its deletion."""
    server = Resource(project_id, CLOUD, resource.SERVER, f"{dice.getrandbits(128):032x}")
    created = begin.replace(microsecond=0)
    flavor = dice.randrange(8)
    host = f"compute{dice.randrange(200)}"
    shown: dict[str, Value] = {"name": f"web-{number}", "host": host, "zone": "nova"}

    def told(verb: Verb, at: datetime, state: str, request: str) -> Observation:
        ends = verb is Verb.DELETED
        return Observation(
            server,
            verb,
            at,
            SOURCE,
            accounted={} if ends else _accounted(flavor, state),
            described={} if ends else shown,
            created_at=created,
            created_resolution_us=_SECOND_US,
            launched=state != "building",
            occurrence=request,
            quality=DeletionQuality.TERMINATED_AT if ends else None,
        )

    def request() -> str:
        return f"req-{dice.getrandbits(128):032x}"

    creating = request()
    yield told(Verb.CREATED, begin, "building", creating)
    now = begin + timedelta(seconds=5 + 20 * dice.random())
    yield told(Verb.CHANGED, now, "active", creating)
    for _ in range(dice.randrange(4)):
        now += timedelta(seconds=dice.expovariate(1 / _MEAN_GAP_S))
        if dice.random() < 0.25:
            flavor = dice.randrange(8)
            yield told(Verb.CHANGED, now, "resized", request())
            now += timedelta(seconds=10 + dice.expovariate(1 / 60))
            yield told(Verb.CHANGED, now, "active", request())
        else:
            yield told(Verb.CHANGED, now, "stopped", request())
            now += timedelta(seconds=dice.expovariate(1 / _MEAN_GAP_S))
            yield told(Verb.CHANGED, now, "active", request())
    if dice.random() < 0.8:
        now += timedelta(seconds=dice.expovariate(1 / _MEAN_GAP_S))
        yield told(Verb.DELETED, now, "deleted", request())


def _accounted(flavor: int, state: str) -> dict[str, Value]:
    vcpus = 1 << flavor % 6
    return {
        resource.USER_ID: "0123456789abcdef0123456789abcdef",
        resource.STATE: state,
        resource.FLAVOR: f"m1.flavor{flavor}",
        resource.VCPUS: vcpus,
        resource.RAM_MIB: vcpus * 2048,
        resource.DISK_GIB: 10 + 10 * flavor,
        resource.EPHEMERAL_GIB: 0,
        resource.IMAGE_ID: "3d0bf5b4-2bd1-4e3b-9d76-0c2a0b5f2d5a",
    }
