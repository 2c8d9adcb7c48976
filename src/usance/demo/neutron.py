"""Neutron v2.0: floating IPs, ports, routers, networks and trunks, of servers and of nobody."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

from usance.demo.addresses import FLOATING_IP, PORT, PUBLIC, ROUTER, Holder
from usance.demo.cloud import DemoCloud, Region
from usance.demo.index import Selection
from usance.demo.life import Life
from usance.demo.site import FloatingIp, uuid_id
from usance.demo.tokens import Token
from usance.demo.web import Refusal, Request, Response, answer, iso, unauthorized

_READERS = frozenset({"reader", "member", "manager"})


def handle(cloud: DemoCloud, region: Region, request: Request, parts: list[str]) -> Response:
    """Answer a request to `/<region>/network/...`; *parts* are the segments behind that."""
    base_url = f"{request.base_url}/{region.name}/network"
    if not parts:
        link = [{"rel": "self", "href": f"{base_url}/v2.0/"}]
        return answer({"versions": [{"id": "v2.0", "status": "CURRENT", "links": link}]})
    token = cloud.tokens.find(request.headers.get("x-auth-token", ""))
    if token is None:
        return unauthorized()
    try:
        return _route(cloud, region, request, parts, token)
    except Refusal as refusal:
        content = {"type": "NeutronError", "message": refusal.message, "detail": ""}
        return answer({"NeutronError": content}, refusal.status)


def _route(cloud: DemoCloud, region: Region, request: Request, parts: list[str], token: Token) -> Response:
    if parts == ["v2.0"]:
        return answer({"resources": []})
    name = parts[1] if len(parts) in {2, 3} and parts[0] == "v2.0" else ""
    if name not in _MAKERS:
        raise Refusal(404, "The resource could not be found.")
    if token.project_id is None:
        raise Refusal(403, f"rule:get_{name[:-1]} is disallowed by policy")
    rows = list(_MAKERS[name](cloud, region, _project(request, token)))
    if name == "networks":
        rows = [
            one
            for one in rows
            if token.is_admin or token.project_id in (one.pop("_of") or {token.project_id})
        ]
        for one in rows:
            one.pop("_of", None)
    if len(parts) == 3:
        # What belongs to somebody else, and what is gone, can't be told apart.
        for one in rows:
            if one["id"] == parts[2]:
                return answer({name[:-1]: one})
        raise Refusal(404, f"{name[:-1].capitalize()} {parts[2]} could not be found.")
    # Neutron refuses nobody who lists: what the policy hides is just not there.
    shown = rows if cloud.may(token, f"get_{name[:-1]}") else []
    return _listed(cloud, request, name, shown)


def _project(request: Request, token: Token) -> str | None:
    """Return the only project to show: an admin sees all unless she names one, others see their own."""
    wanted = request.query.get("project_id", request.query.get("tenant_id"))
    if token.is_admin:
        return wanted
    # Neutron refuses nobody who lists: whom the policy does not let read, sees nothing.
    if not _READERS.intersection(token.roles):
        return ""
    # Somebody else's project isn't refused: the list is just empty.
    return token.project_id if wanted in {None, token.project_id} else ""


def _lives(cloud: DemoCloud, region: Region, project_id: str | None) -> Iterator[tuple[Life, int]]:
    now_us = cloud.clock.now_us()
    for number in region.index.select(Selection(project_id), now_us):
        yield region.history.life(number), now_us


def _holders(cloud: DemoCloud, region: Region, project_id: str | None, kind: str) -> Iterator[Holder]:
    for one in region.history.site.holders:
        mine = project_id in {None, one.project_id}
        if one.kind == kind and mine and one.is_there(cloud.clock.now_us()):
            yield one


def _floating_ips(cloud: DemoCloud, region: Region, project_id: str | None) -> Iterator[dict[str, Any]]:
    for life, _ in _lives(cloud, region, project_id):
        for place, address in enumerate(life.floating_ips):
            owned = FloatingIp(uuid_id(life.id, "fip", place), life.project_id, address, life.created_us)
            yield _floating_ip(owned, life.id, fixed_ip=life.fixed_ip)
    for free in region.history.site.floating_ips:
        if project_id in {None, free.project_id} and free.created_us <= cloud.clock.now_us():
            yield _floating_ip(free)
    for one in _holders(cloud, region, project_id, FLOATING_IP):
        now = one.at(cloud.clock.now_us())
        held = FloatingIp(one.id, one.project_id, now.addresses[0], one.created_us)
        yield _floating_ip(
            held, now.device_id, owner=now.device_owner, updated_us=now.at_us, network_id=one.network_id
        )


def _floating_ip(
    one: FloatingIp,
    device_id: str = "",
    *,
    owner: str = "compute:nova",
    fixed_ip: str = "10.0.0.2",
    updated_us: int | None = None,
    network_id: str | None = None,
) -> dict[str, Any]:
    details = None
    if device_id:
        details = {
            "name": "",
            "network_id": uuid_id("network"),
            "mac_address": "fa:16:3e:00:00:01",
            "admin_state_up": True,
            "status": "ACTIVE",
            "device_id": device_id,
            "device_owner": owner,
        }
    return {
        "id": one.id,
        "project_id": one.project_id,
        "tenant_id": one.project_id,
        "floating_ip_address": one.address,
        "fixed_ip_address": fixed_ip if device_id else None,
        "floating_network_id": network_id or uuid_id(PUBLIC),
        "port_id": uuid_id(device_id, "port") if device_id else None,
        "port_details": details,
        "port_forwardings": [],
        "router_id": None,
        "status": "ACTIVE" if device_id else "DOWN",
        "description": "",
        "dns_domain": "",
        "dns_name": "",
        "tags": [],
        "revision_number": 1,
        "created_at": iso(one.created_us),
        "updated_at": iso(one.created_us if updated_us is None else updated_us),
    }


def _ports(cloud: DemoCloud, region: Region, project_id: str | None) -> Iterator[dict[str, Any]]:
    for life, _ in _lives(cloud, region, project_id):
        port = _port(uuid_id(life.id, "port"), life.project_id, uuid_id("network"), life.created_us)
        yield port | {
            "device_id": life.id,
            "device_owner": "compute:nova",
            "fixed_ips": [{"subnet_id": uuid_id("subnet"), "ip_address": life.fixed_ip}],
        }
    for one in _holders(cloud, region, project_id, PORT):
        now = one.at(cloud.clock.now_us())
        yield _port(one.id, one.project_id, one.network_id, one.created_us) | {
            "name": one.name,
            "device_id": now.device_id,
            "device_owner": now.device_owner,
            "fixed_ips": _fixed(now.addresses),
            "updated_at": iso(now.at_us),
        }
    # Neutron's own port of each floating IP is nobody's: only an administrator sees it.
    for one in _holders(cloud, region, project_id, FLOATING_IP) if project_id is None else ():
        now = one.at(cloud.clock.now_us())
        yield _port(uuid_id(one.id, "port"), "", one.network_id, one.created_us) | {
            "device_id": one.id,
            "device_owner": "network:floatingip",
            "fixed_ips": _fixed(now.addresses),
        }


def _port(one_id: str, project_id: str, network_id: str, created_us: int) -> dict[str, Any]:
    return {
        "id": one_id,
        "name": "",
        "project_id": project_id,
        "tenant_id": project_id,
        "network_id": network_id,
        "mac_address": f"fa:16:3e:{one_id[:2]}:{one_id[2:4]}:{one_id[4:6]}",
        "status": "ACTIVE",
        "admin_state_up": True,
        "description": "",
        "revision_number": 1,
        "created_at": iso(created_us),
        "updated_at": iso(created_us),
    }


def _fixed(addresses: tuple[str, ...]) -> list[dict[str, str]]:
    return [{"subnet_id": uuid_id("subnet", ":" in one), "ip_address": one} for one in addresses]


def _routers(cloud: DemoCloud, region: Region, project_id: str | None) -> Iterator[dict[str, Any]]:
    for one in _holders(cloud, region, project_id, ROUTER):
        now = one.at(cloud.clock.now_us())
        gateway = {
            "network_id": one.network_id,
            "enable_snat": True,
            "external_fixed_ips": _fixed(now.addresses),
        }
        yield {
            "id": one.id,
            "name": one.name,
            "project_id": one.project_id,
            "tenant_id": one.project_id,
            "external_gateway_info": gateway if now.addresses else None,
            "status": "ACTIVE",
            "admin_state_up": True,
            "description": "",
            "revision_number": 1,
            "created_at": iso(one.created_us),
            "updated_at": iso(now.at_us),
        }


def _networks(
    cloud: DemoCloud,  # noqa: ARG001 - the other listings depend on the clock
    region: Region,
    project_id: str | None,  # noqa: ARG001 - who sees a network is not who owns it
) -> Iterator[dict[str, Any]]:
    for one in region.history.site.networks:
        yield {
            "id": one.id,
            "name": one.name,
            "router:external": one.external,
            "shared": False,
            "status": "ACTIVE",
            "admin_state_up": True,
            "_of": frozenset(one.projects),
        }


def _trunks(
    cloud: DemoCloud,  # noqa: ARG001 - as above
    region: Region,
    project_id: str | None,
) -> Iterator[dict[str, Any]]:
    for one in region.history.site.trunks:
        if project_id in {None, one.project_id}:
            yield {"id": one.id, "project_id": one.project_id, "port_id": one.port_id, "sub_ports": []}


_MAKERS = {
    "floatingips": _floating_ips,
    "ports": _ports,
    "routers": _routers,
    "networks": _networks,
    "trunks": _trunks,
}

_OPERATORS = frozenset({"fields", "limit", "marker", "sort_key", "sort_dir", "page_reverse", "tenant_id"})


def _listed(cloud: DemoCloud, request: Request, name: str, found: list[dict[str, Any]]) -> Response:
    """Filter, order, page and trim a list the way that Neutron does."""
    asked = parse_qsl(request.query_string, keep_blank_values=True)
    for key in {key for key, _ in asked} - _OPERATORS:
        values = {value for wanted, value in asked if wanted == key}
        found = [one for one in found if key not in one or str(one[key]) in values]
    found.sort(key=lambda one: one["id"])
    query = request.query
    content: dict[str, Any] = {}
    if "limit" in query or "marker" in query:
        if not query.get("limit", "0").isdecimal():
            raise Refusal(400, "Invalid input for limit")
        size = min(int(query.get("limit", "0")) or cloud.options.page_cap, cloud.options.page_cap)
        if "marker" in query:
            found = [one for one in found if one["id"] > query["marker"]]
        if len(found) > size:
            url = f"{request.base_url}{request.path}?limit={size}&marker={found[size - 1]['id']}"
            content[f"{name}_links"] = [{"rel": "next", "href": url}]
        found = found[:size]
    if request.short_page:
        found = found[: len(found) // 2]
        content = {}
    fields = [value for key, value in asked if key == "fields"]
    if fields:
        found = [{key: one[key] for key in fields if key in one} for one in found]
    content[name] = found
    return answer(content)
