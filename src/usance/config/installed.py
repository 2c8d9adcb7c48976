"""What is installed under which name: the entry points of all distributions, read once in a process."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoints, entry_points
from typing import Any


def installed(group: str) -> EntryPoints:
    """Return the entry points of a group."""
    found: EntryPoints = _everything().select(group=group)
    return found


@cache
def _everything() -> Any:
    # A run asks for a dozen groups; to read all takes some milliseconds for each hundred distributions.
    # Python 3.11 gives groups here, later ones give entry points; either selects.
    return entry_points()


def look_again() -> None:
    """Forget what was read: something was installed while the process runs."""
    _everything.cache_clear()
