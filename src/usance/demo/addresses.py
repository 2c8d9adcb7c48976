"""Public addresses, and all that ever happens to them: floating IPs, ports, routers, and their networks.

All instants are whole microseconds since 1970, UTC. Nothing here knows how Usance counts: the
simulated Neutron and the truth that tests compare with are both made from these values.

    2026-10-01 10:00:00 create 192.0.2.7
    2026-10-03 09:00:00 lead web
    2026-10-04 00:00:00 have 192.0.2.7 2001:db8::7
    2026-10-05 00:00:00 lead
    2026-10-08 00:00:00 delete

A line has the time (UTC) and what happens then: `create` and `have` name addresses (none: it has none
any more), `lead` names the server that it leads to from then on (none: it leads nowhere).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NEVER: Final = 1 << 62

FLOATING_IP: Final = "floatingip"
PORT: Final = "port"
ROUTER: Final = "router"

PUBLIC: Final = "public"
"""The name of the external network that every site has."""


class Network(msgspec.Struct, frozen=True):
    """A network of Neutron."""

    id: str
    name: str
    external: bool = False
    projects: tuple[str, ...] = ()  # whose members see it; none: everybody's


class Trunk(msgspec.Struct, frozen=True):
    """A trunk: the port of a server that carries other ports, whose device it is."""

    id: str
    project_id: str
    port_id: str  # the parent


class Moment(msgspec.Struct, frozen=True):
    """What is so from an instant on."""

    at_us: int
    addresses: tuple[str, ...]
    device_id: str = ""  # of a server, mostly
    device_owner: str = ""


class Holder(msgspec.Struct, frozen=True):
    """What holds public addresses, and everything that will ever be so of it."""

    kind: str  # FLOATING_IP, PORT or ROUTER
    id: str
    project_id: str
    network_id: str
    created_us: int
    moments: tuple[Moment, ...]  # in order; the first is the creation
    name: str = ""
    deleted_us: int = _NEVER

    def is_there(self, now_us: int) -> bool:
        """Say whether it exists at an instant."""
        return self.created_us <= now_us < self.deleted_us

    def at(self, now_us: int) -> Moment:
        """Return what is so at an instant, which must not lie before the creation."""
        return next(one for one in reversed(self.moments) if one.at_us <= now_us)


def scripted_holder(
    kind: str,
    name: str,
    script: str,
    *,
    one_id: str,
    project_id: str,
    network_id: str,
    servers: Mapping[str, str] | None = None,
    owner: str = "compute:nova",
) -> Holder:
    """Return a holder of addresses whose life a script tells; *servers* are ids by the names in it."""
    moments: list[Moment] = []
    deleted_us = _NEVER
    for line in (text.split() for text in script.splitlines() if text.strip()):
        day, clock, verb, *words = line
        at = datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=UTC)
        at_us = (at - _EPOCH) // timedelta(microseconds=1)
        before = moments[-1] if moments else Moment(at_us, ())
        if verb == "delete":
            deleted_us = at_us
        elif verb in {"create", "have"}:
            moments.append(msgspec.structs.replace(before, at_us=at_us, addresses=tuple(words)))
        elif verb == "lead":
            device = (servers or {})[words[0]] if words else ""
            moments.append(
                msgspec.structs.replace(
                    before, at_us=at_us, device_id=device, device_owner=owner if words else ""
                )
            )
        else:
            raise ValueError(f"{verb!r} is nothing that happens to addresses")
    return Holder(kind, one_id, project_id, network_id, moments[0].at_us, tuple(moments), name, deleted_us)
