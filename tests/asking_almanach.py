"""A client of Almanach's routes, as those who bill have them."""

from __future__ import annotations

import json
import uuid
from typing import Any

import httpx2

import plain_http
from loopback_api import KEY

BAD_DATE = (
    "The provided date has an invalid format. Format should be of yyyy-mm-ddThh:mm:ss.msZ, "
    "ex: 2015-01-31T18:24:34.1523Z"
)


def mandatory(name: str) -> dict[str, str]:
    return {"error": f"The '{name}' param is mandatory for the request you have made."}


class Client:
    """Asks one API with one token."""

    def __init__(self, url: str, token: str | None = KEY, prefix: str = "") -> None:
        self.url = url + prefix
        self.headers = {} if token is None else {"X-Auth-Token": token}

    def ask(self, method: str, path: str, body: Any = None, **query: str) -> httpx2.Response:
        """Send a body as JSON with no content type, as Almanach's users do."""
        content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        return plain_http.request(
            method, f"{self.url}{path}", content=content, params=query, headers=self.headers, timeout=30
        )

    def get(self, path: str, **query: str) -> httpx2.Response:
        return self.ask("GET", path, **query)

    def post(self, path: str, body: Any) -> httpx2.Response:
        return self.ask("POST", path, body)

    def put(self, path: str, body: Any, **query: str) -> httpx2.Response:
        return self.ask("PUT", path, body, **query)

    def delete(self, path: str, body: Any = None) -> httpx2.Response:
        return self.ask("DELETE", path, body)

    def listed(self, project_id: str, what: str = "entities", **query: str) -> list[dict[str, Any]]:
        answer = self.get(f"/project/{project_id}/{what}", **({"start": "2014-01-01 00:00:00.000"} | query))
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()
        return found

    # --- things that are there -----------------------------------------------------------------

    def instance(self, project_id: str, **more: Any) -> str:
        """Create an instance, at 18:30 on the first of January 2016, and return its id."""
        body = instance_body(**more)
        answer = self.post(f"/project/{project_id}/instance", body)
        assert (answer.status_code, answer.content) == (201, b"")
        return str(body["id"])

    def volume(self, project_id: str, volume_type: str | None, **more: Any) -> str:
        """Create a volume, at 18:30 on the first of January 2016, and return its id."""
        body = volume_body(volume_type, **more)
        answer = self.post(f"/project/{project_id}/volume", body)
        assert (answer.status_code, answer.content) == (201, b"")
        return str(body["volume_id"])

    def volume_type(self, name: str = "fast") -> str:
        """Name a type of volumes, and return its id."""
        type_id = new_id()
        assert self.post("/volume_type", {"type_id": type_id, "type_name": name}).status_code == 201
        return type_id


def new_id() -> str:
    return str(uuid.uuid4())


def instance_body(**more: Any) -> dict[str, Any]:
    return {
        "id": new_id(),
        "created_at": "2016-01-01T18:30:00Z",
        "name": "web",
        "flavor": "m1.small",
        "os_type": "linux",
        "os_distro": "ubuntu",
        "os_version": "14.04",
    } | more


def volume_body(volume_type: str | None, **more: Any) -> dict[str, Any]:
    return {
        "volume_id": new_id(),
        "start": "2016-01-01T18:30:00Z",
        "volume_type": volume_type,
        "size": 100,
        "volume_name": "data",
        "attached_to": [],
    } | more


def without(body: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key != name}
