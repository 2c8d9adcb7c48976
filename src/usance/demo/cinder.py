"""Cinder v3: a few volumes to which nothing happens."""

from __future__ import annotations

from typing import Any

from usance.demo.cloud import DemoCloud, Region
from usance.demo.site import Volume
from usance.demo.tokens import Token
from usance.demo.web import Refusal, Request, Response, answer, iso_micro, unauthorized


def handle(cloud: DemoCloud, region: Region, request: Request, parts: list[str]) -> Response:
    """Answer a request to `/<region>/volume/...`; *parts* are the segments behind that."""
    version = {
        "id": "v3.0",
        "status": "CURRENT",
        "version": "3.71",
        "min_version": "3.0",
        "updated": "2023-08-31T00:00:00Z",
        "links": [{"rel": "self", "href": f"{request.base_url}/{region.name}/volume/v3/"}],
    }
    if not parts:
        return answer({"versions": [version]}, 300)
    if parts == ["v3"]:
        return answer({"versions": [version]})
    token = cloud.tokens.find(request.headers.get("x-auth-token", ""))
    if token is None:
        return unauthorized()
    try:
        return _route(cloud, region, request, parts, token)
    except Refusal as refusal:
        name = {400: "badRequest", 403: "forbidden", 404: "itemNotFound"}.get(refusal.status, "computeFault")
        return answer({name: {"code": refusal.status, "message": refusal.message}}, refusal.status)


def _route(cloud: DemoCloud, region: Region, request: Request, parts: list[str], token: Token) -> Response:
    # The project stands in the URL; since 3.67 it may be left to the token.
    named = len(parts) > 1 and parts[1] != "volumes"
    if token.project_id is None or (named and parts[1] != token.project_id):
        raise Refusal(403, "Policy doesn't allow this request to be performed in another project.")
    if parts[2 if named else 1 :] == ["volumes", "detail"]:
        return _listed(cloud, region, request, token)
    raise Refusal(404, "The resource could not be found.")


def _listed(cloud: DemoCloud, region: Region, request: Request, token: Token) -> Response:
    query, now_us = request.query, cloud.clock.now_us()
    limit = query.get("limit", str(cloud.options.page_cap))
    if not limit.isdecimal():
        raise Refusal(400, "limit must be an integer")
    size = min(int(limit), cloud.options.page_cap)
    everything = token.is_admin and query.get("all_tenants", "0") in {"1", "True", "true"}
    volumes = [
        one
        for one in region.history.site.volumes
        if (everything or one.project_id == token.project_id) and one.created_us <= now_us
    ]
    marker = query.get("marker")
    if marker is not None:
        ids = [one.id for one in volumes]
        if marker not in ids:
            raise Refusal(404, f"Volume {marker} could not be found.")
        volumes = volumes[ids.index(marker) + 1 :]
    content: dict[str, Any] = {"volumes": [_volume(one) for one in volumes[:size]]}
    if size and len(volumes) >= size:
        url = f"{request.base_url}{request.path}?limit={size}&marker={volumes[size - 1].id}"
        content["volumes_links"] = [{"rel": "next", "href": url}]
    return answer(content)


def _volume(volume: Volume) -> dict[str, Any]:
    return {
        "id": volume.id,
        "name": volume.name,
        "status": "available",
        "size": volume.size_gib,
        "user_id": volume.user_id,
        "os-vol-tenant-attr:tenant_id": volume.project_id,
        "volume_type": "standard",
        "attachments": [],
        "metadata": {},
        "description": None,
        "bootable": "false",
        "encrypted": False,
        "multiattach": False,
        "availability_zone": "nova",
        "snapshot_id": None,
        "source_volid": None,
        "created_at": iso_micro(volume.created_us),
        "updated_at": iso_micro(volume.created_us),
        "links": [],
    }
