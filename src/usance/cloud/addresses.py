"""How many floating IPs point at each server."""

from __future__ import annotations

import logging
from collections import Counter

import msgspec

from usance.cloud.plugins import TokenScope
from usance.cloud.service import Service

LOG = logging.getLogger(__name__)


class _PortDetails(msgspec.Struct):
    device_id: str | None = None


class _FloatingIp(msgspec.Struct):
    id: str
    port_id: str | None = None
    port_details: _PortDetails | None = None
    project_id: str | None = None


class _Link(msgspec.Struct):
    rel: str = ""
    href: str = ""


class _FloatingIps(msgspec.Struct):
    floatingips: list[_FloatingIp] = []
    floatingips_links: list[_Link] = []


class _Port(msgspec.Struct):
    id: str
    device_id: str | None = None


class _Ports(msgspec.Struct):
    ports: list[_Port] = []
    ports_links: list[_Link] = []


_FLOATING_IPS = msgspec.json.Decoder(_FloatingIps)
_PORTS = msgspec.json.Decoder(_Ports)


async def floating_ip_counts(neutron: Service, scope: TokenScope, project_id: str) -> dict[str, int]:
    """Return the number of floating IPs by server id; a server without any is missing.

    Neutron says with each floating IP which device its port belongs to; where it does not
    (the extension `fip-port-details` came with Rocky) the ports are listed once.
    """
    devices: list[str] = []
    ports: list[str] = []
    async for page in neutron.pages(
        scope,
        "/floatingips",
        _FLOATING_IPS,
        params=_query(project_id, ("id", "port_details", "port_id", "status", "project_id")),
        next_of=lambda page: _next_link(page.floatingips_links),
    ):
        for one in page.floatingips:
            if one.project_id not in {None, project_id} or not one.port_id:
                continue  # an administrator sees those of others; one without a port serves nobody
            if one.port_details is None:
                ports.append(one.port_id)
            elif one.port_details.device_id:
                devices.append(one.port_details.device_id)
    if ports:
        owner = await _devices_by_port(neutron, scope, project_id)
        devices += [owner[one] for one in ports if owner.get(one)]
    return dict(Counter(devices))


async def _devices_by_port(neutron: Service, scope: TokenScope, project_id: str) -> dict[str, str]:
    found: dict[str, str] = {}
    async for page in neutron.pages(
        scope,
        "/ports",
        _PORTS,
        params=_query(project_id, ("id", "device_id")),
        next_of=lambda page: _next_link(page.ports_links),
    ):
        found.update({one.id: one.device_id for one in page.ports if one.device_id})
    return found


def _query(project_id: str, fields: tuple[str, ...]) -> list[tuple[str, str]]:
    return [("project_id", project_id), *(("fields", one) for one in fields)]


def _next_link(links: list[_Link]) -> str | None:
    return next((link.href for link in links if link.rel == "next"), None)
