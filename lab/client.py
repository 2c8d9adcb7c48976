"""A very small OpenStack client: a token, the catalog, and one request at a time."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

from place import PASSWORD, REGION

Json = dict[str, Any]
VERSIONS = {"block-storage": "volume 3.70", "placement": "placement 1.39"}


class Refused(Exception):  # noqa: N818 - the answer of a service, not a fault of ours
    """A service did not do what it was asked for."""

    def __init__(self, method: str, url: str, status: int, text: str) -> None:
        super().__init__(f"{method} {url}: {status} {text[:500]}")
        self.status = status
        self.text = text


class Answer:
    """What a service answered: its status, its headers and its JSON."""

    def __init__(self, status: int, headers: Any, body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body: Json = json.loads(body) if body.strip().startswith(b"{") else {}


def send(method: str, url: str, headers: dict[str, str], data: bytes | None = None) -> Answer:
    """Send one request; anything from 400 up is a :class:`Refused`."""
    request = urllib.request.Request(url, data=data, method=method, headers=headers)  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request, timeout=120) as response:  # noqa: S310 - loopback
            return Answer(response.status, response.headers, response.read())
    except urllib.error.HTTPError as error:
        raise Refused(method, url, error.code, error.read().decode(errors="replace")) from None


class Cloud:
    """The cloud as one user sees it, in one project or (for Keystone) in the whole system."""

    def __init__(self, auth_url: str, user: str, project: str | None, password: str = PASSWORD) -> None:
        """Fetch a token: for a project (by its name in the domain Default), or for the system."""
        domain = {"id": "default"}
        scope: Json = (
            {"project": {"name": project, "domain": domain}} if project else {"system": {"all": True}}
        )
        identity = {
            "methods": ["password"],
            "password": {"user": {"name": user, "domain": domain, "password": password}},
        }
        data = json.dumps({"auth": {"identity": identity, "scope": scope}}).encode()
        answer = send("POST", f"{auth_url}/auth/tokens", {"Content-Type": "application/json"}, data)
        token = answer.body["token"]
        self.token: str = answer.headers["X-Subject-Token"]
        self.project_id: str = token["project"]["id"] if project else ""
        self.user_id: str = token["user"]["id"]
        self.endpoints = {
            service["type"]: endpoint["url"]
            for service in token.get("catalog", [])
            for endpoint in service["endpoints"]
            if endpoint["interface"] == "public" and endpoint["region_id"] == REGION
        }
        self.microversion = "2.100"

    def call(
        self,
        method: str,
        service: str,
        path: str,
        body: Json | bytes | None = None,
        version: str | None = None,
    ) -> Answer:
        """Call a service of the catalog; *path* begins with a slash."""
        headers = {"X-Auth-Token": self.token, "Accept": "application/json"}
        if service == "compute":
            headers["OpenStack-API-Version"] = f"compute {version or self.microversion}"
        if service in VERSIONS:
            headers["OpenStack-API-Version"] = VERSIONS[service]
        data = None
        if isinstance(body, bytes):
            data, headers["Content-Type"] = body, "application/octet-stream"
        elif body is not None:
            data, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
        return send(method, self.endpoints[service].rstrip("/") + path, headers, data)

    def get(self, service: str, path: str, version: str | None = None) -> Json:
        """Return what lies at a path."""
        return self.call("GET", service, path, version=version).body

    def post(self, service: str, path: str, body: Json) -> Json:
        """Make something and return it."""
        return self.call("POST", service, path, body).body


def wait_for(what: str, ready: Callable[[], bool], limit_s: float = 600, pause_s: float = 1) -> None:
    """Ask again and again until the answer is yes; a refusal counts as no.

    The limit is for what never comes: on a busy machine a server was seen to take two minutes to boot.
    """
    limit = time.monotonic() + limit_s
    trouble = ""
    while time.monotonic() < limit:
        try:
            if ready():
                return
        except (Refused, OSError) as error:
            trouble = f": {error}"
        time.sleep(pause_s)
    raise TimeoutError(f"waited {limit_s:.0f} s in vain for {what}{trouble}")
