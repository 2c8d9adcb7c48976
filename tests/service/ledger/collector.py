"""A collector without a broker: hears a fixed history of many projects, in pieces and in any order.

Run as a program it hears its share of the history, or the whole of it again and again, killed
earlier each time.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from datetime import timedelta
from random import Random

from sqlalchemy import event

from said import BUS, CLOUD, SMALL, at
from usance.ledger.ledger import Ledger
from usance.ledger.values import Heard, Named, Parked
from usance.model.observation import DeletionQuality, Observation, Verb
from usance.model.resource import SERVER, Resource

PROJECTS = 7
SERVERS = 60
START = at("00:00")


def history() -> list[Observation]:
    """Return what is told of all servers, in the order in which it happened."""
    dice = Random(20261001)
    said = [one for number in range(SERVERS) for one in _life(dice, number)]
    return sorted(said, key=lambda one: (one.at, one.key))


def _life(dice: Random, number: int) -> Iterator[Observation]:
    server = Resource(f"project{number % PROJECTS}", CLOUD, SERVER, f"server-{number:03}")
    begin = START + timedelta(seconds=dice.randrange(3600))

    def told(verb: Verb, after_s: float, request: str | None, **values: str) -> Observation:
        ends = verb is Verb.DELETED
        return Observation(
            server,
            verb,
            begin + timedelta(seconds=after_s),
            BUS,
            accounted={} if ends else SMALL | values,
            described={} if ends else {"name": f"web-{number}"},
            created_at=begin,
            occurrence=None if request is None else f"req-{number}-{request}",
            quality=DeletionQuality.TERMINATED_AT if ends else None,
        )

    yield told(Verb.CREATED, 0, "create", state="building")
    yield told(Verb.CHANGED, 4, "create", state="active")
    after = 60.0
    for step in range(dice.randrange(5)):
        after += dice.choice([0.5, 3, 90])
        yield told(
            Verb.CHANGED,
            after,
            dice.choice([None, "again", str(step)]),
            state=dice.choice(["active", "stopped", "paused"]),
            flavor=dice.choice(["m1.small", "m1.large"]),
        )
    if dice.random() < 0.7:
        yield told(Verb.DELETED, after + 30, "delete")


def pieces(seed: int, *, doubled: float = 0.3) -> list[Heard]:
    """Return the history shuffled, some of it twice, in batches of any size, each with a parked message."""
    dice = Random(seed)
    said = history()
    said += dice.sample(said, int(doubled * len(said)))
    dice.shuffle(said)
    found = []
    while said:
        size = dice.choice([1, 2, 10, 50])
        found.append(_heard(said[:size]))
        del said[:size]
    return found


def _heard(said: Sequence[Observation]) -> Heard:
    names = tuple(Named("project", one.resource.project_id, "some name", START) for one in said)
    first = said[0]
    parked = Parked(CLOUD, "notifications.info", b"{", 1, "not JSON", START, id=f"message of {first.key}")
    return Heard(tuple(said), names, (parked,))


def hear_share(url: str, seed: int, share: int, shares: int) -> None:
    """Hear every so manieth batch."""
    with Ledger.open(url) as ledger:
        for number, heard in enumerate(pieces(seed)):
            if number % shares == share:
                ledger.hear(heard)


def hear_and_die(url: str) -> None:
    """Hear half of the history; then the rest in one piece, killed before each of its statements in turn.

    It says after how many statements nothing was killed any more.
    """
    said = history()
    with Ledger.open(url) as ledger:
        ledger.hear(_heard(said[: len(said) // 2]))
    last = _heard(said[len(said) // 3 :])
    for number in range(1, 200):
        child = os.fork()
        if not child:
            _hear_until(url, last, number)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print("killed" if os.WIFSIGNALED(status) else "lived", number, flush=True)  # noqa: T201  # for the test
        sys.stdin.readline()  # until the test has looked
        if not os.WIFSIGNALED(status):
            return


def _hear_until(url: str, heard: Heard, number: int) -> None:
    left = number

    def die(*_: object) -> None:
        nonlocal left
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)

    with Ledger.open(url) as ledger:
        engine = ledger._store._engine
        event.listen(engine, "before_cursor_execute", die)
        event.listen(engine, "commit", die)
        ledger.hear(heard)


if __name__ == "__main__":
    what, where, *rest = sys.argv[1:]
    if what == "share":
        hear_share(where, *map(int, rest))
    else:
        hear_and_die(where)
