"""What may pass, and how long to wait for it."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime

import msgspec

from usance.http.clock import parse_http_date

PASSING_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
"""Answers that are worth asking for again: time-outs, limits, and servers in trouble."""


class RetryPolicy(msgspec.Struct, frozen=True):
    """How often, and with which pauses, a request is made again."""

    retries: int = 4  # beside the first attempt
    backoff_s: float = 0.5  # the first pause; each one after it doubles
    longest_s: float = 30.0  # of any pause, whatever a server asks for


def parse_retry_after(text: str | None, now: datetime) -> float | None:
    """Return the seconds that a `Retry-After` asks for: a number of seconds, or a date (RFC 9110, 10.2.3)."""
    if not text:
        return None
    stripped = text.strip()
    if stripped.isascii() and stripped.isdigit():
        return float(int(stripped[:9]))
    date = parse_http_date(stripped)
    return None if date is None else max(0.0, (date - now).total_seconds())


def pause(
    policy: RetryPolicy,
    attempt: int,
    asked_s: float | None = None,
    chance: Callable[[], float] = random.random,
) -> float:
    """Return the seconds to wait after attempt number *attempt* (from 0) failed.

    A pause is drawn between half and the whole of what is due, so that clients that failed
    together do not come back together. What the server asked for is honoured, within bounds.
    """
    due: float = min(policy.longest_s, policy.backoff_s * 2**attempt)
    drawn = due * (0.5 + chance() / 2)
    return drawn if asked_s is None else min(policy.longest_s, max(drawn, asked_s))
