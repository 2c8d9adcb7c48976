"""How many public addresses a user really had at an instant: worked out from the lives alone.

This is what the program's results are compared with, so it shares no code with them.
"""

from __future__ import annotations

from collections import Counter

from usance.demo.addresses import ROUTER
from usance.demo.history import History

Count = Counter[tuple[str, int, str]]
"""Addresses by project, IP version, and user ('' where nothing tells whose they are)."""


def addresses_at(history: History, instant_us: int, *, gateways: bool = False, default: str = "") -> Count:
    """Return what was there at an instant; *default* is the user of what leads to no server."""
    users: dict[str, str] = {}
    found: Count = Counter()
    for number in range(len(history)):
        life = history.life(number)
        users[life.id] = life.user_id or default
        if life.created_us <= instant_us < life.deleted_us:
            for address in life.floating_ips:
                found[life.project_id, _version(address), users[life.id]] += 1
    for free in history.site.floating_ips:
        if free.created_us <= instant_us:
            found[free.project_id, _version(free.address), default] += 1
    for holder in history.site.holders:
        if not holder.created_us <= instant_us < holder.deleted_us:
            continue
        if holder.kind == ROUTER and not gateways:
            continue
        moment = holder.at(instant_us)
        for address in set(moment.addresses):
            found[holder.project_id, _version(address), users.get(moment.device_id, default)] += 1
    return found


def _version(address: str) -> int:
    return 6 if ":" in address else 4
