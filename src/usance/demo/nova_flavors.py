"""Flavors of the simulated Nova, and the usage that it works out by them."""

from __future__ import annotations

from typing import Any

from usance.demo.index import Selection
from usance.demo.life import Life
from usance.demo.nova_call import Call, enforce, marked, next_url, page_size, seconds
from usance.demo.site import Flavor
from usance.demo.web import Refusal, Response, answer, iso_micro


def _flavors(call: Call) -> list[Flavor]:
    everything = call.token.is_admin and call.request.query.get("is_public", "").lower() == "none"
    return [one for one in call.region.history.site.flavors if one.listed and (one.public or everything)]


def list_flavors(call: Call) -> Response:
    """Answer `flavors/detail`."""
    flavors, size = _flavors(call), page_size(call)
    marker = call.request.query.get("marker")
    if marker is not None:
        ids = [one.id for one in flavors]
        if marker not in ids:
            raise Refusal(400, f"marker [{marker}] not found")
        flavors = flavors[ids.index(marker) + 1 :]
    content: dict[str, Any] = {"flavors": [_flavor(call, one) for one in flavors[:size]]}
    if size and len(flavors) >= size:
        url = next_url(call, "flavors/detail", flavors[size - 1].id, size)
        content["flavors_links"] = [{"rel": "next", "href": url}]
    return answer(content)


def _flavor(call: Call, flavor: Flavor) -> dict[str, Any]:
    shown = {
        "id": flavor.id,
        "name": flavor.name,
        "vcpus": flavor.vcpus,
        "ram": flavor.ram_mib,
        "disk": flavor.disk_gib,
        "swap": 0 if call.version >= (2, 75) else "",
        "rxtx_factor": 1.0,
        "OS-FLV-EXT-DATA:ephemeral": flavor.ephemeral_gib,
        "OS-FLV-DISABLED:disabled": False,
        "os-flavor-access:is_public": flavor.public,
        "links": [{"rel": "self", "href": f"{call.base_url}/flavors/{flavor.id}"}],
    }
    if call.version >= (2, 55):
        shown["description"] = None
    if call.version >= (2, 61) and call.style.flavor_specs:
        shown["extra_specs"] = flavor.extra_specs
    return shown


def _flavor_named(call: Call, flavor_id: str) -> Flavor:
    for one in call.region.history.site.flavors:
        if one.id == flavor_id and one.listed and (one.public or call.token.is_admin):
            return one
    raise Refusal(404, f"Flavor {flavor_id} could not be found.")


def show_flavor(call: Call, flavor_id: str) -> Response:
    """Answer `flavors/<id>`: a deleted flavor is not found, and a private one by admins only."""
    return answer({"flavor": _flavor(call, _flavor_named(call, flavor_id))})


def show_specs(call: Call, flavor_id: str) -> Response:
    """Answer `flavors/<id>/os-extra_specs`."""
    enforce(call, "os-flavor-extra-specs:index")
    return answer({"extra_specs": _flavor_named(call, flavor_id).extra_specs})


def show_usage(call: Call, project_id: str) -> Response:
    """Answer `os-simple-tenant-usage`: it counts from launched_at, which moves, and by the latest flavor."""
    enforce(call, "os-simple-tenant-usage:show")
    if not call.token.is_admin and project_id != call.token.project_id:
        action = "os_compute_api:os-simple-tenant-usage:show"
        raise Refusal(403, f"Policy doesn't allow {action} to be performed.")
    query, size = call.request.query, page_size(call)
    start_us = seconds(query.get("start", "1970-01-01")) * 1_000_000
    end_us = seconds(query["end"]) * 1_000_000 if "end" in query else call.now_us
    after = marked(call) if call.version >= (2, 40) else None
    usages = []
    for number in call.region.index.select(Selection(project_id, deleted=None), call.now_us, after):
        usage = _server_usage(call, call.region.history.life(number), start_us, end_us)
        if usage is not None:
            usages.append(usage)
        if len(usages) == size:
            break
    if not usages:
        return answer({"tenant_usage": {}})
    content: dict[str, Any] = {
        "tenant_usage": {
            "tenant_id": project_id,
            "server_usages": usages,
            "start": iso_micro(start_us),
            "stop": iso_micro(end_us),
            "total_hours": sum(one["hours"] for one in usages),
            "total_vcpus_usage": sum(one["hours"] * one["vcpus"] for one in usages),
            "total_memory_mb_usage": sum(one["hours"] * one["memory_mb"] for one in usages),
            "total_local_gb_usage": sum(one["hours"] * one["local_gb"] for one in usages),
        }
    }
    if call.version >= (2, 40) and len(usages) == size:
        path = f"os-simple-tenant-usage/{project_id}"
        url = next_url(call, path, usages[-1]["instance_id"], size)
        content["tenant_usage_links"] = [{"rel": "next", "href": url}]
    return answer(content)


def _server_usage(call: Call, life: Life, start_us: int, end_us: int) -> dict[str, Any] | None:
    view = life.at(call.now_us)
    if not view.launched_us or view.launched_us >= end_us or 0 < view.terminated_us <= start_us:
        return None
    flavor = view.flavor
    last_us = min(view.terminated_us or end_us, end_us)
    used_us = max(0, last_us - max(view.launched_us, start_us))
    return {
        "instance_id": life.id,
        "name": life.name,
        "hours": used_us / 3_600_000_000,
        "uptime": max(0, (view.terminated_us or call.now_us) - view.launched_us) // 1_000_000,
        "flavor": flavor.name if flavor else "",
        "vcpus": flavor.vcpus if flavor else 0,
        "memory_mb": flavor.ram_mib if flavor else 0,
        "local_gb": flavor.disk_gib + flavor.ephemeral_gib if flavor else 0,
        "state": "terminated" if view.terminated_us else view.state,
        "tenant_id": life.project_id,
        "started_at": iso_micro(view.launched_us),
        "ended_at": iso_micro(view.terminated_us) if view.terminated_us else None,
    }
