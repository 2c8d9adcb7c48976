"""What a timeline amounts to in a period."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from unit.model.lives import at, changed, created, deleted, gone, life, resized, seen
from unit.model.strategies import ZERO, anything_said
from usance.model.period import Period, epoch_seconds
from usance.model.resource import FLAVOR_ATTRIBUTES
from usance.model.timeline import timeline
from usance.model.usage import NOTHING, Usage, usage

SUSPENDED = frozenset({"suspended", "shelved"})
THE_DAY = Period(at("00:00"), at("+1 00:00"))
HOUR = 3600


def of(*said, period: Period = THE_DAY, whole_until: str | None = None) -> Usage:
    return usage(
        life(*said),
        period,
        suspended_states=SUSPENDED,
        counted_whole_until=at(whole_until) if whole_until else None,
    )


def test_a_resize_adds_up_by_its_spans():
    used = of(created("10:00", "active m1.small"), changed("12:00", "m1.large"), deleted("13:30"))

    assert used == Usage(
        elapsed_s=3 * HOUR + 1800,
        wall_s=3 * HOUR + 1800,
        suspended_s=0,
        vcpu_s=2 * HOUR * 1 + 5400 * 4,
        ram_mib_s=2 * HOUR * 2048 + 5400 * 8192,
        disk_gib_s=2 * HOUR * 20 + 5400 * 80,
        inferred_s=0,
        inferred_vcpu_s=0,
    )


def test_suspended_states_count_no_wall_and_no_vcpus_but_their_memory_and_disk():
    used = of(
        created("10:00", "active m1.large ephemeral_gib=20"), changed("11:00", "suspended"), deleted("12:00")
    )

    assert (used.elapsed_s, used.wall_s, used.suspended_s) == (2 * HOUR, HOUR, HOUR)
    assert used.vcpu_s == 4 * HOUR
    assert used.ram_mib_s == 8192 * 2 * HOUR
    assert used.disk_gib_s == 100 * 2 * HOUR


def test_every_other_state_counts_as_wall_and_so_does_an_unknown_one():
    used = of(
        created("10:00", "building"),
        changed("11:00", "stopped"),
        changed("12:00", "active"),
        deleted("13:00"),
    )
    unknown = of(created("10:00", "vcpus=1", launched=True), deleted("13:00"))

    assert used.wall_s == unknown.wall_s == 3 * HOUR


def test_what_never_launched_counts_nothing():
    assert of(created("10:00", "building m1.small"), changed("10:01", "error"), deleted("12:00")) == NOTHING


def test_a_life_of_zero_length_counts_nothing():
    assert of(created("10:00", "active m1.small"), deleted("09:00")) == NOTHING


def test_what_lies_outside_of_the_period_does_not_count_and_what_goes_on_counts_to_its_end():
    used = of(created("10:00", "active m1.small"), period=Period(at("11:00"), at("13:00")))

    assert (used.elapsed_s, used.vcpu_s) == (2 * HOUR, 2 * HOUR)
    assert of(created("10:00", "active m1.small"), period=Period(at("08:00"), at("09:00"))) == NOTHING


def test_instants_are_floored_and_then_subtracted():
    used = of(
        created("10:00:00.9", "active m1.small"), changed("10:00:02.1", "stopped"), deleted("10:00:04.9")
    )

    assert (used.elapsed_s, used.wall_s, used.suspended_s) == (4, 4, 0)


def test_unknown_vcpus_count_nothing_and_their_seconds_are_inferred():
    used = of(created("10:00", "active"), deleted("11:00"))

    assert (used.wall_s, used.vcpu_s, used.inferred_s, used.inferred_vcpu_s) == (HOUR, 0, HOUR, 0)


def test_inferred_seconds_are_those_of_state_vcpus_and_life_each_counted_once():
    used = of(
        created("10:00", untold=FLAVOR_ATTRIBUTES),
        seen("11:00..11:30", "active m1.large"),
        resized("13:00"),
        resized("14:00"),
        seen("15:00..15:10", "active m1.small"),
        gone("16:00..16:10"),
    )

    # state until 11:30, flavor from 13:00 to 14:00, life from 15:00 to 16:10
    assert used.inferred_s == 5400 + HOUR + 4200
    assert used.inferred_vcpu_s == 4 * 5400 + 1 * HOUR + 1 * 4200


def test_doubts_about_other_attributes_infer_nothing():
    used = of(created("10:00", "active vcpus=1"), seen("11:00..11:01", "image_id=i"), deleted("12:00"))

    assert used.inferred_s == 0


class TestCountedWhole:
    """What cASO accounted before: all of it wall, at the vCPUs of then."""

    SAID = (
        created("10:00", "active m1.small"),
        changed("11:00", "suspended"),
        changed("12:00", "active m1.large"),
        changed("13:00", "suspended"),
        deleted("14:00"),
    )

    def test_the_life_until_then_is_wall_at_the_vcpus_of_then_and_exact_after_it(self):
        used = of(*self.SAID, whole_until="12:30")

        assert (used.elapsed_s, used.wall_s, used.suspended_s) == (4 * HOUR, 3 * HOUR, HOUR)
        assert used.vcpu_s == 9000 * 4 + 1800 * 4

    def test_a_life_that_ended_before_counts_at_its_last_vcpus(self):
        used = of(*self.SAID, whole_until="20:00")

        assert (used.wall_s, used.suspended_s, used.vcpu_s) == (4 * HOUR, 0, 4 * HOUR * 4)

    def test_a_life_that_began_later_counts_exactly(self):
        assert of(*self.SAID, whole_until="09:00") == of(*self.SAID)


@given(
    anything_said(),
    st.integers(-7200, 30_000),
    st.integers(0, 30_000),
    st.none() | st.integers(-3600, 30_000),
)
def test_wall_and_suspended_are_the_elapsed_time_and_periods_add_up(example, start_s, length_s, whole_s):
    made = timeline(example.observations, example.looks)
    if made is None:
        return
    start = ZERO + timedelta(seconds=start_s)
    middle, end = start + timedelta(seconds=length_s / 3), start + timedelta(seconds=length_s)
    whole_until = None if whole_s is None else ZERO + timedelta(seconds=whole_s, microseconds=5)

    used, first, second = (
        usage(made, period, suspended_states={"stopped"}, counted_whole_until=whole_until)
        for period in (Period(start, end), Period(start, middle), Period(middle, end))
    )

    assert used.wall_s + used.suspended_s == used.elapsed_s
    assert 0 <= used.inferred_s <= used.elapsed_s
    assert 0 <= used.inferred_vcpu_s <= used.vcpu_s
    lived = Period(start, end).clip(made.begin, made.end)
    if made.launched:
        assert used.elapsed_s == (epoch_seconds(lived.end) - epoch_seconds(lived.start) if lived else 0)
    for field in Usage.__struct_fields__:
        assert getattr(used, field) == getattr(first, field) + getattr(second, field)
