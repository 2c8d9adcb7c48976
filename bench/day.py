"""A day of thirty clouds, simulated: what collectors would hear of a sample of their projects.

A million servers a day, of 30 clouds of 300 projects each: about 111 a day in each project. A sample has
whole projects, of every cloud the same number, so that what is kept of a project is as much as on that day.

The mix is ours to choose, and stands below: most servers are those of pipelines and of batch systems, made
in groups and gone within the hour; some work through a day, and a few stay. Each begins as Nova tells
it (building, then active), some are stopped, paused or shelved and come back, one in twenty is resized, and
nearly a third has a volume beside it, which is attached, sometimes extended, detached and deleted.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import NamedTuple

from usance.ledger.values import Heard, Named
from usance.model import resource
from usance.model.observation import DeletionQuality, Observation, Verb
from usance.model.resource import Resource, Value

CLOUDS = 30
PROJECTS = 300 * CLOUDS
SERVERS = 1_000_000  # that begin on a day
DAY = datetime(2026, 11, 3, tzinfo=UTC)
DAY_S = 86_400

SHORT, MEDIUM = 0.70, 0.25  # of all groups; the rest stays for days
SHORT_MIN, MEDIUM_H, LONG_D = 25, 6, 12  # means of their lives: minutes, hours, days
SUSPENDING = 0.35  # of the servers that do not die young: how many are stopped, paused or shelved
RESIZED = 0.05
WITH_VOLUME = 0.3
EXTENDED = 0.1  # of the volumes
EARLIER_D = 30  # days before, of which servers may still be there

TOGETHER_S = 20
"""Two events of a server come in one batch only if they are no further apart: what a batch of a whole
day's stream would hold. In the thinner stream of a sample a batch lasts longer."""

_MEAN_GROUP = 3  # servers that are made at once
_AWAY = (("stopped", 3600), ("stopped", 36_000), ("paused", 1800), ("suspended", 7200), ("shelved", 20_000))
_FLAVORS = [
    (f"m1.{name}", 1 << size) for size, name in enumerate(("tiny", "small", "medium", "large", "huge"))
]


class Day(NamedTuple):
    """What is heard of a sample, in order of time."""

    before: list[Observation]  # of what began earlier and is still there when the day begins
    during: list[Observation]


def sample(servers: int, seed: int = 1) -> Day:
    """Return what is heard of projects in which so many servers begin on the day, and of those before."""
    projects = max(round(servers * PROJECTS / SERVERS), CLOUDS)
    dice = Random(seed)  # noqa: S311 -- to be the same every time
    said: list[Observation] = []
    for ago in range(EARLIER_D + 1):
        number = 0
        while number < servers:
            project = number % projects
            begin = DAY + timedelta(days=-ago, seconds=_moment(dice))
            group = min(1 + int(dice.expovariate(1 / (_MEAN_GROUP - 1))), servers - number)
            flavor = _FLAVORS[min(int(dice.expovariate(1)), len(_FLAVORS) - 1)]
            # One in a group stays as long as another: they do one thing together.
            kind = dice.random()
            mean_s = 60 * SHORT_MIN if kind < SHORT else 3600 * MEDIUM_H
            mean_s = DAY_S * LONG_D if kind >= SHORT + MEDIUM else mean_s
            for place in range(number, number + group):
                life_s = 60 + dice.expovariate(1 / mean_s)
                if begin + timedelta(seconds=life_s) < DAY:
                    continue  # it is gone before the day begins
                project_id = f"{project * 2654435761:032x}"
                one = _Server(dice, project_id, project % CLOUDS, place, stays=kind >= SHORT)
                said += one.told(begin + timedelta(seconds=2 * dice.random()), life_s, flavor)
            number += group
    end = DAY + timedelta(days=1)
    said.sort(key=lambda one: one.at)
    return Day([one for one in said if one.at < DAY], [one for one in said if DAY <= one.at < end])


def _moment(dice: Random) -> float:
    """Return a second of the day: at the busiest hour, twice as many servers begin as on average."""
    while True:
        second = dice.random() * DAY_S
        if dice.random() < (1 - math.cos(2 * math.pi * (second / DAY_S - 0.1))) / 2:
            return second


def batches(said: list[Observation], size: int) -> Iterator[Heard]:
    """Yield the observations as a collector hands them over: each message also names its project."""
    waiting = said
    while waiting:
        page: list[Observation] = []
        late: list[Observation] = []  # what may not come into this batch, and all that follows of its server
        first: dict[Resource, datetime] = {}
        held: set[Resource] = set()
        taken = 0
        while taken < len(waiting) and len(page) < size:
            one = waiting[taken]
            taken += 1
            begin = first.setdefault(one.resource, one.at)
            if one.resource in held or (one.at - begin).total_seconds() > TOGETHER_S:
                held.add(one.resource)
                late.append(one)
            else:
                page.append(one)
        waiting = late + waiting[taken:]
        names = {one.resource.project_id: one.at for one in page}
        yield Heard(
            tuple(page),
            tuple(Named("project", project, f"name of {project}", at) for project, at in names.items()),
        )


class _Server:
    """One server, and the volume beside it."""

    def __init__(self, dice: Random, project_id: str, cloud: int, number: int, *, stays: bool) -> None:
        self._dice = dice
        self._stays = stays  # it is not gone within the hour
        self._user = f"{dice.randrange(20):02}{project_id[2:]}"
        self._image = _uuid(Random(dice.randrange(60)))  # noqa: S311 -- one of sixty
        self._name = f"runner-{number}"
        self._host = f"compute{dice.randrange(400)}.cloud{cloud:02}.example.org"
        self._server = Resource(project_id, f"cloud{cloud:02}", resource.SERVER, _uuid(dice))
        self._volume = Resource(project_id, f"cloud{cloud:02}", resource.VOLUME, _uuid(dice))

    def told(self, begin: datetime, life_s: float, flavor: tuple[str, int]) -> Iterator[Observation]:
        """Yield what is told of a life that begins at an instant and runs so long."""
        dice = self._dice
        runs = begin + timedelta(seconds=4 + dice.expovariate(1 / 12))
        end = runs + timedelta(seconds=life_s)
        creating = self._request()
        yield self._of_server(Verb.CREATED, begin, begin, flavor, "building", creating)
        yield self._of_server(Verb.CHANGED, runs, begin, flavor, "active", creating)
        now = runs
        if self._stays and dice.random() < SUSPENDING:
            for _ in range(1 + dice.randrange(3)):
                state, away_s = dice.choice(_AWAY)
                leaves = now + timedelta(seconds=60 + dice.expovariate(1 / 7200))
                back = leaves + timedelta(seconds=30 + dice.expovariate(1 / away_s))
                if back >= end:
                    break
                yield self._of_server(Verb.CHANGED, leaves, begin, flavor, state, self._request())
                yield self._of_server(Verb.CHANGED, back, begin, flavor, "active", self._request())
                now = back
        if dice.random() < RESIZED:
            resized = now + (end - now) * (0.2 + 0.4 * dice.random())
            confirmed = min(resized + timedelta(seconds=5 + dice.expovariate(1 / 300)), end)
            flavor = dice.choice(_FLAVORS)
            yield self._of_server(Verb.CHANGED, resized, begin, flavor, "resized", self._request())
            yield self._of_server(Verb.CHANGED, confirmed, begin, flavor, "active", self._request())
        yield self._of_server(Verb.DELETED, end, begin, flavor, "deleted", self._request())
        if dice.random() < WITH_VOLUME:
            yield from self._beside(begin, runs, end)

    def _of_server(  # noqa: PLR0917 -- a row of a table, said in one line where it is used
        self, verb: Verb, at: datetime, begin: datetime, flavor: tuple[str, int], state: str, request: str
    ) -> Observation:
        ends = verb is Verb.DELETED
        name, vcpus = flavor
        accounted: dict[str, Value] = {
            resource.USER_ID: self._user,
            resource.STATE: state,
            resource.FLAVOR: name,
            resource.VCPUS: vcpus,
            resource.RAM_MIB: vcpus * 4096,
            resource.DISK_GIB: 20,
            resource.EPHEMERAL_GIB: 0,
            resource.IMAGE_ID: self._image,
        }
        return Observation(
            self._server,
            verb,
            at,
            "nova-notifications",
            accounted={} if ends else accounted,
            described={} if ends else {"name": self._name, "host": self._host, "zone": "nova"},
            created_at=begin.replace(microsecond=0),
            created_resolution_us=1_000_000,
            launched=state != "building",
            occurrence=request,
            quality=DeletionQuality.TERMINATED_AT if ends else None,
        )

    def _beside(self, begin: datetime, runs: datetime, end: datetime) -> Iterator[Observation]:
        """Yield what is told of a volume that is attached to the server while it runs."""
        dice = self._dice
        size = 10 * (1 + dice.randrange(50))
        attached = f'["{self._server.id}"]'
        made = begin - timedelta(seconds=3)
        yield self._of_volume(Verb.CREATED, made, made, size, "[]")
        yield self._of_volume(Verb.CHANGED, runs + timedelta(seconds=2), made, size, attached)
        if dice.random() < EXTENDED:
            size *= 2
            yield self._of_volume(Verb.CHANGED, runs + (end - runs) / 2, made, size, attached)
        yield self._of_volume(Verb.CHANGED, end + timedelta(seconds=1), made, size, "[]")
        yield self._of_volume(Verb.DELETED, end + timedelta(seconds=5), made, size, "[]")

    def _of_volume(self, verb: Verb, at: datetime, begin: datetime, size: int, attached: str) -> Observation:
        ends = verb is Verb.DELETED
        accounted: dict[str, Value] = {
            resource.USER_ID: self._user,
            resource.SIZE_GIB: size,
            resource.VOLUME_TYPE: "ssd",
            resource.ATTACHMENTS: attached,
        }
        return Observation(
            self._volume,
            verb,
            at,
            "cinder-notifications",
            accounted={} if ends else accounted,
            described={} if ends else {"name": f"{self._name}-data"},
            created_at=begin,
            occurrence=self._request(),
            quality=DeletionQuality.DELETED_AT if ends else None,
        )

    def _request(self) -> str:
        return f"req-{_uuid(self._dice)}"


def _uuid(dice: Random) -> str:
    text = f"{dice.getrandbits(128):032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
