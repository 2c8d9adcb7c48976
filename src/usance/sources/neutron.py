"""Public addresses, as Neutron tells of them: floating IPs, ports on public networks, router gateways.

Neutron dates the creation of each, and keeps no history: what changed, and what is gone, is known
from two looks. So every look is a full one, at one project, with its id in the query.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import ClassVar, Final

import msgspec

from usance.cloud.access import Cloud
from usance.cloud.addresses import FixedIp, FloatingIp, Port, Router
from usance.cloud.catalog import NoEndpointError
from usance.cloud.plugins import TokenScope
from usance.cloud.projects import Project
from usance.config.settings import NeutronSettings, Settings
from usance.http.errors import StatusError
from usance.model.addresses import DESCRIPTION, LONGEST, NAME, NETWORK_ID, canonical, server_behind
from usance.model.errors import DoubtfulLookError
from usance.model.observation import Batch, Look, Observation, Scope, Verb
from usance.model.resource import (
    ADDRESSES,
    FLOATING_IP,
    PORT,
    PORT_ID,
    ROUTER_GATEWAY,
    SERVER_ID,
    Resource,
    Value,
)
from usance.sources.missing import Missing
from usance.sources.nova_api import is_path_safe
from usance.sources.nova_rows import parse_instant
from usance.sources.source import Memory

LOG = logging.getLogger(__name__)

SLICE: Final = 500
"""So many addresses are handed over at once."""

NO_RECORDS: Final = "there are no records of public addresses"

_WHOLE_SECOND_US: Final = 1_000_000
_INFRASTRUCTURE: Final = "network:"
_SUBPORT: Final = "trunk:subport"


def sources(cloud: Cloud, settings: Settings) -> list[_NeutronSource]:
    """Return what the extractor `neutron` stands for: one source for each kind of resource."""
    missing = Missing(NO_RECORDS, by_default=settings.extractors_by_default)
    warned: set[str] = set()
    return [
        FloatingIpSource(cloud, settings.neutron, warned, missing),
        PortSource(cloud, settings.neutron, warned, missing),
        RouterGatewaySource(cloud, settings.neutron, warned, missing),
    ]


class _Seen(msgspec.Struct, frozen=True):
    """What a look sees of one resource."""

    accounted: dict[str, Value]
    described: dict[str, Value]
    created_at: datetime | None


class _NeutronSource(ABC):
    """Looks at one kind of resource of Neutron's, project by project."""

    name: ClassVar[str]
    kind: ClassVar[str]

    def __init__(
        self,
        cloud: Cloud,
        settings: NeutronSettings,
        warned: set[str] | None = None,
        missing: Missing | None = None,
    ) -> None:
        self._cloud = cloud
        self._settings = settings
        self._warned = set() if warned is None else warned  # what was said in this run, by all sources
        self._missing = missing or Missing(NO_RECORDS)
        self._margin = timedelta(seconds=cloud.settings.margin_s)

    @abstractmethod
    async def _see(self, scope: TokenScope, project: Project) -> dict[str, _Seen]:
        """Return what the project has now, by id."""

    @abstractmethod
    async def _exists(self, scope: TokenScope, project: Project, one_id: str) -> bool:
        """Tell whether something that was not listed is there nevertheless."""

    def plan(
        self,
        projects: Sequence[Project],
        *,
        full: Collection[str] = (),  # noqa: ARG002 - every look is a full one; the protocol has it
    ) -> list[tuple[Project, ...]]:
        """Return one group for each project."""
        return [(one,) for one in projects]

    async def look(
        self,
        group: Sequence[Project],
        memory: Memory,
        *,
        since: Mapping[str, datetime | None],
        full: bool = False,  # noqa: ARG002 - as above
    ) -> AsyncIterator[tuple[str, Batch]]:
        """Look once at each project of a group; see :class:`usance.sources.source.Source`.

        A look that did not show everything is repeated once. Raises CloudError if Neutron does not
        answer, DoubtfulLookError if the second look does not show everything either.
        """
        for project in group:
            begin = self._cloud.clock.now()
            seen, gone = await self._seen_and_gone(project, memory)
            end = max(begin, self._cloud.clock.now())
            said = await memory.statements(project.id, sorted({*seen, *gone}))
            found = [
                one
                for one in self._observations(project, seen, gone, begin, end)
                if said.get(one.resource.id) != one.statement
            ]
            for start in range(0, len(found), SLICE):
                yield project.id, Batch(tuple(found[start : start + SLICE]))
            look = Look(
                project.id, self._cloud.cloud_id, self.name, self.kind, Scope.FULL, begin=begin, end=end
            )
            before, watermark = since.get(project.id), begin - self._margin
            yield (
                project.id,
                Batch(look=look, watermark=watermark if before is None else max(before, watermark)),
            )

    async def _seen_and_gone(self, project: Project, memory: Memory) -> tuple[dict[str, _Seen], list[str]]:
        try:
            return await self._look_once(project, memory)
        except NoEndpointError as error:
            # Where no address was ever seen, a catalog without Neutron is an answer: there are none.
            if await memory.alive(project.id):
                raise
            self._missing.say(error)
            return {}, []
        except (DoubtfulLookError, StatusError) as error:
            # A marker that was deleted between two pages is not found.
            if isinstance(error, StatusError) and error.status != 404:
                raise
            LOG.warning("%s; looking again", error)
        return await self._look_once(project, memory)

    async def _look_once(self, project: Project, memory: Memory) -> tuple[dict[str, _Seen], list[str]]:
        scope, _ = self._cloud.scope_of(project)
        seen = await self._see(scope, project)
        gone = sorted(await memory.alive(project.id) - seen.keys())
        for one in gone:
            if is_path_safe(one) and await self._exists(scope, project, one):
                raise DoubtfulLookError(
                    f"Neutron's listing of project {project.name} left out {self.kind} {one}, which exists",
                    hint="look into the log of neutron-server, then run again",
                )
        return seen, gone

    def _observations(
        self,
        project: Project,
        seen: Mapping[str, _Seen],
        gone: Iterable[str],
        begin: datetime,
        end: datetime,
    ) -> list[Observation]:
        def resource(one_id: str) -> Resource:
            return Resource(project.id, self._cloud.cloud_id, self.kind, one_id)

        found = [
            Observation(
                resource=resource(one_id),
                verb=Verb.SEEN,
                at=end,
                begin=begin,
                source=self.name,
                accounted=one.accounted,
                described=one.described,
                # A clock that is ahead of ours must not date a creation after it was seen.
                created_at=None if one.created_at is None else min(one.created_at, end),
                created_resolution_us=0 if one.created_at is None else _WHOLE_SECOND_US,
            )
            for one_id, one in sorted(seen.items())
        ]
        found += [
            Observation(resource=resource(one_id), verb=Verb.GONE, at=end, begin=begin, source=self.name)
            for one_id in gone
        ]
        return found

    def _warn(self, about: str, message: str) -> None:
        """Say something once in a run."""
        if about not in self._warned:
            self._warned.add(about)
            LOG.warning("%s", message)


class FloatingIpSource(_NeutronSource):
    """Looks at floating IPs, also at those that lead nowhere: they are taken all the same."""

    name = "neutron-floating-ips"
    kind = FLOATING_IP

    async def _see(self, scope: TokenScope, project: Project) -> dict[str, _Seen]:
        found = await self._cloud.addresses.floating_ips(scope, project.id)
        return {one.id: self._of(one) for one in found}

    async def _exists(self, scope: TokenScope, project: Project, one_id: str) -> bool:
        row = await self._cloud.addresses.floating_ip(scope, one_id)
        return row is not None and _belongs(row, project)

    @staticmethod
    def _of(row: FloatingIp) -> _Seen:
        details = row.port_details
        return _Seen(
            {
                ADDRESSES: _addresses([FixedIp(row.floating_ip_address)]),
                PORT_ID: (row.port_id or "")[:LONGEST],
                SERVER_ID: "" if details is None else server_behind(details.device_id, details.device_owner),
            },
            _described(None, row.description, row.floating_network_id),
            _created(row.created_at),
        )


class PortSource(_NeutronSource):
    """Looks at ports on public networks: the external ones that the account sees, and configured ones.

    The ports of Neutron itself (of floating IPs, gateways, DHCP, routers) are no user's.
    """

    name = "neutron-ports"
    kind = PORT

    def __init__(
        self,
        cloud: Cloud,
        settings: NeutronSettings,
        warned: set[str] | None = None,
        missing: Missing | None = None,
    ) -> None:
        super().__init__(cloud, settings, warned, missing)
        self._public: dict[TokenScope, set[str]] = {}

    async def _see(self, scope: TokenScope, project: Project) -> dict[str, _Seen]:
        networks = await self._networks(scope)
        rows = [one for one in await self._public_ports(scope, project, networks) if _is_used(one)]
        parents: dict[str, str] = {}
        if any(one.device_owner == _SUBPORT for one in rows):
            parents = await self._servers_by_trunk(scope, project)
        return {one.id: self._of(one, parents) for one in rows}

    async def _exists(self, scope: TokenScope, project: Project, one_id: str) -> bool:
        row = await self._cloud.addresses.port(scope, one_id)
        if row is None or not _belongs(row, project) or not _is_used(row):
            return False
        return row.network_id in await self._networks(scope)

    async def _networks(self, scope: TokenScope) -> set[str]:
        """Return the ids of the public networks: a configured one that is hidden counts by its id.

        They are listed once for each scope: what is external may differ from project to project.
        """
        if scope not in self._public:
            self._public[scope] = await self._list_networks(scope)
        return self._public[scope]

    async def _list_networks(self, scope: TokenScope) -> set[str]:
        found = await self._cloud.addresses.external_networks(scope)
        for named in self._settings.public_networks:
            ids = await self._cloud.addresses.networks_named(scope, named)
            if not ids and not _is_id(named):
                self._warn(
                    f"network {named}",
                    f"[neutron] public_networks: the account sees no network {named!r}, at least not from one"
                    " of the projects; if it exists, write its id",
                )
            found |= ids or {named}
        return found

    async def _public_ports(self, scope: TokenScope, project: Project, networks: set[str]) -> list[Port]:
        return await self._cloud.addresses.ports(scope, project.id, networks) if networks else []

    async def _servers_by_trunk(self, scope: TokenScope, project: Project) -> dict[str, str]:
        trunks = await self._cloud.addresses.trunk_ports(scope, project.id)
        if not trunks:
            return {}
        ports = {one.id: one for one in await self._cloud.addresses.ports(scope, project.id)}
        return {
            trunk: server_behind(parent.device_id, parent.device_owner)
            for trunk, port_id in trunks.items()
            if (parent := ports.get(port_id)) is not None
        }

    @staticmethod
    def _of(row: Port, parents: Mapping[str, str]) -> _Seen:
        server = server_behind(row.device_id, row.device_owner)
        if row.device_owner == _SUBPORT:
            server = parents.get(row.device_id or "", "")
        return _Seen(
            {ADDRESSES: _addresses(row.fixed_ips or ()), SERVER_ID: server},
            _described(row.name, row.description, row.network_id),
            _created(row.created_at),
        )


class RouterGatewaySource(_NeutronSource):
    """Looks at the addresses of router gateways, if they are to be counted; if not, it sees none.

    A router's creation is dated, and that of its gateway is not: a router is known, without
    addresses, before it has one.
    """

    name = "neutron-router-gateways"
    kind = ROUTER_GATEWAY

    async def _see(self, scope: TokenScope, project: Project) -> dict[str, _Seen]:
        if not self._settings.router_gateways:
            return {}
        return {one.id: self._of(one) for one in await self._cloud.addresses.routers(scope, project.id)}

    async def _exists(self, scope: TokenScope, project: Project, one_id: str) -> bool:
        if not self._settings.router_gateways:
            return False
        row = await self._cloud.addresses.router(scope, one_id)
        return row is not None and _belongs(row, project)

    @staticmethod
    def _of(row: Router) -> _Seen:
        gateway = row.external_gateway_info
        return _Seen(
            {
                ADDRESSES: _addresses(() if gateway is None else gateway.external_fixed_ips or ()),
                SERVER_ID: "",
            },
            _described(row.name, row.description, None if gateway is None else gateway.network_id),
            _created(row.created_at),
        )


def _belongs(row: FloatingIp | Port | Router, project: Project) -> bool:
    return (row.project_id or row.tenant_id) in {None, "", project.id}


def _is_used(row: Port) -> bool:
    """Tell whether a port is a user's: Neutron's own begin with `network:`."""
    return not (row.device_owner or "").startswith(_INFRASTRUCTURE)


def _addresses(fixed: Iterable[FixedIp]) -> str:
    return canonical(one.ip_address for one in fixed)


def _described(name: str | None, description: str | None, network_id: str | None) -> dict[str, Value]:
    said = {NAME: name, DESCRIPTION: description, NETWORK_ID: network_id}
    return {key: value[:LONGEST] for key, value in said.items() if value}


def _created(text: str | None) -> datetime | None:
    """Return when something was created; None where Neutron does not tell, or tells nonsense."""
    try:
        return parse_instant(text)
    except (ValueError, OverflowError):
        return None


def _is_id(text: str) -> bool:
    """Tell whether a configured network is named by its id."""
    digits = text.replace("-", "")
    return len(digits) == 32 and all(one in "0123456789abcdefABCDEF" for one in digits)
