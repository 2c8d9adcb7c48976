"""What Neutron tells of a project's public addresses: floating IPs, ports, routers, networks.

Every listing names the project: an administrator's token would otherwise show the whole cloud.
Pages are asked for, and their links followed; where Neutron does not page, all comes at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from typing import Any, Final, TypeVar

import msgspec

from usance.cloud.plugins import TokenScope
from usance.cloud.service import Service
from usance.http.errors import StatusError
from usance.model.errors import CloudError

PAGE: Final = 1000
"""Rows asked for in one page, unless configured."""

_NETWORKS_AT_ONCE: Final = 40  # in the query of one listing: a URL has an end

T = TypeVar("T")


class PortDetails(msgspec.Struct, frozen=True):
    """What a floating IP says of the port that it leads to (extension `fip-port-details`)."""

    device_id: str | None = None
    device_owner: str | None = None


class Forwarding(msgspec.Struct, frozen=True):
    """One forwarded port of a floating IP (extension `expose-port-forwarding-in-fip`)."""

    internal_port_id: str | None = None
    internal_ip_address: str | None = None
    external_port: int | None = None


class FloatingIp(msgspec.Struct, frozen=True):
    """A floating IP, as Neutron lists it."""

    id: str
    floating_ip_address: str | None = None
    floating_network_id: str | None = None
    port_id: str | None = None
    port_details: PortDetails | None = None
    port_forwardings: list[Forwarding] | None = None
    description: str | None = None
    created_at: str | None = None
    project_id: str | None = None
    tenant_id: str | None = None


class FixedIp(msgspec.Struct, frozen=True):
    """One address of a port or of a gateway."""

    ip_address: str | None = None


class Port(msgspec.Struct, frozen=True):
    """A port, as Neutron lists it."""

    id: str
    name: str | None = None
    network_id: str | None = None
    device_id: str | None = None
    device_owner: str | None = None
    fixed_ips: list[FixedIp] | None = None
    description: str | None = None
    created_at: str | None = None
    project_id: str | None = None
    tenant_id: str | None = None


class Gateway(msgspec.Struct, frozen=True):
    """The gateway of a router."""

    network_id: str | None = None
    external_fixed_ips: list[FixedIp] | None = None


class Router(msgspec.Struct, frozen=True):
    """A router, as Neutron lists it."""

    id: str
    name: str | None = None
    external_gateway_info: Gateway | None = None
    description: str | None = None
    created_at: str | None = None
    project_id: str | None = None
    tenant_id: str | None = None


class Network(msgspec.Struct, frozen=True):
    """A network, as Neutron lists it."""

    id: str
    name: str | None = None


class Trunk(msgspec.Struct, frozen=True):
    """A trunk: the port of a server that carries other ports (extension `trunk`)."""

    id: str
    port_id: str | None = None


class _Link(msgspec.Struct):
    rel: str = ""
    href: str = ""


class _FloatingIps(msgspec.Struct):
    rows: list[FloatingIp] = msgspec.field(name="floatingips", default_factory=list)
    links: list[_Link] = msgspec.field(name="floatingips_links", default_factory=list)


class _Ports(msgspec.Struct):
    rows: list[Port] = msgspec.field(name="ports", default_factory=list)
    links: list[_Link] = msgspec.field(name="ports_links", default_factory=list)


class _Routers(msgspec.Struct):
    rows: list[Router] = msgspec.field(name="routers", default_factory=list)
    links: list[_Link] = msgspec.field(name="routers_links", default_factory=list)


class _Networks(msgspec.Struct):
    rows: list[Network] = msgspec.field(name="networks", default_factory=list)
    links: list[_Link] = msgspec.field(name="networks_links", default_factory=list)


class _Trunks(msgspec.Struct):
    rows: list[Trunk] = msgspec.field(name="trunks", default_factory=list)
    links: list[_Link] = msgspec.field(name="trunks_links", default_factory=list)


class _OneFloatingIp(msgspec.Struct):
    row: FloatingIp = msgspec.field(name="floatingip")


class _OnePort(msgspec.Struct):
    row: Port = msgspec.field(name="port")


class _OneRouter(msgspec.Struct):
    row: Router = msgspec.field(name="router")


_FLOATING_IPS: Final = msgspec.json.Decoder(_FloatingIps)
_PORTS: Final = msgspec.json.Decoder(_Ports)
_ROUTERS: Final = msgspec.json.Decoder(_Routers)
_NETWORKS: Final = msgspec.json.Decoder(_Networks)
_TRUNKS: Final = msgspec.json.Decoder(_Trunks)
_FLOATING_IP: Final = msgspec.json.Decoder(_OneFloatingIp)
_PORT: Final = msgspec.json.Decoder(_OnePort)
_ROUTER: Final = msgspec.json.Decoder(_OneRouter)


class Addresses:
    """Asks Neutron; what each method returns is of one project alone."""

    def __init__(self, neutron: Service, *, page_limit: int | None = None) -> None:
        self._neutron = neutron
        self._limit = page_limit or PAGE
        # What the last listing of a project's floating IPs came to: so nobody asks for it again.
        self._counted: dict[str, dict[str, int] | CloudError] = {}

    # --- listings ----------------------------------------------------------------------------

    async def floating_ips(self, scope: TokenScope, project_id: str) -> list[FloatingIp]:
        """Return the floating IPs of a project, each with what it leads to, as far as that is known.

        Where Neutron does not say which device a port belongs to (the extension `fip-port-details`
        came with Rocky, and forwarded ports are told without it) the ports are listed once.
        """
        try:
            found = await self._floating_ips(scope, project_id)
        except CloudError as error:
            self._counted[project_id] = error
            raise
        self._counted[project_id] = dict(
            Counter(
                one.port_details.device_id
                for one in found
                if one.port_id and one.port_details is not None and one.port_details.device_id
            )
        )
        return found

    async def _floating_ips(self, scope: TokenScope, project_id: str) -> list[FloatingIp]:
        rows: dict[str, FloatingIp] = {}
        async for page in self._pages(scope, "/floatingips", _FLOATING_IPS, [("project_id", project_id)]):
            rows.update({one.id: one for one in page.rows if _is_of(one, project_id)})
        doubtful = [one for one in rows.values() if _needs_ports(one)]
        if doubtful:
            ports = await self.ports(scope, project_id)
            for one in doubtful:
                rows[one.id] = _with_details(one, ports)
        return list(rows.values())

    async def ports(
        self, scope: TokenScope, project_id: str, networks: Collection[str] | None = None
    ) -> list[Port]:
        """Return the ports of a project, each once: all of them, or those on some networks."""
        rows: dict[str, Port] = {}
        for some in [()] if networks is None else _sliced(sorted(networks)):
            query = [("project_id", project_id), *(("network_id", one) for one in some)]
            async for page in self._pages(scope, "/ports", _PORTS, query):
                rows.update(
                    {
                        one.id: one
                        for one in page.rows
                        if _is_of(one, project_id) and (networks is None or one.network_id in networks)
                    }
                )
        return list(rows.values())

    async def routers(self, scope: TokenScope, project_id: str) -> list[Router]:
        """Return the routers of a project, each once."""
        rows: dict[str, Router] = {}
        async for page in self._pages(scope, "/routers", _ROUTERS, [("project_id", project_id)]):
            rows.update({one.id: one for one in page.rows if _is_of(one, project_id)})
        return list(rows.values())

    async def external_networks(self, scope: TokenScope) -> set[str]:
        """Return the ids of the external networks that the account sees in a project."""
        query = [("router:external", "True"), ("fields", "id")]
        return {
            one.id async for page in self._pages(scope, "/networks", _NETWORKS, query) for one in page.rows
        }

    async def networks_named(self, scope: TokenScope, name: str) -> set[str]:
        """Return the ids of the networks of a name, or of an id, that the account sees in a project."""
        found: set[str] = set()
        for key in ("id", "name"):
            query = [(key, name), ("fields", "id"), ("fields", "name")]
            async for page in self._pages(scope, "/networks", _NETWORKS, query):
                found.update(one.id for one in page.rows if name in {one.id, one.name})
        return found

    async def trunk_ports(self, scope: TokenScope, project_id: str) -> dict[str, str]:
        """Return the parent port of each of a project's trunks, by the trunk's id; none without trunks."""
        found: dict[str, str] = {}
        try:
            async for page in self._pages(scope, "/trunks", _TRUNKS, [("project_id", project_id)]):
                found.update({one.id: one.port_id for one in page.rows if one.port_id})
        except StatusError as error:
            if error.status not in {403, 404}:
                raise
        return found

    # --- single rows -------------------------------------------------------------------------

    async def floating_ip(self, scope: TokenScope, one_id: str) -> FloatingIp | None:
        """Return a floating IP; None if there is none that the account may see."""
        found = await self._one(scope, f"/floatingips/{one_id}", _FLOATING_IP)
        return None if found is None else found.row

    async def port(self, scope: TokenScope, one_id: str) -> Port | None:
        """Return a port; None if there is none that the account may see."""
        found = await self._one(scope, f"/ports/{one_id}", _PORT)
        return None if found is None else found.row

    async def router(self, scope: TokenScope, one_id: str) -> Router | None:
        """Return a router; None if there is none that the account may see."""
        found = await self._one(scope, f"/routers/{one_id}", _ROUTER)
        return None if found is None else found.row

    async def _one(self, scope: TokenScope, path: str, decoder: msgspec.json.Decoder[T]) -> T | None:
        try:
            return await self._neutron.get(scope, path, decoder)
        except StatusError as error:
            if error.status != 404:
                raise
            return None

    # --- what is said of servers -------------------------------------------------------------

    async def floating_ip_counts(self, scope: TokenScope, project_id: str) -> dict[str, int]:
        """Return the number of floating IPs by server id; a server without any is missing.

        If the floating IPs of the project were listed since this was last asked, that listing
        counts, and so does its failure.
        """
        if project_id not in self._counted:
            await self.floating_ips(scope, project_id)
        counted = self._counted.pop(project_id)
        if isinstance(counted, CloudError):
            raise counted
        return counted

    def _pages(
        self,
        scope: TokenScope,
        path: str,
        decoder: msgspec.json.Decoder[Any],
        query: Sequence[tuple[str, str]],
    ) -> AsyncIterator[Any]:
        return self._neutron.pages(
            scope,
            path,
            decoder,
            params=(*query, ("limit", str(self._limit))),
            next_of=lambda page: next((link.href for link in page.links if link.rel == "next"), None),
        )


def _is_of(row: FloatingIp | Port | Router, project_id: str) -> bool:
    """Tell whether a row is the project's: a Neutron that ignores the filter must not mix them."""
    return (row.project_id or row.tenant_id) in {None, "", project_id}


def _needs_ports(row: FloatingIp) -> bool:
    return bool(row.port_details is None and (row.port_id or row.port_forwardings))


def _with_details(row: FloatingIp, ports: Iterable[Port]) -> FloatingIp:
    """Return a floating IP with the device behind the port that it leads to.

    One whose ports are forwarded leads to several; the one behind the lowest port that is open counts.
    """
    wanted = [(row.port_id, None)] if row.port_id else _targets(row)
    for port_id, address in wanted:
        for port in ports:
            if port.id == port_id or (address is not None and address in _texts(port.fixed_ips)):
                details = PortDetails(port.device_id, port.device_owner)
                return msgspec.structs.replace(row, port_details=details)
    return row


def _targets(row: FloatingIp) -> list[tuple[str | None, str | None]]:
    forwarded = sorted(row.port_forwardings or (), key=lambda one: one.external_port or 0)
    return [
        (one.internal_port_id, None if one.internal_port_id else one.internal_ip_address) for one in forwarded
    ]


def _texts(fixed: Iterable[FixedIp] | None) -> list[str | None]:
    return [one.ip_address for one in fixed or ()]


def _sliced(ids: Sequence[str]) -> Iterable[Sequence[str]]:
    return (ids[start : start + _NETWORKS_AT_ONCE] for start in range(0, len(ids), _NETWORKS_AT_ONCE))
