"""Requests as the server that was measured on recorded them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec


class Asked(msgspec.Struct, frozen=True, omit_defaults=True):
    """One request, and how it was answered."""

    method: str
    target: str  # path and query
    status: int
    headers: dict[str, str] = {}  # those that the answer depends on: token and microversion


_KINDS: Final = (
    ("token", re.compile(r"POST .*/v3/auth/tokens")),
    ("server list", re.compile(r"GET .*/servers(/detail)?\?|GET .*/servers(/detail)?$")),
    ("instance actions", re.compile(r"GET .*/os-instance-actions")),
    ("server", re.compile(r"GET .*/servers/[^/?]+$")),
    ("flavor properties", re.compile(r"GET .*/os-extra_specs")),
    ("flavor", re.compile(r"GET .*/flavors")),
    ("usage", re.compile(r"GET .*/os-simple-tenant-usage")),
    ("project", re.compile(r"GET .*/v3/(auth/)?projects")),
    ("user", re.compile(r"GET .*/v3/users")),
    ("image", re.compile(r"GET .*/(v2/images|v2/schemas)")),
    ("floating IP", re.compile(r"GET .*/v2\.0/floatingips")),
    ("network", re.compile(r"GET .*/v2\.0/")),
    ("volume", re.compile(r"GET .*/volumes")),
)
"""The first that a request matches is its kind; versions and the like are "discovery"."""


def kind(asked: Asked) -> str:
    """Return what a request is about."""
    line = f"{asked.method} {asked.target}"
    return next((name for name, pattern in _KINDS if pattern.search(line)), "discovery")


def by_kind(asked: Iterable[Asked]) -> dict[str, int]:
    """Count requests by what they are about, the most frequent first."""
    return dict(Counter(map(kind, asked)).most_common())


def read(path: Path) -> Iterator[Asked]:
    """Read a recording."""
    decoder = msgspec.json.Decoder(Asked)
    with path.open("rb") as lines:
        for line in lines:
            yield decoder.decode(line)
