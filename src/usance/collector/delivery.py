"""A message, as a broker gives it."""

from __future__ import annotations

from typing import NamedTuple


class Delivery(NamedTuple):
    """A message as the broker gave it to us."""

    tag: int  # by which it is acknowledged
    queue: str
    body: bytes  # cut where it is too large
    size: int  # in bytes, before it was cut
    digest: str  # of a body that was cut; else empty
    is_repeated: bool  # the broker gave it out before
