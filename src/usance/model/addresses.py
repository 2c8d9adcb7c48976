"""How public addresses are spoken of, whoever tells: Neutron's rows, its messages, or an API."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Final

LONGEST: Final = 255

# Described attributes.
NAME: Final = "name"
DESCRIPTION: Final = "description"
NETWORK_ID: Final = "network_id"

_COMPUTE: Final = "compute:"


def canonical(addresses: Iterable[str | None]) -> str:
    """Return addresses in canonical form, each once, in order; what is none is left out."""
    found = set()
    for one in addresses:
        try:
            found.add(ipaddress.ip_address(one or ""))
        except ValueError:
            continue
    return " ".join(str(one) for one in sorted(found, key=lambda one: (one.version, int(one))))


def server_behind(device_id: str | None, owner: str | None) -> str:
    """Return the server that a device is; '' for a load balancer, a router, or nothing at all."""
    return (device_id or "")[:LONGEST] if (owner or "").startswith(_COMPUTE) else ""
