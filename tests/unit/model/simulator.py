"""A server's life, made up, and what sources say of it: the truth is known without any timeline.

Everything is drawn from one `random.Random`, so that a seed is a history.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random

from usance.model.observation import DeletionQuality, Look, Observation, Scope, Verb
from usance.model.resource import FLAVOR_ATTRIBUTES, IMAGE_ID, SERVER, USER_ID, Resource, Value

RESOURCE = Resource("project-1", "cloud-1", SERVER, "server-1")
START = datetime(2026, 11, 20, tzinfo=UTC)
FLAVORS: dict[str, dict[str, Value]] = {
    "small": {"flavor": "small", "vcpus": 1},
    "medium": {"flavor": "medium", "vcpus": 2},
    "large": {"flavor": "large", "vcpus": 4},
}
ATTRIBUTES = ("user_id", "state", "flavor", "vcpus", "image_id")
COARSE_US = 1_000_000

Stretch = tuple[datetime, datetime | None, Value]


def floor(instant: datetime) -> datetime:
    return instant.replace(microsecond=0)


@dataclass(frozen=True)
class Change:
    """An action that took effect at its end."""

    begin: datetime
    end: datetime
    values: dict[str, Value]
    request: str


@dataclass
class Life:
    """What really happened."""

    created: datetime
    first: dict[str, Value]
    changes: list[Change] = field(default_factory=list)
    deleted: datetime | None = None

    def alive(self, instant: datetime) -> bool:
        return self.created <= instant and (self.deleted is None or instant < self.deleted)

    def values(self, instant: datetime) -> dict[str, Value]:
        """Return what was so at an instant of the life; after it, what was so last."""
        found = dict(self.first)
        for change in self.changes:
            if change.end <= instant:
                found |= change.values
        return found

    def stretches(self, name: str, *, coarse: bool = False) -> list[Stretch]:
        """Return the stretches of one attribute; *coarse*: as whole-second times would have them."""
        cut = floor if coarse else (lambda instant: instant)
        points = [(self.created, self.first[name])]
        points += [(cut(one.end), one.values[name]) for one in self.changes if name in one.values]
        end = None if self.deleted is None else cut(self.deleted)
        return stretches_of(points, end)


def stretches_of(points: list[tuple[datetime, Value]], end: datetime | None) -> list[Stretch]:
    """Make stretches of changes in order; the later one counts, and equal neighbours are one."""
    latest: dict[datetime, Value] = dict(points)
    ordered = sorted(latest.items(), key=lambda pair: pair[0])
    kept = [pair for index, pair in enumerate(ordered) if index == 0 or ordered[index - 1][1] != pair[1]]
    ends = [*(start for start, _ in kept[1:]), end]
    return [
        (start, stop, value)
        for (start, value), stop in zip(kept, ends, strict=True)
        if stop is None or start < stop
    ]


def a_life(random: Random, *, least_gap_s: float = 0.2) -> Life:
    """Make up a life of some hours, with up to nine actions."""
    created = START + timedelta(seconds=random.randrange(3600))
    flavor = random.choice(list(FLAVORS))
    life = Life(created, {"user_id": "u", "state": "building", "image_id": "i0"} | FLAVORS[flavor])
    now = created
    for number in range(random.randrange(1, 10)):
        quiet_s = random.choice(
            [0.0, random.uniform(0, 3), random.uniform(0, 600), random.uniform(600, 9000)]
        )
        begin = now if number == 0 else now + timedelta(seconds=least_gap_s + quiet_s)
        end = begin + timedelta(microseconds=random.randrange(100_000, random.choice([900_000, 60_000_000])))
        before = life.values(now)
        what = "state" if number == 0 else random.choice(["state", "state", "flavor", "image"])
        if number == 0:
            values: dict[str, Value] = {"state": "active"}
        elif what == "state":
            others = [one for one in ("active", "stopped", "suspended") if one != before["state"]]
            values = {"state": random.choice(others)}
        elif what == "flavor":
            values = FLAVORS[random.choice([one for one in FLAVORS if one != before["flavor"]])]
        else:
            values = {"image_id": f"i{number}"}
        life.changes.append(Change(begin, end, values, f"req-{number}"))
        now = end
    if random.random() < 0.6:
        life.deleted = now + timedelta(seconds=least_gap_s + random.choice([0.0, random.uniform(0, 7000)]))
    return life


def notifications(life: Life, *, whole: bool = True) -> list[Observation]:
    """Return what the bus says: fine times; *whole*: each message tells all values, not only the new ones."""
    said = [
        Observation(
            resource=RESOURCE,
            verb=Verb.CREATED,
            at=life.created,
            source="bus",
            accounted=dict(life.first),
            created_at=life.created,
            created_resolution_us=COARSE_US,
            occurrence="req-0",
        )
    ]
    said += [
        Observation(
            resource=RESOURCE,
            verb=Verb.CHANGED,
            at=one.end,
            begin=one.begin,
            source="bus",
            accounted=life.values(one.end) if whole else dict(one.values),
            created_at=life.created,
            created_resolution_us=COARSE_US,
            occurrence=one.request,
        )
        for one in life.changes
    ]
    if life.deleted is not None:
        said.append(
            Observation(
                resource=RESOURCE,
                verb=Verb.DELETED,
                at=life.deleted,
                source="bus",
                created_at=life.created,
                created_resolution_us=COARSE_US,
                quality=DeletionQuality.TERMINATED_AT,
                occurrence="req-delete",
            )
        )
    return said


def actions(life: Life) -> list[Observation]:
    """Return what the instance actions say: whole seconds, an order, and neither flavor nor image."""
    said = [
        Observation(
            resource=RESOURCE,
            verb=Verb.CREATED,
            at=life.created,
            source="nova",
            resolution_us=COARSE_US,
            accounted={"state": "building"},
            untold=(USER_ID, *FLAVOR_ATTRIBUTES, IMAGE_ID),
            created_at=life.created,
            created_resolution_us=COARSE_US,
            occurrence="req-0",
        )
    ]
    for number, one in enumerate(life.changes):
        told = {name: value for name, value in one.values.items() if name == "state"}
        untold = (
            FLAVOR_ATTRIBUTES if "flavor" in one.values else ("image_id",) if "image_id" in one.values else ()
        )
        said.append(
            Observation(
                resource=RESOURCE,
                verb=Verb.CHANGED,
                at=floor(one.end),
                begin=floor(one.begin),
                resolution_us=COARSE_US,
                source="nova",
                accounted=told,
                untold=untold,
                occurrence=one.request,
                seq=number,
            )
        )
    if life.deleted is not None:
        said.append(
            Observation(
                resource=RESOURCE,
                verb=Verb.DELETED,
                at=floor(life.deleted),
                resolution_us=COARSE_US,
                source="nova",
                quality=DeletionQuality.DELETED_AT,
                occurrence="req-delete",
            )
        )
    return said


@dataclass
class Poll:
    """What the looks of one source say: a report where something differs from the last one, else silence."""

    looks: list[Look] = field(default_factory=list)
    reports: list[Observation] = field(default_factory=list)
    moments: list[datetime] = field(default_factory=list)  # of each look: when it really saw the server


def poll(
    random: Random,
    life: Life,
    *,
    failing: float = 0.0,
    skew: timedelta = timedelta(0),
    purged: bool = False,
    source: str = "nova",
) -> Poll:
    """Look at a life now and then, from before it until after it; some looks fail and say nothing at all.

    *skew*: the windows are of a clock that differs so much from the one of the claims. *purged*:
    a deleted row is never shown; then every look is a full one.
    """
    found = Poll()
    last = max(one.end for one in life.changes) if life.changes else life.created
    until = max(last, life.deleted or last) + timedelta(minutes=random.choice([3, 300]))
    now = START - timedelta(seconds=random.randrange(1800))
    spacing_s = random.choice([90, 600, 3600, 9000]) if until - now < timedelta(hours=9) else 3600
    statement: str | None = None
    while now < until:
        now += timedelta(seconds=spacing_s * random.uniform(0.8, 1.2))
        if random.random() < failing:
            continue
        width = timedelta(seconds=random.choice([0, 1, 8]))
        moment = now + width * random.random()
        begin, end = now + skew, now + width + skew
        scope = Scope.FULL if purged else random.choice(tuple(Scope))
        report = _report(life, moment, begin, end, source, purged=purged, spoken=statement is not None)
        if report is not None and report.statement != statement:
            found.reports.append(report)
            statement = report.statement
        found.looks.append(Look("project-1", "cloud-1", source, SERVER, scope, begin, end))
        found.moments.append(moment)
    return found


def _report(
    life: Life, moment: datetime, begin: datetime, end: datetime, source: str, *, purged: bool, spoken: bool
) -> Observation | None:
    if moment < life.created:
        return None
    alive = life.alive(moment)
    if not alive and purged and not spoken:
        return None
    accounted = {} if purged and not alive else life.values(moment if alive else life.deleted or moment)
    if not alive and accounted:
        accounted["state"] = "deleted"
    return Observation(
        resource=RESOURCE,
        verb=Verb.SEEN if alive else Verb.GONE,
        at=end,
        begin=begin,
        source=source,
        accounted=accounted,
        created_at=life.created if accounted else None,
        created_resolution_us=COARSE_US,
    )


def pieces(*rows: list[Stretch]) -> Iterator[tuple[datetime, datetime, tuple[Value | None, ...]]]:
    """Cut the time at every boundary of the rows; yield each piece with the value of each row in it.

    The last piece, which has no end in some row, is a day long.
    """
    points = {instant for row in rows for start, end, _ in row for instant in (start, end) if instant}
    ordered = sorted(points)
    ordered.append(ordered[-1] + timedelta(days=1))
    starts = [[start for start, _, _ in row] for row in rows]
    for first, last in pairwise(ordered):
        told: list[Value | None] = []
        for row, begins in zip(rows, starts, strict=True):
            index = bisect_right(begins, first) - 1
            inside = index >= 0 and (row[index][1] is None or first < row[index][1])
            told.append(row[index][2] if inside else None)
        yield first, last, tuple(told)
