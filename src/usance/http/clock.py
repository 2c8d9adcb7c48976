"""The cloud's clock: the local one, plus what the cloud's own answers say it is off by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

IGNORED = timedelta(seconds=2)
"""A difference below this is not corrected: a `Date` header has whole seconds, and travels."""

DATE_WIDTH = timedelta(seconds=1)


def parse_http_date(text: str | None) -> datetime | None:
    """Return the instant, in UTC, of a header like `Sun, 22 Nov 2026 01:00:00 GMT`; None if it is none."""
    if not text:
        return None
    try:
        instant = parsedate_to_datetime(text)
    except ValueError:
        return None
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def local_now() -> datetime:
    """Return the local clock's instant, in UTC."""
    return datetime.now(UTC)


class CloudClock:
    """Tells the cloud's time.

    The last answer counts, not an average: a simulated cloud may jump, and a clock that is being
    corrected is best followed.
    """

    def __init__(self, local: Callable[[], datetime] = local_now) -> None:
        self.local = local
        self.offset = timedelta()  # what is added to the local clock
        self._told: datetime | None = None
        self._last: tuple[str | None, datetime | None] = (None, None)  # a `Date`, and what it says

    def now(self) -> datetime:
        """Return the cloud's instant, aware and in UTC."""
        return self.local() + self.offset

    def told(self) -> datetime:
        """Return the last instant that the cloud itself told, in whole seconds: what was surely reached.

        It is not later than :meth:`now`, which it is as long as the cloud has told nothing.
        """
        now = self.now()
        return now if self._told is None else min(self._told, now)

    def note(self, headers: Mapping[str, str], before: datetime, after: datetime) -> None:
        """Take in the `Date` of an answer that was asked for and received at these local instants.

        An answer from somebody's cache (it has an `Age`) says nothing of now.
        """
        date = self._parsed(headers.get("date"))
        if date is None or headers.get("age", "0").strip() not in {"", "0"}:
            return
        self._told = date
        if date - IGNORED <= after and before <= date + DATE_WIDTH + IGNORED:
            self.offset = timedelta()
        else:
            self.offset = date + DATE_WIDTH / 2 - (before + (after - before) / 2)

    def _parsed(self, text: str | None) -> datetime | None:
        """Parse a `Date`; the many answers of one second have the same."""
        if text != self._last[0]:
            self._last = (text, parse_http_date(text))
        return self._last[1]
