"""The simulated cloud's own clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from email.utils import formatdate

from usance.demo.history import microseconds

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock:
    """Tells the cloud's time: the real one, or the one that it was set to.

    A clock that was set stands still unless it was told to run. Tokens are the exception: their
    life follows the real clock, because a client compares their end with its own.
    """

    def __init__(self, now: datetime | None = None, *, running: bool = False) -> None:
        self._set_us: int | None = None
        self._running = running
        self._since_ns = 0
        if now is not None:
            self.set(now, running=running)

    def set(self, now: datetime | None, *, running: bool = False) -> None:
        """Set the clock to an aware instant; None gives it back the real time."""
        self._set_us = None if now is None else microseconds(now)
        self._running = running
        self._since_ns = time.monotonic_ns()

    def advance(self, by: timedelta) -> None:
        """Move the clock on; a real one becomes one that stands."""
        self.set(self.now() + by, running=self._running)

    def now_us(self) -> int:
        """Return the microseconds since 1970."""
        if self._set_us is None:
            return time.time_ns() // 1000
        if self._running:
            return self._set_us + (time.monotonic_ns() - self._since_ns) // 1000
        return self._set_us

    def now(self) -> datetime:
        """Return the cloud's time, aware and in UTC."""
        return _EPOCH + timedelta(microseconds=self.now_us())

    def http_date(self) -> bytes:
        """Return the cloud's time as a Date header has it."""
        return formatdate(self.now_us() // 1_000_000, usegmt=True).encode()
