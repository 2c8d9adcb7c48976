"""How much one caller may ask for: buckets that fill again with time."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

MOST_KEPT: Final = 10_000
"""Callers that are remembered; of more, the one who asked longest ago begins anew."""

_V6_SITE: Final = 64  # bits of an address: whoever has one has all that begin so


class Buckets:
    """One bucket a caller: it holds what may be asked for in a minute, and fills as the minute passes."""

    def __init__(self, per_minute: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._size = float(per_minute)  # 0: there is no limit
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # what is in it, and since when

    def __len__(self) -> int:
        return len(self._buckets)

    def wait_s(self, key: str) -> float:
        """Return the seconds until there is something in a bucket; 0 if there is now."""
        if not self._size:
            return 0.0
        level = self._level(key, self._clock())
        return 0.0 if level >= 1 else (1 - level) * 60 / self._size

    def take(self, key: str) -> float:
        """Take one out of a bucket, and return 0; the seconds to wait if it is empty."""
        if not self._size:
            return 0.0
        now = self._clock()
        level = self._level(key, now)
        if level < 1:
            return (1 - level) * 60 / self._size
        self._buckets[key] = (level - 1, now)
        self._buckets.move_to_end(key)
        while len(self._buckets) > MOST_KEPT:
            self._buckets.popitem(last=False)
        return 0.0

    def _level(self, key: str, now: float) -> float:
        level, since = self._buckets.get(key, (self._size, now))
        return min(self._size, level + (now - since) * self._size / 60)


def site_of(address: str) -> str:
    """Return what of a client's address tells who it is: an IPv4 address, or an IPv6 network of 64 bits."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if parsed.version == 4:
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, _V6_SITE), strict=False))
