"""Answers that are not sent again while they are as they were: ETag and If-None-Match."""

from __future__ import annotations

import hashlib
from typing import Any, Final

import msgspec

from usance import __version__

_MOST_TAGS: Final = 100

CACHING: Final = {"Cache-Control": "private, no-cache", "Vary": "Accept, X-Auth-Token"}
"""Headers of what its caller may keep, if she asks each time whether it is still so."""


def tag_of(*what: Any) -> str:
    """Return the tag of an answer, which is another one whenever what it is made of is."""
    text = msgspec.json.encode((__version__, *what), order="deterministic")
    return f'"{hashlib.blake2b(text, digest_size=16).hexdigest()}"'


def is_known(tag: str, if_none_match: str | None) -> bool:
    """Say whether a caller has the answer of this tag."""
    if if_none_match is None:
        return False
    given = [one.strip().removeprefix("W/") for one in if_none_match.split(",")[:_MOST_TAGS]]
    return tag in given or given == ["*"]
