"""How long to wait before a request is made again."""

from datetime import UTC, datetime

import pytest

from usance.http.retry import RetryPolicy, parse_retry_after, pause

NOW = datetime(2026, 11, 22, 1, tzinfo=UTC)
POLICY = RetryPolicy(retries=4, backoff_s=1, longest_s=20)


def test_pauses_double_up_to_the_longest():
    assert [pause(POLICY, attempt, chance=lambda: 1.0) for attempt in range(6)] == [1, 2, 4, 8, 16, 20]


def test_chance_takes_up_to_half_of_a_pause_away():
    assert pause(POLICY, 2, chance=lambda: 0.0) == 2


@pytest.mark.parametrize(("asked", "waited"), [(0.0, 1.0), (7.0, 7.0), (3600.0, 20.0)])
def test_what_the_server_asks_for_is_honoured_within_bounds(asked, waited):
    assert pause(POLICY, 0, asked, chance=lambda: 1.0) == waited


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120),
        (" 3 ", 3),
        ("Sun, 22 Nov 2026 01:00:30 GMT", 30),
        ("Sun, 22 Nov 2026 00:00:00 GMT", 0),
        ("", None),
        (None, None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("9" * 400, 999999999),
    ],
)
def test_retry_after_is_seconds_or_a_date(text, seconds):
    assert parse_retry_after(text, NOW) == seconds
