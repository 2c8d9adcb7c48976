"""A process that works on a ledger, for tests that kill it or run several of them.

It observes a fixed history in batches and stages a message for each, says after each transaction
that it is committed, and may be killed and started again at any moment.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise

from said import BUS, CLOUD, NOVA, PROJECT, SMALL, at
from usance.ledger.ledger import Ledger
from usance.ledger.values import NewMessage, NewRecord
from usance.model.observation import Batch, Look, Observation, Scope, Verb
from usance.model.period import Period
from usance.model.resource import SERVER, Resource

SERVERS = 40
BATCHES = 30
START = at("00:00")
STATES = ("active", "stopped", "paused")


def history() -> Iterator[Batch]:
    """Yield the batches: each a look, one sighting in five news, and an event of each third server."""
    for number in range(BATCHES):
        end = START + timedelta(minutes=10 * number)
        look = Look(PROJECT, CLOUD, NOVA, SERVER, Scope.FULL, end - timedelta(seconds=10), end)
        said = []
        for server in range(SERVERS):
            resource = Resource(PROJECT, CLOUD, SERVER, f"server-{server:03}")
            state = STATES[(number + server) % 3]
            if number == 0 or (number + server) % 5 == 0:
                said.append(
                    Observation(
                        resource,
                        Verb.SEEN,
                        look.end,
                        NOVA,
                        begin=look.begin,
                        accounted=SMALL | {"state": state},
                        created_at=START - timedelta(hours=1),
                    )
                )
            elif (number + server) % 3 == 0:
                said.append(
                    Observation(
                        resource,
                        Verb.CHANGED,
                        look.end - timedelta(minutes=3),
                        BUS,
                        accounted={"state": state},
                        occurrence=f"req-{number}-{server}",
                    )
                )
        yield Batch(tuple(said), look, look.begin)


def observe_and_stage(url: str, share: int, shares: int) -> None:
    """Observe every so manieth batch, and stage what changed; say each transaction on stdout."""
    with Ledger.open(url) as ledger:
        for number, batch in enumerate(history()):
            if number % shares != share:
                continue
            ledger.observe(PROJECT, CLOUD, batch)
            print("observed", number, flush=True)  # noqa: T201  # read by the test
            stage(ledger)
            print("staged", number, flush=True)  # noqa: T201  # the test reads it


def stage(ledger: Ledger) -> None:
    """State each timeline that changed, in messages of ten; the watermark goes with the last one."""
    since = ledger.messenger_watermark(PROJECT, CLOUD, "ssm", "cloud")
    until = ledger.revision(PROJECT, CLOUD)
    records = [
        NewRecord(
            f"cloud/{one.timeline.resource.id}/2026-10",
            SERVER,
            one.timeline.resource.id,
            f"{one.timeline.resource.id} as of {one.revision}",
            START,
        )
        for one in ledger.timelines(PROJECT, CLOUD, SERVER, since_revision=since)
    ]
    staged = ledger.staged(PROJECT, CLOUD, "ssm", SERVER, [one.resource_id for one in records])
    known = {key: one for of_server in staged.values() for key, one in of_server.items()}
    news = [one for one in records if one.key not in known or known[one.key].digest != one.digest]
    for first in range(0, len(news), 10):
        some = tuple(news[first : first + 10])
        body = "\n".join(one.digest for one in some).encode()
        ledger.stage(PROJECT, CLOUD, "ssm", [NewMessage("cloud", "cloud-v04", body, some)], at=START)
    ledger.stage(PROJECT, CLOUD, "ssm", [], at=START, watermark=("cloud", until))


def write_until(url: str, seconds: float) -> None:
    """Extract as often as there is time: looks, events, staging, delivery."""
    deadline = time.monotonic() + seconds
    runs = 0
    with Ledger.open(url) as ledger:
        while time.monotonic() < deadline:
            for batch in history():
                moved = timedelta(days=runs)
                ledger.observe(PROJECT, CLOUD, Batch(tuple(_later(batch, moved))))
                stage(ledger)
                for message in ledger.pending("ssm", limit=5):
                    ledger.delivered(message, at=START)
                if time.monotonic() > deadline:
                    break
            runs += 1
    print("wrote", runs)  # noqa: T201  # the test reads it


def _later(batch: Batch, by: timedelta) -> Iterator[Observation]:
    for one in batch.observations:
        if one.verb is Verb.CHANGED:
            yield Observation(
                one.resource,
                one.verb,
                one.at + by,
                one.source,
                accounted=one.accounted,
                occurrence=f"{one.occurrence}-{by.days}",
            )


def read_until(url: str, seconds: float) -> None:
    """Read all that a status, an API or an exporter would, again and again."""
    deadline = time.monotonic() + seconds
    reads = 0
    with Ledger.open(url) as ledger:
        while time.monotonic() < deadline:
            for one in ledger.timelines(
                PROJECT, CLOUD, SERVER, since_revision=1, touching=Period(START, START + timedelta(days=9))
            ):
                spans = one.timeline.spans
                # A page is of one moment: spans never overlap and leave no gap.
                assert all(a.end == b.start for a, b in pairwise(spans))
                reads += 1
            ledger.status()
            ledger.pending("ssm", limit=100)
    print("read", reads)  # noqa: T201  # the test reads it


if __name__ == "__main__":
    what, where, *rest = sys.argv[1:]
    if what == "work":
        observe_and_stage(where, int(rest[0]), int(rest[1]))
    elif what == "write":
        write_until(where, float(rest[0]))
    else:
        read_until(where, float(rest[0]))
