"""Nova's messages, made from the life of a scripted server, in both of its formats."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from usance.collector import nova_legacy, nova_versioned
from usance.collector.envelope import open_envelope
from usance.model.observation import Observation

EVENTS = {event.type: event for event in nova_legacy.EVENTS + nova_versioned.EVENTS}

SERVER_ID = "server-1"
CREATED = "2026-11-20 10:00:00+00:00"
FLAVORS = {"m1.small": (1, 2048, 20), "m1.large": (4, 8192, 80), "g1.gpu": (8, 32768, 120)}

_REAL = Path(__file__).with_name("nova.jsonl")


def real(event_type: str) -> dict[str, Any]:
    """Return a message that a real Nova sent; its payload is trimmed."""
    for line in _REAL.read_text("utf-8").splitlines():
        message: dict[str, Any] = json.loads(line)
        if message["event_type"] == event_type:
            return message
    raise LookupError(event_type)


def in_envelope(message: dict[str, Any]) -> bytes:
    return json.dumps({"oslo.version": "2.0", "oslo.message": json.dumps(message)}).encode()


def read(*messages: dict[str, Any]) -> list[Observation]:
    """Return what the messages say, out of their envelopes and through the event table."""
    said: list[Observation] = []
    for message in messages:
        notification = open_envelope(in_envelope(message))
        event = EVENTS.get(notification.event_type)
        if event is not None:
            said += event.reader(notification, "cloud-1").observations
    return said


class Server:
    """A server whose messages are asked for as its life goes on."""

    def __init__(self, flavor: str = "m1.small") -> None:
        self.flavor = flavor
        self.state = "building"
        self.task = ""
        self.image = "image-1"
        self.name = "web"
        self.host = "compute1"
        self.metadata = {"stage": "test"}
        self.launched_at = ""
        self.terminated_at = ""

    def both(self, legacy: str, versioned: str, when: datetime, request: str) -> list[dict[str, Any]]:
        """Return an event in both formats."""
        return [self.legacy(legacy, when, request), self.versioned(versioned, when, request)]

    def legacy(self, event: str, when: datetime, request: str, **more: Any) -> dict[str, Any]:
        vcpus, ram, disk = FLAVORS[self.flavor]
        payload = {
            "instance_id": SERVER_ID,
            "tenant_id": "project-1",
            "user_id": "user-1",
            "display_name": self.name,
            "hostname": self.name,
            "instance_type": self.flavor,
            "vcpus": vcpus,
            "memory_mb": ram,
            "root_gb": disk,
            "disk_gb": disk + 5,
            "ephemeral_gb": 5,
            "host": self.host,
            "availability_zone": "nova",
            "created_at": CREATED,
            "launched_at": self.launched_at,
            "terminated_at": self.terminated_at,
            "deleted_at": "",
            "image_ref_url": f"http://glance.example/images/{self.image}",
            "os_type": None,
            "image_meta": {"base_image_ref": self.image, "min_disk": "20"},
            "metadata": self.metadata,
            "state": self.state,
            "state_description": self.task,
        } | more
        return self._message("compute.instance." + event, payload, when, request)

    def versioned(self, event: str, when: datetime, request: str, **more: Any) -> dict[str, Any]:
        vcpus, ram, disk = FLAVORS[self.flavor]
        flavor = {
            "flavorid": "id-of-" + self.flavor,
            "name": self.flavor,
            "vcpus": vcpus,
            "memory_mb": ram,
            "root_gb": disk,
            "ephemeral_gb": 5,
            "extra_specs": {"Accelerator:Type": "GPU", "Accelerator:Number": "2"}
            if self.flavor == "g1.gpu"
            else {"accounting:benchmark_type": "hepscore23", "accounting:benchmark_value": "18.5"},
        }
        data = {
            "uuid": SERVER_ID,
            "tenant_id": "project-1",
            "user_id": "user-1",
            "display_name": self.name,
            "host_name": self.name,
            "flavor": inner("FlavorPayload", flavor),
            "host": self.host,
            "availability_zone": "nova",
            "created_at": "2026-11-20T10:00:00Z",
            "launched_at": self.launched_at or None,
            "terminated_at": self.terminated_at or None,
            "deleted_at": None,
            "image_uuid": self.image,
            "os_type": None,
            "metadata": self.metadata,
            "state": self.state,
            "task_state": self.task or None,
            "request_id": request,
        } | more
        return self._message("instance." + event, inner("InstanceActionPayload", data), when, request)

    def updated(self, when: datetime, request: str, old_state: str, **more: Any) -> list[dict[str, Any]]:
        """Return the update that Nova sends as soon as the row is saved, in both formats."""
        states = {
            "old_state": old_state,
            "state": self.state,
            "old_task_state": "some-task" if old_state != self.state else None,
            "new_task_state": self.task or None,
        }
        versioned = {"state_update": inner("InstanceStateUpdatePayload", states)} | more
        return [
            self.legacy("update", when, request, **states, **more),
            self.versioned("update", when, request, **versioned),
        ]

    @staticmethod
    def _message(event_type: str, payload: dict[str, Any], when: datetime, request: str) -> dict[str, Any]:
        return {
            "_context_request_id": request,
            "_context_auth_token": "secret",
            "event_type": event_type,
            "publisher_id": "compute.compute1",
            "priority": "INFO",
            "timestamp": str(when.replace(tzinfo=None)),
            "payload": payload,
        }


def inner(name: str, data: dict[str, Any]) -> dict[str, Any]:
    """Return an object as versioned notifications have it."""
    return {"nova_object.name": name, "nova_object.version": "1.9", "nova_object.data": data}


# What an action is called in both formats, the states from which it may start, and the one it ends in.
STEPS: dict[str, tuple[str, str, frozenset[str], str]] = {
    "stop": ("power_off.end", "power_off.end", frozenset({"active"}), "stopped"),
    "start": ("power_on.end", "power_on.end", frozenset({"stopped"}), "active"),
    "pause": ("pause.end", "pause.end", frozenset({"active"}), "paused"),
    "unpause": ("unpause.end", "unpause.end", frozenset({"paused"}), "active"),
    "suspend": ("suspend.end", "suspend.end", frozenset({"active"}), "suspended"),
    "resume": ("resume.end", "resume.end", frozenset({"suspended"}), "active"),
    "rescue": ("rescue.end", "rescue.end", frozenset({"active", "stopped"}), "rescued"),
    "unrescue": ("unrescue.end", "unrescue.end", frozenset({"rescued"}), "active"),
    "shelve": ("shelve.end", "shelve.end", frozenset({"active", "stopped"}), "shelved"),
    "offload": ("shelve_offload.end", "shelve_offload.end", frozenset({"shelved"}), "shelved_offloaded"),
    "unshelve": ("unshelve.end", "unshelve.end", frozenset({"shelved", "shelved_offloaded"}), "active"),
    "resize": ("finish_resize.end", "resize_finish.end", frozenset({"active", "stopped"}), "resized"),
    "confirm": ("resize.confirm.end", "resize_confirm.end", frozenset({"resized"}), "active"),
    "revert": ("resize.revert.end", "resize_revert.end", frozenset({"resized"}), "active"),
    "rebuild": ("rebuild.end", "rebuild.end", frozenset({"active"}), "active"),
    "soft_delete": ("soft_delete.end", "soft_delete.end", frozenset({"active", "stopped"}), "soft-delete"),
    "restore": ("restore.end", "restore.end", frozenset({"soft-delete"}), "active"),
}


class History:
    """The messages of a server's life, step by step."""

    def __init__(self) -> None:
        self.server = Server()
        self.messages: list[dict[str, Any]] = []
        self.updates: list[dict[str, Any]] = []
        self._before = "m1.small"
        self._requests = 0

    def create(self, when: datetime) -> None:
        server, request = self.server, self._request()
        begun = when - timedelta(seconds=3)
        self.messages += server.both("create.start", "create.start", begun, request)
        server.state, server.launched_at = "active", str(when.replace(tzinfo=None, microsecond=0))
        self.updates += server.updated(when - timedelta(milliseconds=150), request, "building")
        self.messages += server.both("create.end", "create.end", when, request)

    def step(self, name: str, when: datetime) -> bool:
        """Take a step if the server's state allows it."""
        server = self.server
        legacy, versioned, allowed, state = STEPS[name]
        if server.state not in allowed:
            return False
        if name == "resize":
            flavors = list(FLAVORS)
            self._before = server.flavor
            server.flavor = flavors[(flavors.index(server.flavor) + 1) % len(flavors)]
        elif name == "revert":
            server.flavor = self._before
        elif name == "rebuild":
            server.image = server.image + "1"
        request, old = self._request(), server.state
        server.state = state
        self.updates += server.updated(when - timedelta(milliseconds=150), request, old)
        self.messages += server.both(legacy, versioned, when, request)
        return True

    def rename(self, when: datetime) -> None:
        old, self.server.name = self.server.name, self.server.name + "x"
        self.messages += self.server.updated(when, self._request(), self.server.state, old_display_name=old)

    def delete(self, when: datetime) -> None:
        server = self.server
        server.state, server.terminated_at = "deleted", str(when.replace(tzinfo=None, microsecond=0))
        later = when + timedelta(milliseconds=400)
        self.messages += server.both("delete.end", "delete.end", later, self._request())

    def _request(self) -> str:
        self._requests += 1
        return f"req-{self._requests}"


def legacy_of(messages: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for one in messages if one["event_type"].startswith("compute.")]


def versioned_of(messages: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for one in messages if one["event_type"].startswith("instance.")]
