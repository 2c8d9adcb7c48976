"""Neutron v2.0: floating IPs and ports, of the servers and of nobody."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

from usance.demo.cloud import DemoCloud, Region
from usance.demo.index import Selection
from usance.demo.life import Life
from usance.demo.site import FloatingIp, uuid_id
from usance.demo.tokens import Token
from usance.demo.web import Refusal, Request, Response, answer, iso, unauthorized


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
    name = parts[1] if len(parts) == 2 and parts[0] == "v2.0" else ""
    if name not in {"floatingips", "ports"}:
        raise Refusal(404, "The resource could not be found.")
    if token.project_id is None:
        raise Refusal(403, f"rule:get_{name[:-1]} is disallowed by policy")
    make = _floating_ips if name == "floatingips" else _ports
    return _listed(cloud, request, name, list(make(cloud, region, _project(request, token))))


def _project(request: Request, token: Token) -> str | None:
    """Return the only project to show: an admin sees all unless she names one, others see their own."""
    wanted = request.query.get("project_id", request.query.get("tenant_id"))
    if token.is_admin:
        return wanted
    # Somebody else's project isn't refused: the list is just empty.
    return token.project_id if wanted in {None, token.project_id} else ""


def _lives(cloud: DemoCloud, region: Region, project_id: str | None) -> Iterator[tuple[Life, int]]:
    now_us = cloud.clock.now_us()
    for number in region.index.select(Selection(project_id), now_us):
        yield region.history.life(number), now_us


def _floating_ips(cloud: DemoCloud, region: Region, project_id: str | None) -> Iterator[dict[str, Any]]:
    for life, _ in _lives(cloud, region, project_id):
        for place, address in enumerate(life.floating_ips):
            owned = FloatingIp(uuid_id(life.id, "fip", place), life.project_id, address, life.created_us)
            yield _floating_ip(owned, life)
    for free in region.history.site.floating_ips:
        if project_id in {None, free.project_id} and free.created_us <= cloud.clock.now_us():
            yield _floating_ip(free, None)


def _floating_ip(one: FloatingIp, life: Life | None) -> dict[str, Any]:
    details = None
    if life is not None:
        details = {
            "name": "",
            "network_id": uuid_id("network"),
            "mac_address": "fa:16:3e:00:00:01",
            "admin_state_up": True,
            "status": "ACTIVE",
            "device_id": life.id,
            "device_owner": "compute:nova",
        }
    return {
        "id": one.id,
        "project_id": one.project_id,
        "tenant_id": one.project_id,
        "floating_ip_address": one.address,
        "fixed_ip_address": None if life is None else life.fixed_ip,
        "floating_network_id": uuid_id("public"),
        "port_id": None if life is None else uuid_id(life.id, "port"),
        "port_details": details,
        "router_id": None,
        "status": "DOWN" if life is None else "ACTIVE",
        "description": "",
        "dns_domain": "",
        "dns_name": "",
        "tags": [],
        "revision_number": 1,
        "created_at": iso(one.created_us),
        "updated_at": iso(one.created_us),
    }


def _ports(cloud: DemoCloud, region: Region, project_id: str | None) -> Iterator[dict[str, Any]]:
    for life, _ in _lives(cloud, region, project_id):
        yield {
            "id": uuid_id(life.id, "port"),
            "name": "",
            "project_id": life.project_id,
            "tenant_id": life.project_id,
            "network_id": uuid_id("network"),
            "device_id": life.id,
            "device_owner": "compute:nova",
            "fixed_ips": [{"subnet_id": uuid_id("subnet"), "ip_address": life.fixed_ip}],
            "mac_address": f"fa:16:3e:{life.id[:2]}:{life.id[2:4]}:{life.id[4:6]}",
            "status": "ACTIVE",
            "admin_state_up": True,
            "created_at": iso(life.created_us),
            "updated_at": iso(life.created_us),
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
    fields = [value for key, value in asked if key == "fields"]
    if fields:
        found = [{key: one[key] for key in fields if key in one} for one in found]
    content[name] = found
    return answer(content)
