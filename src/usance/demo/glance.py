"""Glance v2: images and the schema that its client asks for."""

from __future__ import annotations

from typing import Any

from usance.demo.cloud import DemoCloud, Region
from usance.demo.site import Image
from usance.demo.tokens import Token
from usance.demo.web import Refusal, Request, Response, answer, unauthorized


def handle(cloud: DemoCloud, region: Region, request: Request, parts: list[str]) -> Response:
    """Answer a request to `/<region>/image/...`; *parts* are the segments behind that."""
    base_url = f"{request.base_url}/{region.name}/image"
    if parts in ([], ["versions"]):
        link = [{"rel": "self", "href": f"{base_url}/v2/"}]
        return answer({"versions": [{"id": "v2.17", "status": "CURRENT", "links": link}]}, 300)
    token = cloud.tokens.find(request.headers.get("x-auth-token", ""))
    if token is None:
        return unauthorized()
    try:
        return _route(cloud, region.history.site.images, request, parts, token)
    except Refusal as refusal:
        return answer({"code": refusal.status, "message": refusal.message}, refusal.status)


def _route(
    cloud: DemoCloud, images: tuple[Image, ...], request: Request, parts: list[str], token: Token
) -> Response:
    if parts == ["v2", "schemas", "image"]:
        return answer(_SCHEMA)
    if parts == ["v2", "images"]:
        if not cloud.may(token, "get_images"):
            raise Refusal(403, "You are not authorized to complete get_images action.")
        return _listed(cloud, request, images)
    if parts[:2] == ["v2", "images"] and len(parts) == 3:
        for image in images:
            if image.id == parts[2]:
                return answer(_image(image))
    raise Refusal(404, "No image found")


def _listed(cloud: DemoCloud, request: Request, images: tuple[Image, ...]) -> Response:
    query = request.query
    limit = query.get("limit", "25")
    if not limit.isdecimal():
        raise Refusal(400, "limit param must be an integer")
    size = min(int(limit), cloud.options.page_cap)
    ids = [image.id for image in images]
    marker = query.get("marker")
    if marker is not None and marker not in ids:
        raise Refusal(400, "Invalid marker. Image could not be found.")
    start = 0 if marker is None else ids.index(marker) + 1
    shown = images[start : start + size]
    content: dict[str, Any] = {
        "images": [_image(image) for image in shown],
        "first": f"/v2/images?limit={size}",
        "schema": "/v2/schemas/images",
    }
    if size and len(shown) == size:
        content["next"] = f"/v2/images?limit={size}&marker={shown[-1].id}"
    return answer(content)


def _image(image: Image) -> dict[str, Any]:
    return {
        **image.properties,
        "id": image.id,
        "name": image.name,
        "status": "active",
        "visibility": "public",
        "container_format": "bare",
        "disk_format": "qcow2",
        "size": 4096,
        "min_disk": 0,
        "min_ram": 0,
        "protected": False,
        "os_hidden": False,
        "tags": [],
        "created_at": "2025-01-01T00:00:00Z",
        "updated_at": "2025-01-01T00:00:00Z",
        "self": f"/v2/images/{image.id}",
        "file": f"/v2/images/{image.id}/file",
        "schema": "/v2/schemas/image",
    }


_SCHEMA = {
    "name": "image",
    "properties": {
        key: {"type": "string"}
        for key in (
            "id",
            "name",
            "status",
            "visibility",
            "created_at",
            "updated_at",
            "self",
            "file",
            "schema",
        )
    },
    "additionalProperties": {"type": "string"},
}
