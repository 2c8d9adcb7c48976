"""The fast path gives what making the timeline anew gives, and it is taken."""

from __future__ import annotations

from datetime import timedelta
from random import Random

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from unit.model.lives import at, changed, created, deleted, ledger, life, resized, seen
from unit.model.strategies import RESOURCE, anything_said, look_at
from unit.model.test_timeline_properties import whole
from usance.model.fastpath import begun, extend, fold
from usance.model.memory import LIMIT
from usance.model.observation import DeletionQuality, Observation, Verb
from usance.model.span import Memory, Timeline
from usance.model.timeline import TOLERANCE, timeline

CHOICES = {
    "state": ["active", "stopped", "building"],
    "vcpus": [1, 2, 4],
    "flavor": ["small", "large"],
    "often_told": ["a", "b"],
}
UNTOLD = (("state", 0.05), ("vcpus", 0.05), ("flavor", 0.05), ("never_told", 0.3), ("often_told", 0.1))


def following(made: Timeline, random: Random) -> Observation:
    """Make a notification later than everything, mostly as plain as the fast path wants it."""
    heard = made.memory.heard_until
    assert heard is not None
    moment = max(heard, made.begin) + timedelta(milliseconds=random.randrange(3000, 60_000))
    odd = random.random() < 0.2
    names = random.sample(["state", "vcpus", "flavor"], random.randrange(4))
    names += ["often_told"] if random.random() < 0.1 else []
    return Observation(
        resource=RESOURCE,
        verb=random.choice([Verb.CHANGED, Verb.SEEN, Verb.DELETED]) if odd else Verb.CHANGED,
        at=moment,
        begin=random.choice([None, moment - timedelta(milliseconds=random.randrange(8000))]),
        accounted={name: random.choice(CHOICES[name]) for name in names},
        described={"name": random.choice("ab")} if random.random() < 0.5 else {},
        untold=random.choice([()] * 6 + [("vcpus",), ("never_told",), ("never_told", "often_told")]),
        source="bus",
        created_at=random.choice([None, made.begin]),
        launched=random.random() < 0.3,
        occurrence=random.choice([None, f"req-{random.randrange(12)}", f"req-{random.random()}"]),
        seq=random.choice([None] * 9 + [3]),
    )


def test_the_fast_path_equals_making_it_anew_and_is_taken_often():
    taken = refused = 0

    @given(anything_said(), st.integers(0, 2**32))
    def grow(example, seed):
        nonlocal taken, refused
        random = Random(seed)
        said, looks = list(example.observations), example.looks
        looked_until = max((look.end for look in looks), default=None)
        made = timeline(said, looks)
        for _ in range(12):
            if made is None:
                return
            one = following(made, random)
            extended = extend(made, one, looked_until=looked_until, tolerance=TOLERANCE)
            said.append(one)
            anew = timeline(said, looks)
            if extended is None:
                refused += 1
            else:
                taken += 1
                assert whole(extended) == whole(anew)
            made = anew

    grow()

    assert taken > refused / 20
    assert taken > 100


def told(random: Random) -> list[Observation]:
    """Make what a bus tells of one server: mostly plain, close together, several messages of one request."""
    moment = at("10:00")
    said = []
    names = ["state", "vcpus", "flavor"]
    for number in range(random.randrange(1, 9)):
        some = names if random.random() < 0.7 else random.sample(names, random.randrange(4))
        some = [*some, "often_told"] if random.random() < 0.05 else some
        verb = Verb.CHANGED
        if number == 0 or random.random() < 0.05:
            verb = random.choice([Verb.CREATED] * 9 + [Verb.CHANGED])
        elif random.random() < 0.15:
            verb = Verb.DELETED
        accounted = {name: random.choice(CHOICES[name]) for name in some}
        if verb is Verb.DELETED:
            accounted = random.choice([{}, {}, {"state": "deleted"}, said[-1].accounted])
        said.append(
            Observation(
                resource=RESOURCE,
                verb=verb,
                at=moment,
                begin=random.choice([None, moment - timedelta(milliseconds=random.randrange(8000))]),
                resolution_us=random.choice([0] * 19 + [1_000_000]),
                accounted=accounted,
                described={"name": random.choice("ab")} if random.random() < 0.5 else {},
                untold=tuple(
                    name
                    for name, often in (
                        *((one, 0.05) for one in names),
                        ("never_told", 0.3),
                        ("often_told", 0.1),
                    )
                    if name not in accounted and random.random() < (0.5 if verb is Verb.CREATED else often)
                ),
                source="bus",
                created_at=at("10:00") if random.random() < 0.7 else None,
                launched=random.random() < 0.3,
                occurrence=random.choice([None, f"req-{number // 3}", f"req-{random.randrange(3)}"]),
                quality=random.choice([None, *DeletionQuality]) if verb is Verb.DELETED else None,
            )
        )
        moment += timedelta(milliseconds=random.choice([0, 1, 500, 4000, 7000, 60_000]))
    return said


def test_the_fast_path_equals_making_it_anew_where_nobody_looked_and_is_taken_often():
    """From the first message on: one by one, and all at once in any order."""
    counts = {name: [0, 0] for name in ("begun", "extended", "ended", "folded")}

    def count(name, made):
        counts[name][made is not None] += 1

    @given(st.integers(0, 2**32), st.integers(-20, 20))
    def grow(seed, looked):
        random = Random(seed)
        said = told(random)
        looks = []
        if random.random() < 0.2:
            looks = [
                look_at(at("10:00") + timedelta(seconds=looked - 2), at("10:00") + timedelta(seconds=looked))
            ]
        looked_until = looks[0].end if looks else None
        first = begun(said[0], looked_until=looked_until)
        count("begun", first)
        assert first is None or whole(first) == whole(timeline(said[:1], looks))
        for number in range(1, len(said)):
            before = timeline(said[:number], looks)
            if before is None or before.end is not None:
                break
            one = said[number]
            made = extend(before, one, looked_until=looked_until)
            count("ended" if one.verb is Verb.DELETED else "extended", made)
            assert made is None or whole(made) == whole(timeline(said[: number + 1], looks))
        random.shuffle(said)
        folded = fold(said)
        count("folded", folded)
        assert folded is None or whole(folded) == whole(timeline(said))

    grow()

    for refused_times, taken in counts.values():
        assert taken > refused_times / 20
        assert taken > 10


BEGUN = (created("10:00", "active m1.small"), changed("10:05", "stopped"))


def test_a_change_in_order_is_appended():
    made = extend(life(*BEGUN), changed("12:00", "active"), looked_until=None)

    assert made is not None
    assert ledger(made, "state") == ["10:00-10:05 active", "10:05-12:00 stopped", "12:00-now active"]


def test_a_change_may_leave_untold_what_nobody_told():
    """As a resize of which Nova tells no property of the flavor; what comes after it is plain, too."""
    leaving = changed("12:00", "active", untold=("accelerators",))

    made = extend(life(*BEGUN), leaving, looked_until=None)

    assert made is not None
    assert whole(made) == whole(life(*BEGUN, leaving))
    assert made.memory.plain
    assert extend(made, deleted("12:00:01"), looked_until=None) == life(*BEGUN, leaving, deleted("12:00:01"))
    assert refused(made, changed("12:00:02", "accelerators=1"))
    assert refused(life(*BEGUN, leaving, changed("12:00:02", "accelerators=1")), deleted("12:00:03"))


def test_a_change_that_repeats_the_values_cuts_nothing():
    made = extend(life(*BEGUN), changed("12:00", "stopped"), looked_until=None)

    assert made == life(*BEGUN)


def refused(made: Timeline, one: Observation, *, looked_until=None) -> bool:
    return extend(made, one, looked_until=looked_until) is None


def test_what_may_rearrange_the_past_is_refused():
    made = life(*BEGUN, changed("11:00", "active", occurrence="req-1"))

    assert refused(made, changed("11:00", "stopped"))
    assert refused(made, changed("12:00", "stopped", coarse=True))
    assert refused(made, changed("12:00", "stopped", seq=1))
    assert refused(made, changed("12:00", "stopped", occurrence="req-1"))
    assert refused(made, changed("12:00", "stopped", created_at=at("09:00")))
    assert refused(made, resized("12:00"))
    assert refused(life(*BEGUN, seen("10:06..10:07", "stopped")), changed("12:00", "active", untold=("gpu",)))
    assert refused(made, changed("12:00", "image_id=never-known"))
    assert refused(made, seen("12:00..12:01", "stopped"))
    assert refused(made, changed("12:00", "stopped", resource=msgspec.structs.replace(RESOURCE, id="other")))
    assert not refused(made, changed("12:00", "stopped"))


def test_what_a_sighting_may_doubt_is_refused():
    made = life(*BEGUN, seen("10:59..11:00", "stopped"))

    assert refused(made, changed("11:00:06", "active"))
    assert refused(made, changed("12:00", "active", begin="11:00"))
    assert refused(made, deleted("12:00"))
    assert not refused(made, changed("12:00", "active"))


def test_request_that_was_heard_of_may_repeat_what_is_so():
    made = life(*BEGUN, changed("11:00", "active", occurrence="req-1"))

    assert extend(made, changed("11:01", "active", occurrence="req-1"), looked_until=None) == made


def test_deletion_in_order_ends_the_life():
    made = life(*BEGUN)
    last_words = deleted("12:00", "state=deleted")

    assert extend(made, last_words, looked_until=None) == life(*BEGUN, last_words)
    assert refused(made, deleted("12:00", "state=active"))
    assert refused(made, deleted("10:05"))
    assert refused(made, deleted("12:00", quality=DeletionQuality.CORRECTION))


def test_creation_begins_a_life_unless_a_look_may_have_missed_it():
    one = created("10:00", "active m1.small", described={"name": "web", "host": "a"})

    assert begun(one, looked_until=at("09:59:50")) == life(one)
    assert begun(one, looked_until=at("09:59:55")) is None
    assert begun(changed("10:00", "active"), looked_until=None) is None
    assert begun(created("10:00", "active", coarse=True, untold=("flavor",)), looked_until=None) is not None
    assert begun(created("10:00", quality=DeletionQuality.CORRECTION), looked_until=None) is None


def test_what_a_later_look_may_contradict_is_refused():
    made = life(*BEGUN)

    assert refused(made, changed("12:00", "active"), looked_until=at("11:59:58"))
    assert not refused(made, changed("12:00", "active"), looked_until=at("11:59:50"))


def test_what_is_in_doubt_now_may_be_told_by_what_comes():
    assert refused(life(created("10:00", "flavor=small"), resized("11:00")), changed("12:00", "flavor=small"))


def test_without_a_memory_nothing_is_extended():
    assert refused(msgspec.structs.replace(life(*BEGUN), memory=Memory()), changed("12:00", "active"))


def test_a_resource_of_too_many_requests_is_made_anew():
    many = [changed("11:00", "active", occurrence=f"req-{number}") for number in range(LIMIT + 1)]

    assert refused(life(*BEGUN, *many[:LIMIT]), changed("12:00", "stopped", occurrence="req-new"))
    assert refused(life(*BEGUN, *many), changed("12:00", "stopped"))


def test_a_memory_survives_the_way_through_json():
    made = life(*BEGUN, changed("11:00", "active", occurrence="req-1"))

    again = msgspec.json.decode(msgspec.json.encode(made), type=Timeline)

    assert whole(again) == whole(made)
