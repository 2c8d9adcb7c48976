"""What is written through Almanach's routes, and what becomes of the life that it is about."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unit.model.lives import SERVER_1, at, changed, clock, created, deleted, ledger, life, look, seen
from usance.api.almanach import writes
from usance.api.almanach.corrections import NoPlaceError, Place, Update, update_entity
from usance.api.almanach.entities import Entity, Shape, entities
from usance.model.observation import Observation, Verb
from usance.model.timeline import timeline

V3 = Shape(version=3)


def born(when: str = "10:00", flavor: str = "small", **os) -> tuple[Observation, ...]:
    return writes.create_instance(SERVER_1, None, at=at(when), flavor=flavor, name="web", os=os)


def resize(said, when: str, flavor: str, seq: int = 1):
    return (*said, *writes.resize_instance(life(*said), at=at(when), flavor=flavor, seq=seq))


def rebuild(said, when: str, version: str, seq: int = 1):
    return (*said, *writes.rebuild_instance(life(*said), at=at(when), os={"version": version}, seq=seq))


def listed(said) -> list[str]:
    return [
        f"{clock(one.start)}-{clock(one.end)} {one.flavor} {one.os['version'] or '-'} {one.name}"
        for one in entities(life(*said), V3)
    ]


def place_of(found: list[Entity], index: int) -> Place:
    return Place(
        start=found[index].start,
        end=found[index].end,
        before=found[index - 1].start if index else None,
        after=found[index + 1].end if index + 1 < len(found) else None,
        is_last=index + 1 == len(found),
    )


def update(said, index: int, *, seq: int = 50, **what):
    found = entities(life(*said), V3)
    for name in ("start", "end"):
        if isinstance(what.get(name), str):
            what[name] = at(what[name])
    place = place_of(found, index % len(found))
    return (*said, *update_entity(life(*said), said, place, Update(**what), seq=seq))


# --- reports ---------------------------------------------------------------------------------


def test_an_instance_that_is_created_runs_from_then_on():
    made = life(*born("10:00", version="14.04"))

    assert ledger(made, "state", "flavor") == ["10:00-now active small"]
    assert made.launched


def test_what_is_known_already_is_not_created_again():
    known = life(*born("10:00"))

    again = writes.create_instance(SERVER_1, known, at=at("11:00"), flavor="huge", name="x", os={})

    assert again == ()


def test_a_creation_meets_what_was_known_of_the_resource_before_it():
    known = life(changed("11:00", "flavor=large"))

    said = writes.create_instance(SERVER_1, known, at=at("10:00"), flavor="small", name=None, os={})

    assert ledger(life(changed("11:00", "flavor=large"), *said), "flavor") == [
        "10:00-11:00 small",
        "11:00-now large",
    ]


def test_a_resize_that_is_reported_late_takes_its_place():
    said = resize(born("10:00"), "14:00", "large", seq=1)
    said = resize(said, "12:00", "medium", seq=2)

    assert listed(said) == [
        "10:00-12:00 small - web",
        "12:00-14:00 medium - web",
        "14:00-now large - web",
    ]


def test_of_two_resizes_of_one_instant_the_one_reported_last_counts():
    for first, second in (("a", "b"), ("b", "a")):
        said = resize(resize(born(), "12:00", first, seq=1), "12:00", second, seq=2)

        assert listed(said) == ["10:00-12:00 small - web", f"12:00-now {second} - web"]


def test_a_resize_leaves_untold_what_the_new_flavor_has():
    said = (*born(), seen("10:30..10:31", "flavor=small vcpus=1"))

    made = life(*resize(said, "12:00", "large"), seen("13:00..13:01", "flavor=large vcpus=4"))

    assert ledger(made, "flavor", "vcpus") == ["10:00-12:00 small 1", "12:00-now large 4"]


@pytest.mark.parametrize("when", ["12:00", "13:00"])
def test_what_is_so_already_is_not_said_again(when):
    said = rebuild(resize(born(version="14.04"), "12:00", "large"), "12:00", "16.04", seq=2)

    assert writes.resize_instance(life(*said), at=at(when), flavor="large", seq=9) == ()
    assert writes.rebuild_instance(life(*said), at=at(when), os={"version": "16.04"}, seq=9) == ()


def test_a_deletion_ends_the_life():
    said = (*born(), *writes.delete(life(*born()), at=at("13:00")))

    assert listed(said) == ["10:00-13:00 small - web"]


def test_a_number_is_greater_than_all_before_it_though_the_clock_went_back():
    said = resize(born(), "12:00", "large", seq=10**18)

    assert writes.next_seq(said, at("10:00")) == 10**18 + 1
    assert writes.next_seq(born(), at("10:00")) == int(at("10:00").timestamp()) * 1_000_000


# --- entity updates --------------------------------------------------------------------------

THREE = rebuild(resize(born("10:00", version="14.04"), "12:00", "large", seq=1), "14:00", "16.04", seq=2)


def test_three_entities_to_begin_with():
    assert listed(THREE) == [
        "10:00-12:00 small 14.04 web",
        "12:00-14:00 large 14.04 web",
        "14:00-now large 16.04 web",
    ]


def test_an_update_of_the_first_begin_moves_the_begin_of_the_life():
    assert listed(update(THREE, 0, start="08:00"))[0] == "08:00-12:00 small 14.04 web"
    assert listed(update(THREE, 0, start="11:00"))[0] == "11:00-12:00 small 14.04 web"


@pytest.mark.parametrize("start", ["11:00", "13:00"])
def test_an_update_of_a_later_begin_moves_the_end_of_the_entity_before_it(start):
    assert listed(update(THREE, 1, start=start)) == [
        f"10:00-{start} small 14.04 web",
        f"{start}-14:00 large 14.04 web",
        "14:00-now large 16.04 web",
    ]


@pytest.mark.parametrize("end", ["13:00", "15:00"])
def test_an_update_of_an_end_in_the_middle_moves_the_begin_of_the_entity_after_it(end):
    assert listed(update(THREE, 1, end=end)) == [
        "10:00-12:00 small 14.04 web",
        f"12:00-{end} large 14.04 web",
        f"{end}-now large 16.04 web",
    ]


def test_an_update_of_the_last_end_ends_the_life_and_moves_its_end():
    ended = update(THREE, 2, end="18:00", seq=50)
    assert listed(ended)[2] == "14:00-18:00 large 16.04 web"

    assert listed(update(ended, 2, end="20:00", seq=51))[2] == "14:00-20:00 large 16.04 web"
    assert listed(update(ended, 2, end="15:00", seq=51))[2] == "14:00-15:00 large 16.04 web"


def test_another_flavor_of_a_closed_entity_leaves_its_neighbours_alone():
    assert listed(update(THREE, 1, flavor="huge")) == [
        "10:00-12:00 small 14.04 web",
        "12:00-14:00 huge 14.04 web",
        "14:00-now large 16.04 web",
    ]


def test_another_system_and_name_of_a_closed_entity_leave_its_neighbours_alone():
    changed_so = update(THREE, 1, described={"os_version": "15.10", "name": "db"})

    assert listed(changed_so) == [
        "10:00-12:00 small 14.04 web",
        "12:00-14:00 large 15.10 db",
        "14:00-now large 16.04 web",
    ]


def test_everything_at_once():
    all_of_it = update(THREE, 1, start="11:00", end="15:00", flavor="huge", described={"name": "db"})

    assert listed(all_of_it) == [
        "10:00-11:00 small 14.04 web",
        "11:00-15:00 huge 14.04 db",
        "15:00-now large 16.04 web",
    ]


def test_a_resize_that_happens_later_counts_after_an_update_of_the_active_entity():
    said = resize(update(THREE, 2, flavor="huge"), "16:00", "tiny", seq=60)

    assert listed(said)[2:] == ["14:00-16:00 huge 16.04 web", "16:00-now tiny 16.04 web"]


def test_what_was_reported_within_the_entity_does_not_show_again():
    said = (
        *born("10:00", version="14.04"),
        changed("11:00", "stopped flavor=small", described={"name": "web"}),
        changed("11:30", "active flavor=small"),
        seen("12:00..12:01", "active flavor=small", described={"name": "web"}),
        look("13:00..13:01"),
    )
    reported = [one for one in said if isinstance(one, Observation)]

    updated = update(reported, 0, flavor="huge", described={"name": "db"})
    made = life(*updated, look("13:00..13:01"))

    assert ledger(made, "state", "flavor") == [
        "10:00-11:00 active huge",
        "11:00-11:30 stopped huge",
        "11:30-now active huge",
    ]
    assert made.describe("name") == "db"


def test_the_same_update_once_more_says_nothing():
    what = {"start": "11:00", "flavor": "huge", "described": {"name": "db"}}
    once = update(THREE, 1, seq=50, **what)

    assert update(once, 1, seq=51, **what) == once


@pytest.mark.parametrize(
    ("index", "what", "field"),
    [
        (0, {"start": "12:00"}, "end_date"),
        (1, {"start": "10:00"}, "start_date"),
        (1, {"start": "09:00"}, "start_date"),
        (1, {"end": "12:00"}, "end_date"),
        (2, {"end": "13:00"}, "end_date"),
    ],
)
def test_boundaries_that_leave_no_room_are_refused(index, what, field):
    with pytest.raises(NoPlaceError) as refused:
        update(THREE, index, **what)

    assert refused.value.field == field


def test_an_end_in_the_middle_may_not_pass_the_end_of_the_next():
    ended = (*THREE, *writes.delete(life(*THREE), at=at("18:00")))

    with pytest.raises(NoPlaceError):
        update(ended, 1, end="18:00")


def test_an_entity_may_move_to_where_it_was_not_at_all():
    ended = (*THREE, *writes.delete(life(*THREE), at=at("18:00")))

    assert listed(update(ended, 2, start="19:00", end="20:00")) == [
        "10:00-12:00 small 14.04 web",
        "12:00-19:00 large 14.04 web",
        "19:00-20:00 large 16.04 web",
    ]
    assert listed(update(ended, 1, start="11:00", end="11:30")) == [
        "10:00-11:00 small 14.04 web",
        "11:00-11:30 large 14.04 web",
        "11:30-18:00 large 16.04 web",
    ]


def test_vcpus_move_with_their_flavor():
    said = (
        created("10:00", "active flavor=small vcpus=1", launched=True),
        changed("12:00", "flavor=large vcpus=4"),
        changed("13:00", "stopped flavor=large vcpus=4"),
    )

    earlier = life(*update(said, 1, start="11:00"))
    later = life(*update(said, 1, start="14:00"))

    assert ledger(earlier, "flavor", "vcpus")[:2] == ["10:00-11:00 small 1", "11:00-13:00 large 4"]
    assert ledger(later, "flavor", "vcpus", "state") == [
        "10:00-13:00 small 1 active",
        "13:00-14:00 small 1 stopped",
        "14:00-now large 4 stopped",
    ]


_MOMENTS = st.integers(0, 40).map(lambda quarter: at("10:00") + timedelta(minutes=15 * quarter))
_WORDS = st.sampled_from(["a", "b", "c"])
_REPORTS = st.one_of(
    st.tuples(st.just("flavor"), _MOMENTS, _WORDS),
    st.tuples(st.just("name"), _MOMENTS, _WORDS),
    st.tuples(st.just("os_version"), _MOMENTS, _WORDS),
    st.tuples(st.just("deleted"), _MOMENTS, _WORDS),
)


def reported(report) -> Observation:
    what, moment, word = report
    if what == "deleted":
        return Observation(resource=SERVER_1, verb=Verb.DELETED, at=moment, source="bus")
    return Observation(
        resource=SERVER_1,
        verb=Verb.CHANGED,
        at=moment,
        source="bus",
        accounted={what: word} if what == "flavor" else {},
        described={} if what == "flavor" else {what: word},
    )


@settings(max_examples=150)
@given(
    st.lists(_REPORTS, max_size=8),
    st.lists(
        st.tuples(
            st.integers(0, 5),
            st.none() | _MOMENTS,
            st.none() | _MOMENTS,
            st.none() | st.sampled_from(["x", "y", "a"]),
            st.none() | st.sampled_from(["n", "a"]),
        ),
        min_size=1,
        max_size=4,
    ),
    st.randoms(use_true_random=False),
)
def test_any_series_of_updates_makes_each_entity_what_it_was_to_be(reports, updates, random):
    """Whatever was reported: the entity is as asked for, and its neighbours keep their values."""
    said = [*born("10:00", version="1"), *(reported(one) for one in reports)]
    for number, (index, start, end, flavor, name) in enumerate(updates):
        found = entities(life(*said), V3)
        if not found:
            return
        place = place_of(found, index % len(found))
        described = {} if name is None else {"name": name}
        asked = Update(start=start, end=end, flavor=flavor, described=described)
        try:
            new = update_entity(life(*said), said, place, asked, seq=100 + number)
        except NoPlaceError:
            continue
        before = found[index % len(found)]
        said += new
        random.shuffle(said)
        now = timeline([*said, *said])
        assert now is not None
        begin, until = start or place.start, end or place.end
        middle = begin if until is None else begin + (until - begin) / 2
        for moment in (begin, middle):
            assert writes.value_at(now, "flavor", moment) == (flavor or before.flavor)
        if name is not None:
            assert now.describe("name", begin) == name
        if place.before is not None and index % len(found):
            earlier = found[index % len(found) - 1]
            assert writes.value_at(now, "flavor", begin - timedelta(microseconds=1)) == earlier.flavor
        if place.is_last:
            assert now.end == until
        if place.before is None:
            assert now.begin == begin


def test_a_deletion_counts_less_than_the_time_at_which_the_cloud_says_it_ended():
    said = (*born(), *writes.delete(life(*born()), at=at("13:00")), deleted("12:59:58"))

    assert listed(said) == ["10:00-12:59:58 small - web"]
