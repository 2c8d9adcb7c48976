"""Instants as people write them on a command line or in a file."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from usance.model.errors import ConfigurationError
from usance.model.period import EPOCH

_LONGEST: Final = 64  # characters; nothing that is an instant is longer

# What cASO's parser took beside ISO 8601 and can mean one thing only. Months have English names.
_FORMS: Final = tuple(
    f"{day}{time}{zone}"
    for day in ("%Y/%m/%d", "%Y-%m-%d", "%d %b %Y", "%d %B %Y", "%b %d %Y", "%B %d %Y", "%a %d %b %Y")
    for time in ("", " %H:%M", " %H:%M:%S", "T%H:%M", "T%H:%M:%S")
    for zone in ("", " %z")
)
_ZONES: Final = re.compile(r"\s*\b(?:UTC|GMT|Z)$", re.IGNORECASE)
_SPACES: Final = re.compile(r"[\s,]+")


def parse_instant(text: str) -> datetime:
    """Return the instant that the text names, aware and in UTC.

    Takes ISO 8601 in all its usual forms, and some common others. A text without a zone is UTC,
    an offset is respected. Dates whose order is ambiguous (11/12/2026) and dates without a day
    are refused. Raises ValueError, with a sentence, for anything else.
    """
    if len(text) > _LONGEST:
        raise ValueError("it is too long for a time")
    written = _SPACES.sub(" ", text.strip())
    found = _iso(written) or _iso(_ZONES.sub("+00:00", written)) or _form(_ZONES.sub(" +0000", written))
    if found is None:
        raise ValueError("it is not a time")
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    try:
        return found.astimezone(UTC)
    except OverflowError:
        raise ValueError("it lies outside of the calendar") from None


def _iso(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(re.sub(r" (?=[+-]\d\d)", "", text))
    except ValueError:
        return None


def _form(text: str) -> datetime | None:
    for form in _FORMS:
        try:
            return datetime.strptime(text, form)  # noqa: DTZ007 - the caller gives it its zone
        except ValueError:
            continue
    return None


def read_instant(text: str, option: str) -> datetime:
    """Return the instant that an option names; ConfigurationError if it names none."""
    try:
        return parse_instant(text)
    except ValueError as error:
        raise ConfigurationError(
            f"{option} = {text[:_LONGEST]!r}: {error}",
            hint="write it as 2026-11-21, 2026-11-21T12:00 (UTC) or 2026-11-21T12:00:00+02:00",
        ) from None


def read_beginning(text: str, option: str) -> datetime:
    """Like `read_instant`, where `None` means the beginning of time and nothing lies before 1970."""
    if text.strip().lower() == "none":
        return EPOCH
    return max(read_instant(text, option), EPOCH)
