"""Nova's legacy notifications of what `bench.heard` tells, in the envelope of oslo.messaging (2.0).

Fields and context are those of a Nova of 2026, 3.1 kB on average. Nothing but what changes something is sent:
the `.start` of an action, of which nothing is made, is not among them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from usance.model import resource
from usance.model.observation import Observation, Verb
from usance.model.resource import Value

_STATES = {"building": "create.start", "resized": "finish_resize.end", "stopped": "power_off.end"}
_AFTER = {"building": "create.end", "resized": "resize.confirm.end"}  # a server is active again


def messages(said: Sequence[Observation]) -> list[bytes]:
    """Return a message for each observation of servers, in the order given; a doubled one has the same id."""
    servers: dict[str, _Server] = {}
    bodies: dict[tuple[str, datetime], bytes] = {}
    for one in sorted(said, key=lambda one: one.at):
        fact = (one.resource.id, one.at)
        if fact not in bodies:
            bodies[fact] = servers.setdefault(one.resource.id, _Server()).tell(one)
    return [bodies[one.resource.id, one.at] for one in said]


class _Server:
    """What Nova knows of a server when it sends the next message."""

    def __init__(self) -> None:
        self._accounted: dict[str, Value] = {}
        self._described: dict[str, Value] = {}
        self._launched = ""

    def tell(self, one: Observation) -> bytes:
        """Return the message, and remember what it says."""
        before = self._accounted.get(resource.STATE, "building")
        self._accounted |= one.accounted
        self._described |= one.described
        if one.verb is Verb.DELETED:
            return _enveloped(one, "delete.end", self._payload(one, state="deleted", ended=_iso(one.at)))
        state = str(one.accounted[resource.STATE])
        event = _STATES.get(state) or _AFTER.get(str(before), "power_on.end")
        if event == "create.end":
            self._launched = _iso(one.at)
        return _enveloped(one, event, self._payload(one, state=state))

    def _payload(self, one: Observation, *, state: str, ended: str = "") -> dict[str, Any]:
        known, shown = self._accounted, self._described
        disk, ephemeral = int(known[resource.DISK_GIB]), int(known[resource.EPHEMERAL_GIB])
        return {
            "tenant_id": one.resource.project_id,
            "user_id": known[resource.USER_ID],
            "instance_id": one.resource.id,
            "display_name": shown["name"],
            "reservation_id": f"r-{one.resource.id[:8]}",
            "hostname": shown["name"],
            "instance_type": known[resource.FLAVOR],
            "instance_type_id": 7,
            "instance_flavor_id": str(uuid5(NAMESPACE_OID, str(known[resource.FLAVOR]))),
            "architecture": None,
            "memory_mb": known[resource.RAM_MIB],
            "disk_gb": disk + ephemeral,
            "vcpus": known[resource.VCPUS],
            "root_gb": disk,
            "ephemeral_gb": ephemeral,
            "host": shown["host"],
            "node": shown["host"],
            "availability_zone": shown["zone"],
            "cell_name": "",
            "created_at": f"{one.created_at:%Y-%m-%d %H:%M:%S}+00:00",
            "terminated_at": ended,
            "deleted_at": ended,
            "launched_at": self._launched,
            "image_ref_url": f"http://glance.example:9292/images/{known[resource.IMAGE_ID]}",
            "os_type": None,
            "kernel_id": "",
            "ramdisk_id": "",
            "state": state,
            "state_description": "",
            "progress": "",
            "access_ip_v4": None,
            "access_ip_v6": None,
            "image_meta": {
                "owner_specified.openstack.md5": "",
                "owner_specified.openstack.sha256": "",
                "owner_specified.openstack.object": "images/debian-12",
                "min_ram": "0",
                "min_disk": str(disk),
                "disk_format": "raw",
                "container_format": "bare",
                "base_image_ref": known[resource.IMAGE_ID],
            },
            "metadata": {"group": "workers", "role": "web"},
        }


def _enveloped(one: Observation, event: str, payload: dict[str, Any]) -> bytes:
    """Return a message with the context of its request beside it, a token (made up) in it."""
    project, user = one.resource.project_id, payload["user_id"]
    context = {
        "user": user,
        "tenant": project,
        "system_scope": None,
        "project": project,
        "domain": None,
        "user_domain": "default",
        "project_domain": "default",
        "is_admin": False,
        "read_only": False,
        "show_deleted": False,
        "auth_token": "gAAAAAB" + "x" * 176,
        "request_id": one.occurrence,
        "global_request_id": None,
        "resource_uuid": None,
        "roles": ["member", "reader"],
        "user_identity": f"{user} {project} - default default",
        "is_admin_project": True,
        "read_deleted": "no",
        "remote_address": "192.0.2.7",
        "timestamp": f"{one.at:%Y-%m-%dT%H:%M:%S.%f}",
        "quota_class": None,
        "user_name": "worker",
        "service_catalog": [],
        "project_name": f"name of {project}",
        "user_id": user,
        "project_id": project,
        "user_domain_name": "Default",
        "project_domain_name": "Default",
        "client_timeout": None,
    }
    unique = uuid5(NAMESPACE_OID, f"{one.resource.id} {one.at}")
    message = {
        "message_id": str(unique),
        "publisher_id": f"compute.{payload['host']}",
        "event_type": f"compute.instance.{event}",
        "priority": "INFO",
        "payload": payload,
        "timestamp": f"{one.at:%Y-%m-%d %H:%M:%S.%f}",
        "_unique_id": unique.hex,
        **{f"_context_{name}": value for name, value in context.items()},
    }
    return json.dumps({"oslo.version": "2.0", "oslo.message": json.dumps(message)}).encode()


def _iso(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S.%f}"
