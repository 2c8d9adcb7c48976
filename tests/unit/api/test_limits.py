"""Buckets that fill with time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usance.api.limits import MOST_KEPT, Buckets, site_of


class Clock:
    """Tells the time that it is given."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_minutes_worth_may_be_asked_for_at_once_and_then_it_fills_again():
    clock = Clock()
    buckets = Buckets(6, clock=clock)

    assert [buckets.take("a") for _ in range(7)] == [0, 0, 0, 0, 0, 0, 10]
    clock.now = 10
    assert [buckets.take("a"), buckets.take("a")] == [0, 10]
    clock.now = 1000
    assert [buckets.take("a") for _ in range(7)] == [0, 0, 0, 0, 0, 0, 10]


def test_each_caller_has_a_bucket_of_her_own():
    buckets = Buckets(1, clock=Clock())

    assert [buckets.take("a"), buckets.take("b"), buckets.take("a")] == [0, 0, 60]


def test_to_ask_how_long_to_wait_takes_nothing():
    buckets = Buckets(1, clock=Clock())

    assert [buckets.wait_s("a"), buckets.wait_s("a"), buckets.take("a"), buckets.wait_s("a")] == [0, 0, 0, 60]


def test_no_limit_is_no_limit_and_remembers_nobody():
    buckets = Buckets(0, clock=Clock())

    assert {buckets.take("a") for _ in range(1000)} == {0}
    assert len(buckets) == 0


def test_only_so_many_are_remembered():
    buckets = Buckets(1, clock=Clock())

    for number in range(MOST_KEPT + 5):
        buckets.take(str(number))

    assert len(buckets) == MOST_KEPT
    assert buckets.take("0") == 0  # forgotten
    assert buckets.take(str(MOST_KEPT)) > 0


@given(st.lists(st.floats(min_value=0, max_value=30), max_size=200), st.integers(1, 20))
def test_over_any_time_no_more_is_given_than_a_minutes_worth_and_what_filled_it(steps, per_minute):
    clock = Clock()
    buckets = Buckets(per_minute, clock=clock)

    given_out = 0
    for step in steps:
        clock.now += step
        given_out += buckets.take("a") == 0

    assert given_out <= per_minute + clock.now * per_minute / 60 + 1e-6


@pytest.mark.parametrize(
    ("address", "site"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("", ""),
        ("not an address", "not an address"),
        ("x" * 1000, "x" * 64),
    ],
)
def test_who_an_address_is(address, site):
    assert site_of(address) == site
