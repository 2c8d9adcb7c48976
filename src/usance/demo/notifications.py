"""What the services of a simulated cloud put on the bus: the history of the cloud, as notifications.

Nova's legacy messages and Cinder's, in the envelope of oslo.messaging (version 2.0), with the fields
that the real services send. A failed action sends nothing that says what the server is; so it is left out
but for a build that failed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from usance.demo.cinder import type_id
from usance.demo.history import History
from usance.demo.life import NEVER, Life, Step
from usance.demo.nova_actions import request_id
from usance.demo.site import Flavor, uuid_id
from usance.demo.storage import MADE_US, StorageStep, StorageView, Volume
from usance.demo.web import iso, iso_micro

_SECOND_US: Final = 1_000_000

_NOVA: Final = {
    "create": "create.end",
    "stop": "power_off.end",
    "start": "power_on.end",
    "pause": "pause.end",
    "unpause": "unpause.end",
    "suspend": "suspend.end",
    "resume": "resume.end",
    "shelve": "shelve.end",
    "shelveOffload": "shelve_offload.end",
    "unshelve": "unshelve.end",
    "resize": "finish_resize.end",
    "confirmResize": "resize.confirm.end",
    "revertResize": "resize.revert.end",
    "rebuild": "rebuild.end",
    "reboot": "reboot.end",
    "rescue": "rescue.end",
    "unrescue": "unrescue.end",
    "restore": "restore.end",
    "": "update",  # what changes without an action
}


class Message(msgspec.Struct, frozen=True):
    """One message on the bus."""

    exchange: str
    routing_key: str
    event_type: str
    sent_us: int
    resource_id: str
    body: bytes


def of_history(history: History, until_us: int = NEVER) -> list[Message]:
    """Return all that is sent up to an instant, in the order in which it is sent."""
    found = [one for number in range(len(history)) for one in of_server(history.life(number))]
    found += [one for volume in history.site.volumes for one in of_storage(volume)]
    return sorted(
        (one for one in found if one.sent_us <= until_us), key=lambda one: (one.sent_us, one.resource_id)
    )


# --- Nova ------------------------------------------------------------------------------------


def of_server(life: Life) -> Iterator[Message]:
    """Yield what Nova sends of one server in its life, in order."""
    launched_us, before = 0, "building"
    for place, step in enumerate(life.steps):
        if step.launches:
            launched_us = step.end_us
        if step.state == "deleted":
            continue
        for event, at_us, state in _events(step):
            if at_us < life.deleted_us:
                old = {"old_state": before} if event == "update" else {}
                yield _nova(
                    life, event, at_us, step, state=state, launched_us=launched_us, place=place, **old
                )
        before = step.state
    if life.deleted_us != NEVER:
        last = len(life.steps) - 1
        step = life.steps[last]
        yield _nova(
            life,
            "delete.end",
            max(life.deleted_us, step.end_us),
            step,
            state="deleted",
            launched_us=launched_us,
            place=last if step.state == "deleted" else None,
            terminated_at="" if life.half_deleted else iso_micro(life.deleted_us),
            deleted_at=iso_micro(life.deleted_us),
        )


def _events(step: Step) -> Iterator[tuple[str, int, str]]:
    """Yield the events of one action, when each is sent, and the state that the server has then."""
    if step.failed:
        if step.action == "create":
            yield "create.error", step.end_us, step.state
        return
    if step.action == "delete":
        yield "soft_delete.end", step.end_us, step.state
    elif step.action == "shelve" and step.state == "shelved_offloaded":
        yield "shelve.end", step.end_us, "shelved"
        yield "shelve_offload.end", step.end_us + 1, step.state
    else:
        yield _NOVA[step.action], step.end_us, step.state


def _nova(
    life: Life,
    event: str,
    sent_us: int,
    step: Step,
    *,
    state: str,
    launched_us: int,
    place: int | None,
    **more: Any,
) -> Message:
    request = None if place is None or not step.action else request_id(life, place)
    payload = {
        "tenant_id": life.project_id,
        "user_id": life.user_id,
        "instance_id": life.id,
        "display_name": life.name,
        "hostname": f"server-{life.id[:8]}",
        **_flavor(step.flavor),
        "host": life.host,
        "availability_zone": life.zone,
        "created_at": iso(life.created_us, zone="+00:00").replace("T", " "),
        "launched_at": iso_micro(launched_us) if launched_us else "",
        "terminated_at": "",
        "deleted_at": "",
        "image_ref_url": f"http://glance:9292/images/{step.image_id}" if step.image_id else "",
        "image_meta": {"base_image_ref": step.image_id},
        "state": state,
        "state_description": "",
        "metadata": {},
        **more,
    }
    about = _About("nova", f"compute.{life.host}", life.id, life.project_id, request)
    return about.message(f"compute.instance.{event}", sent_us, payload)


def _flavor(flavor: Flavor | None) -> dict[str, Any]:
    if flavor is None:
        return {}
    return {
        "instance_type": flavor.name,
        "instance_flavor_id": flavor.id,
        "memory_mb": flavor.ram_mib,
        "vcpus": flavor.vcpus,
        "root_gb": flavor.disk_gib,
        "ephemeral_gb": flavor.ephemeral_gib,
        "disk_gb": flavor.disk_gib + flavor.ephemeral_gib,
    }


# --- Cinder ----------------------------------------------------------------------------------


def of_storage(volume: Volume) -> Iterator[Message]:
    """Yield what Cinder sends of one volume, snapshot or backup in its life, in order."""
    view = volume.at(volume.created_us)
    if volume.status != "error":
        yield _cinder(volume, "create.end", min(volume.created_us + MADE_US, volume.deleted_us), view)
    for place, step in enumerate(volume.steps):
        before, view = view, volume.at(step.at_us)
        event = _event_of(step, before, view)
        if event is not None and step.at_us < volume.deleted_us:
            yield _cinder(volume, event, step.at_us, view, place)
    if volume.deleted_us != NEVER:
        gone = msgspec.structs.replace(volume.at(volume.deleted_us), status="deleting")
        yield _cinder(volume, "delete.end", volume.deleted_us, gone)


def _event_of(step: StorageStep, before: StorageView, view: StorageView) -> str | None:
    """Return what is sent of a change; None for a status alone."""
    if step.size_gib is not None:
        return "resize.end"
    if step.volume_type is not None:
        return "retype"
    if step.attachments is not None:
        return "attach.end" if len(view.attachments) > len(before.attachments) else "detach.end"
    return "transfer.accept.end" if step.project_id is not None else None


def _cinder(volume: Volume, event: str, sent_us: int, view: StorageView, place: int | None = None) -> Message:
    payload: dict[str, Any] = {
        "tenant_id": view.project_id,
        "user_id": view.user_id,
        "availability_zone": "nova",
        "display_name": volume.name or "",
        "created_at": iso(volume.created_us, zone="+00:00"),
        "launched_at": iso(volume.created_us + MADE_US, zone="+00:00"),
        "status": view.status,
        f"{volume.kind}_id": volume.id,
    }
    if volume.kind == "volume":
        payload |= {
            "size": view.size_gib,
            "volume_type": None if view.volume_type is None else type_id(view.volume_type),
            "volume_attachment": [
                {
                    "id": uuid_id(volume.id, one.server_id),
                    "instance_uuid": one.server_id,
                    "attach_status": "attached",
                    "attach_time": iso_micro(one.attached_us),
                }
                for one in view.attachments
            ],
        }
    else:
        size = "volume_size" if volume.kind == "snapshot" else "size"
        payload |= {size: view.size_gib, "volume_id": volume.volume_id or ""}
    request = f"req-{uuid_id(volume.id, event, place)}"
    about = _About("openstack", "volume.lab", volume.id, view.project_id, request)
    return about.message(f"{volume.kind}.{event}", sent_us, payload)


def type_names(history: History) -> Iterator[Message]:
    """Yield how the types of volumes were made, before all else: their messages alone tell their names."""
    made = {one.volume_type for one in history.site.volumes}
    made |= {step.volume_type for one in history.site.volumes for step in one.steps}
    for name in sorted(one for one in made if one):
        about = _About("openstack", "volumeType.lab", type_id(name), "admin", None)
        yield about.message("volume_type.create", 0, {"volume_types": {"id": type_id(name), "name": name}})


# --- the bus ---------------------------------------------------------------------------------


class _About(msgspec.Struct, frozen=True):
    """Who sends a message, and of what."""

    exchange: str
    publisher_id: str
    resource_id: str
    project_id: str
    request_id: str | None

    def message(self, event_type: str, sent_us: int, payload: dict[str, Any]) -> Message:
        """Return a message, in its envelope."""
        content = {
            "_context_request_id": self.request_id,
            "_context_project_id": self.project_id,
            "event_type": event_type,
            "publisher_id": self.publisher_id,
            "message_id": uuid_id(self.resource_id, event_type, sent_us),
            "priority": "INFO",
            "payload": payload,
            "timestamp": f"{iso(sent_us, zone='').replace('T', ' ')}.{sent_us % _SECOND_US:06d}",
        }
        body = json.dumps({"oslo.version": "2.0", "oslo.message": json.dumps(content)}).encode()
        return Message(self.exchange, "notifications.info", event_type, sent_us, self.resource_id, body)
