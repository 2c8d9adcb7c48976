"""What was said without saying whose it is: kept, and copied to the owner once one is known."""

from __future__ import annotations

import threading
from itertools import permutations
from random import Random

import pytest

from said import BUS, CLOUD, PROJECT, at
from usance.ledger import schema
from usance.ledger.ledger import Ledger
from usance.ledger.values import Heard
from usance.model.observation import Batch, DeletionQuality, Observation, Verb
from usance.model.resource import SIZE_GIB, VOLUME, Resource

NOBODY = ""
OTHER = "project2"
DELETED_AT = DeletionQuality.DELETED_AT


def said(project_id: str, verb: Verb, when: str, *, size: int = 0, name: str = "disk") -> Observation:
    is_end = verb in {Verb.DELETED, Verb.LEFT}
    return Observation(
        Resource(project_id, CLOUD, VOLUME, name),
        verb,
        at(when),
        BUS,
        accounted={SIZE_GIB: size} if size else {},
        created_at=at(when) if verb is Verb.CREATED else None,
        quality=DELETED_AT if verb is Verb.DELETED else None,
        occurrence=None if is_end else f"req-{when}",
    )


def sizes(ledger: Ledger, project_id: str, name: str = "disk") -> list[tuple[str, object]]:
    """Return the spans as (time of day, size), and the end."""
    for one in ledger.timelines(project_id, CLOUD, VOLUME):
        if one.timeline.resource.id == name:
            timeline = one.timeline
            spans = [(f"{span.start:%H:%M}", span.values.get(SIZE_GIB)) for span in timeline.spans]
            return spans if timeline.end is None else [*spans, (f"{timeline.end:%H:%M}", "end")]
    return []


def orders(*messages: tuple[Observation, ...]) -> list[tuple[str, list[Heard]]]:
    """Return all orders in which the messages may come, each about a resource of its own."""
    found = []
    for number, order in enumerate(permutations(messages)):
        name = f"disk-{number}"
        found.append((name, [Heard(tuple(renamed(one, name) for one in message)) for message in order]))
    return found


def renamed(one: Observation, name: str) -> Observation:
    resource = Resource(one.resource.project_id, CLOUD, VOLUME, name)
    return Observation(
        resource,
        one.verb,
        one.at,
        one.source,
        accounted=one.accounted,
        created_at=one.created_at,
        quality=one.quality,
        occurrence=one.occurrence,
    )


def test_what_names_no_owner_is_of_the_owner_in_any_order_of_arrival(ledger: Ledger) -> None:
    for name, order in orders(
        (said(PROJECT, Verb.CREATED, "10:00", size=10),),
        (said(NOBODY, Verb.CHANGED, "11:00", size=20),),
        (said(PROJECT, Verb.CHANGED, "12:00", size=30),),
        (said(NOBODY, Verb.DELETED, "13:00"),),
    ):
        for heard in order:
            ledger.hear(heard)

        assert sizes(ledger, PROJECT, name) == [("10:00", 10), ("11:00", 20), ("12:00", 30), ("13:00", "end")]


def test_what_names_no_owner_is_of_the_one_that_had_it_then_in_any_order_of_arrival(ledger: Ledger) -> None:
    """The message of a transfer names the recipient; that of the donor's loss names nobody."""
    found = orders(
        (said(PROJECT, Verb.CREATED, "10:00", size=10),),
        (said(NOBODY, Verb.CHANGED, "11:00", size=15),),
        (said(NOBODY, Verb.LEFT, "12:00"), said(OTHER, Verb.ENTERED, "12:00", size=20)),
        (said(NOBODY, Verb.CHANGED, "13:00", size=30),),
        (said(NOBODY, Verb.DELETED, "14:00"),),
    )
    for name, order in found[::4]:
        for heard in order:
            ledger.hear(heard)

        assert sizes(ledger, PROJECT, name) == [("10:00", 10), ("11:00", 15), ("12:00", "end")], order
        assert sizes(ledger, OTHER, name) == [("12:00", 20), ("13:00", 30), ("14:00", "end")], order


def test_what_left_is_not_the_takers_whatever_it_brings_along(ledger: Ledger) -> None:
    """A volume takes its `created_at` with it, and Cinder tells when it changed in whole seconds."""
    for name, order in orders(
        (said(PROJECT, Verb.CREATED, "10:00", size=10),),
        (said(NOBODY, Verb.LEFT, "12:00"), said(OTHER, Verb.ENTERED, "12:00", size=10)),
        (said(OTHER, Verb.CREATED, "10:00", size=10),),
        (said(OTHER, Verb.CHANGED, "11:59", size=10),),
    ):
        for heard in order:
            ledger.hear(heard)

        assert sizes(ledger, PROJECT, name) == [("10:00", 10), ("12:00", "end")], order
        assert sizes(ledger, OTHER, name) == [("12:00", 10)], order


def test_owner_that_a_pull_makes_known_gets_what_was_heard(ledger: Ledger) -> None:
    ledger.hear(Heard((said(NOBODY, Verb.DELETED, "13:00"),)))

    ledger.observe(PROJECT, CLOUD, Batch((said(PROJECT, Verb.CREATED, "10:00", size=10),)))

    assert sizes(ledger, PROJECT) == [("10:00", 10), ("13:00", "end")]


def test_what_nobody_owns_has_no_life_and_is_no_project(ledger: Ledger) -> None:
    kept = ledger.hear(Heard((said(NOBODY, Verb.CREATED, "10:00", size=10),)))
    again = ledger.hear(Heard((said(NOBODY, Verb.CREATED, "10:00", size=10),)))

    assert (kept.inserted, kept.changed) == (1, 0)
    assert (again.inserted, again.duplicates) == (0, 1)
    assert ledger.projects() == []
    assert list(ledger.timelines(NOBODY, CLOUD, VOLUME)) == []


def test_what_comes_again_is_copied_once(ledger: Ledger) -> None:
    heard = Heard((said(PROJECT, Verb.CREATED, "10:00", size=10), said(NOBODY, Verb.DELETED, "13:00")))
    ledger.hear(heard)
    revision = ledger.revision(PROJECT, CLOUD)

    ledger.hear(heard)

    assert ledger.revision(PROJECT, CLOUD) == revision
    with ledger._store.read() as connection:
        kept = connection.execute(schema.observation.select()).all()
    assert sorted((row.project_id, row.verb) for row in kept) == [
        (NOBODY, "deleted"),
        (PROJECT, "created"),
        (PROJECT, "deleted"),
    ]


def test_owners_are_told_in_the_order_of_their_lives(ledger: Ledger) -> None:
    ledger.hear(
        Heard(
            (
                said(PROJECT, Verb.CREATED, "10:00", size=10),
                said(NOBODY, Verb.LEFT, "12:00"),
                said(OTHER, Verb.ENTERED, "12:00", size=10),
                said(NOBODY, Verb.CHANGED, "12:00", size=10, name="lost"),
            )
        )
    )

    assert ledger.owners(VOLUME, ["disk", "lost", "none"]) == {"disk": [(PROJECT, CLOUD), (OTHER, CLOUD)]}


def transfer(project_id: str, when: str) -> tuple[Observation, ...]:
    return said(NOBODY, Verb.LEFT, when), said(project_id, Verb.ENTERED, when, size=10)


COMES_BACK = (
    (said(PROJECT, Verb.CREATED, "10:00", size=10),),
    (said(NOBODY, Verb.CHANGED, "10:30", size=20),),
    transfer(OTHER, "11:00"),
    (said(NOBODY, Verb.CHANGED, "11:30", size=30),),
    transfer(PROJECT, "12:00"),
    (said(NOBODY, Verb.DELETED, "13:00"),),
)


@pytest.mark.parametrize("seed", range(20))
def test_what_comes_back_to_its_first_owner_is_the_same_in_any_order_and_pieces(
    ledger: Ledger, seed: int
) -> None:
    """What was copied to the wrong one, before more was known, is taken back."""
    order = Random(seed)
    messages = [*COMES_BACK, *order.sample(COMES_BACK, 2)]
    order.shuffle(messages)

    while messages:
        size = order.randint(1, 3)
        ledger.hear(Heard(tuple(one for message in messages[:size] for one in message)))
        del messages[:size]

    assert sizes(ledger, PROJECT) == [("10:00", 10), ("10:30", 20), ("12:00", 10), ("13:00", "end")]
    assert sizes(ledger, OTHER) == [("11:00", 10), ("11:30", 30), ("12:00", "end")]


def test_what_comes_back_is_the_same_whoever_hears_what(ledger_url: str) -> None:
    """Three collectors share the messages of many volumes, each in an order of its own."""
    volumes = [f"disk-{number}" for number in range(12)]
    Ledger.open(ledger_url).close()
    failures: list[BaseException] = []

    def collect(number: int) -> None:
        order = Random(number)
        mine = [(name, message) for name in volumes for message in COMES_BACK[number::3]]
        order.shuffle(mine)
        try:
            with Ledger.open(ledger_url) as ledger:
                for first in range(0, len(mine), 4):
                    batch = mine[first : first + 4]
                    ledger.hear(Heard(tuple(renamed(one, name) for name, part in batch for one in part)))
        except BaseException as error:  # noqa: BLE001 -- told by the test
            failures.append(error)

    threads = [threading.Thread(target=collect, args=(number,)) for number in range(3)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(120)

    assert failures == []
    with Ledger.open(ledger_url) as ledger:
        for name in volumes:
            assert sizes(ledger, PROJECT, name) == [
                ("10:00", 10),
                ("10:30", 20),
                ("12:00", 10),
                ("13:00", "end"),
            ]
            assert sizes(ledger, OTHER, name) == [("11:00", 10), ("11:30", 30), ("12:00", "end")]


@pytest.mark.parametrize("rounds", [25])
def test_owner_and_what_names_none_may_come_at_the_same_time(ledger_url: str, rounds: int) -> None:
    """Two collectors, of which neither sees what the other has not committed yet."""
    Ledger.open(ledger_url).close()
    start = threading.Barrier(2, timeout=60)
    failures: list[BaseException] = []

    def collect(verb: Verb, project_id: str, when: str) -> None:
        try:
            with Ledger.open(ledger_url) as ledger:
                for number in range(rounds):
                    one = renamed(said(project_id, verb, when), f"disk-{number}")
                    start.wait()
                    ledger.hear(Heard((one,)))
        except BaseException as error:  # noqa: BLE001 -- told by the test
            failures.append(error)
            start.abort()

    threads = [
        threading.Thread(target=collect, args=(Verb.CREATED, PROJECT, "10:00")),
        threading.Thread(target=collect, args=(Verb.DELETED, NOBODY, "13:00")),
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join(120)

    assert failures == []
    with Ledger.open(ledger_url) as ledger:
        ended = [one.timeline.end for one in ledger.timelines(PROJECT, CLOUD, VOLUME)]
    assert ended == [at("13:00")] * rounds
