"""The fast path gives what making the timeline anew gives, and it is taken."""

from __future__ import annotations

from datetime import timedelta
from random import Random

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from unit.model.lives import at, changed, created, ledger, life, resized, seen
from unit.model.strategies import RESOURCE, anything_said
from unit.model.test_timeline_properties import whole
from usance.model.fastpath import extend
from usance.model.memory import LIMIT
from usance.model.observation import Observation, Verb
from usance.model.span import Memory, Timeline
from usance.model.timeline import TOLERANCE, timeline


def following(made: Timeline, random: Random) -> Observation:
    """Make a notification later than everything, mostly as plain as the fast path wants it."""
    heard = made.memory.heard_until
    assert heard is not None
    moment = max(heard, made.begin) + timedelta(milliseconds=random.randrange(3000, 60_000))
    odd = random.random() < 0.2
    names = random.sample(["state", "vcpus", "flavor"], random.randrange(4))
    choices = {"state": ["active", "stopped", "building"], "vcpus": [1, 2, 4], "flavor": ["small", "large"]}
    return Observation(
        resource=RESOURCE,
        verb=random.choice([Verb.CHANGED, Verb.SEEN, Verb.DELETED]) if odd else Verb.CHANGED,
        at=moment,
        begin=random.choice([None, moment - timedelta(milliseconds=random.randrange(8000))]),
        accounted={name: random.choice(choices[name]) for name in names},
        described={"name": random.choice("ab")} if random.random() < 0.5 else {},
        untold=("vcpus",) if random.random() < 0.1 else (),
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


BEGUN = (created("10:00", "active m1.small"), changed("10:05", "stopped"))


def test_a_change_in_order_is_appended():
    made = extend(life(*BEGUN), changed("12:00", "active"), looked_until=None)

    assert made is not None
    assert ledger(made, "state") == ["10:00-10:05 active", "10:05-12:00 stopped", "12:00-now active"]


def test_a_change_that_repeats_the_values_cuts_nothing():
    made = extend(life(*BEGUN), changed("12:00", "stopped"), looked_until=None)

    assert made == life(*BEGUN)


def refused(made: Timeline, one: Observation, *, looked_until=None) -> bool:
    return extend(made, one, looked_until=looked_until) is None


def test_what_may_rearrange_the_past_is_refused():
    made = life(*BEGUN, changed("11:00", "active", occurrence="req-1"))

    assert refused(made, changed("11:00:06", "stopped"))
    assert refused(made, changed("12:00", "stopped", begin="11:00"))
    assert refused(made, changed("12:00", "stopped", coarse=True))
    assert refused(made, changed("12:00", "stopped", seq=1))
    assert refused(made, changed("12:00", "stopped", occurrence="req-1"))
    assert refused(made, changed("12:00", "stopped", created_at=at("09:00")))
    assert refused(made, resized("12:00"))
    assert refused(made, changed("12:00", "image_id=never-known"))
    assert refused(made, seen("12:00..12:01", "stopped"))
    assert refused(made, changed("12:00", "stopped", resource=msgspec.structs.replace(RESOURCE, id="other")))
    assert not refused(made, changed("12:00", "stopped"))


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
