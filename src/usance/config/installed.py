"""What is installed under which name: the entry points of all distributions, read once in a process."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoints, entry_points
from typing import Any


@cache
def installed(group: str) -> EntryPoints:
    """Return the entry points of a group.

    A run asks for a dozen; to read all of them takes some milliseconds for each hundred distributions.
    """
    found: EntryPoints = _everything().select(group=group)
    return found


@cache
def _everything() -> Any:
    # Python 3.11 gives groups here, later ones give entry points; either selects.
    return entry_points()


def look_again() -> None:
    """Forget what was read: something was installed while the process runs."""
    installed.cache_clear()
    _everything.cache_clear()
