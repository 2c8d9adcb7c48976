"""The cloud's clock, as its answers tell it."""

from datetime import UTC, datetime, timedelta

import pytest

from usance.http.clock import CloudClock, parse_http_date

LOCAL = datetime(2026, 11, 22, 1, 0, 0, 400_000, tzinfo=UTC)


def clock_after(headers: dict[str, str]) -> CloudClock:
    clock = CloudClock(lambda: LOCAL)
    clock.note(headers, LOCAL - timedelta(milliseconds=20), LOCAL)
    return clock


def test_difference_below_two_seconds_is_ignored():
    clock = clock_after({"date": "Sun, 22 Nov 2026 01:00:02 GMT"})

    assert clock.now() == LOCAL


@pytest.mark.parametrize("hours", [-3, 3])
def test_cloud_whose_clock_is_off_is_followed(hours):
    there = LOCAL + timedelta(hours=hours)

    clock = clock_after({"date": there.strftime("%a, %d %b %Y %H:%M:%S GMT")})

    assert abs(clock.now() - there) <= timedelta(seconds=1)


def test_last_answer_counts():
    clock = clock_after({"date": "Sun, 22 Nov 2026 04:00:00 GMT"})

    clock.note({"date": "Sun, 22 Nov 2026 01:00:00 GMT"}, LOCAL, LOCAL)

    assert clock.now() == LOCAL


def test_what_the_cloud_told_last_stays_as_it_is_while_time_goes_on():
    """So the end of what is counted does not depend on how long the program waited for its turn."""
    moments = [LOCAL, LOCAL + timedelta(seconds=7)]
    clock = CloudClock(lambda: moments[0])
    assert clock.told() == LOCAL

    clock.note({"date": "Sun, 22 Nov 2026 04:00:00 GMT"}, LOCAL, LOCAL)
    del moments[0]

    assert clock.told() == datetime(2026, 11, 22, 4, tzinfo=UTC)


def test_what_a_cloud_that_is_a_little_ahead_told_is_not_later_than_now():
    assert clock_after({"date": "Sun, 22 Nov 2026 01:00:02 GMT"}).told() == LOCAL


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"date": ""},
        {"date": "yesterday"},
        {"date": "Sun, 22 Nov 2026 25:61:00 GMT"},
        {"date": "Sun, 22 Nov 2026 04:00:00 GMT", "age": "10800"},
    ],
)
def test_answer_without_a_date_of_now_moves_nothing(headers):
    assert clock_after(headers).offset == timedelta()


def test_date_of_http_is_read_as_utc():
    assert parse_http_date("Sun, 22 Nov 2026 01:00:00 GMT") == datetime(2026, 11, 22, 1, tzinfo=UTC)
