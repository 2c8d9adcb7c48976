"""What else happens in a real cloud's day: volumes, snapshots, floating IPs, images; and what is told of it.

The truth is read from Cinder's own messages, and shares no code with what it judges.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from client import Cloud, Refused, wait_for
from lab.history import HOLD_S, History
from lab.notifications import Notification


@dataclass
class StorageDay:
    """A project's volumes and addresses, and what is done with them."""

    owner: History
    taker: History
    ids: dict[str, str] = field(default_factory=dict)

    def play(self, server: str) -> None:
        """Do everything to them; *server* is what is attached and addressed."""
        for name, size in {"grows": 1, "retyped": 1, "attached": 2, "deleted": 3, "moved": 4}.items():
            self.make(name, size)
        made = self._cloud.post(
            "block-storage", "/snapshots", {"snapshot": {"name": "kept", "volume_id": self.ids["grows"]}}
        )
        self.ids["snapshot"] = made["snapshot"]["id"]
        path = f"/snapshots/{self.ids['snapshot']}"
        wait_for(
            "the snapshot",
            lambda: self._cloud.get("block-storage", path)["snapshot"]["status"] == "available",
        )
        self._hold()
        self._cloud.call("DELETE", "block-storage", path)
        wait_for("the snapshot's end", lambda: self._is_gone(path))
        self._act("grows", {"os-extend": {"new_size": 3}})
        self._reach("grows", size=3, status="available")
        self._act("retyped", {"os-retype": {"new_type": "lab.fast", "migration_policy": "on-demand"}})
        self._reach("retyped", volume_type="lab.fast", status="available")
        self._attach(server)
        self._transfer()
        self.delete("deleted")
        self._address(server)
        self._image()

    def make(self, name: str, size: int) -> None:
        """Make a volume."""
        made = self._cloud.post("block-storage", "/volumes", {"volume": {"name": name, "size": size}})
        self.ids[name] = made["volume"]["id"]
        self._reach(name, status="available")

    def delete(self, name: str) -> None:
        """Delete a volume."""
        self._hold()
        self._cloud.call("DELETE", "block-storage", f"/volumes/{self.ids[name]}")
        wait_for(f"the end of {name}", lambda: self._is_gone(f"/volumes/{self.ids[name]}"))

    def _attach(self, server: str) -> None:
        body = {"volumeAttachment": {"volumeId": self.ids["attached"]}}
        self._cloud.post("compute", f"/servers/{server}/os-volume_attachments", body)
        self._reach("attached", status="in-use")
        self._hold()
        path = f"/servers/{server}/os-volume_attachments/{self.ids['attached']}"
        self._cloud.call("DELETE", "compute", path)
        self._reach("attached", status="available")

    def _transfer(self) -> None:
        body = {"transfer": {"volume_id": self.ids["moved"], "name": "moved"}}
        transfer = self._cloud.post("block-storage", "/volume-transfers", body)["transfer"]
        self._hold()
        self.taker.cloud.post(
            "block-storage",
            f"/volume-transfers/{transfer['id']}/accept",
            {"accept": {"auth_key": transfer["auth_key"]}},
        )

    def _address(self, server: str) -> None:
        network = {"floating_network_id": self.owner.networks["public"]}
        made = self._cloud.post("network", "/v2.0/floatingips", {"floatingip": network})["floatingip"]
        self.ids["address"] = made["id"]
        port = self._cloud.get("network", f"/v2.0/ports?device_id={server}")["ports"][0]["id"]
        path = f"/v2.0/floatingips/{made['id']}"
        for leads_to in (port, None):
            self._hold()
            self._cloud.call("PUT", "network", path, {"floatingip": {"port_id": leads_to}})
        self._hold()
        self._cloud.call("DELETE", "network", path)

    def _image(self) -> None:
        wanted = {"name": "brief", "disk_format": "raw", "container_format": "bare"}
        image = str(self._cloud.post("image", "/v2/images", wanted)["id"])
        self.ids["image"] = image
        self._cloud.call("PUT", "image", f"/v2/images/{image}/file", bytes(65536))
        self._hold()
        self._cloud.call("DELETE", "image", f"/v2/images/{image}")

    @staticmethod
    def _hold() -> None:
        time.sleep(HOLD_S)  # no condition to wait for: a history needs time to pass

    @property
    def _cloud(self) -> Cloud:
        return self.owner.cloud

    def _act(self, name: str, body: dict[str, Any]) -> None:
        self._hold()
        self._cloud.call("POST", "block-storage", f"/volumes/{self.ids[name]}/action", body)

    def _reach(self, name: str, **wanted: object) -> None:
        path = f"/volumes/{self.ids[name]}"
        wait_for(
            f"{name} to be {wanted}",
            lambda: wanted.items() <= self._cloud.get("block-storage", path)["volume"].items(),
        )

    def _is_gone(self, path: str) -> bool:
        try:
            self._cloud.get("block-storage", path)
        except Refused as refused:
            return refused.status == 404
        return False


@dataclass(frozen=True)
class VolumeTruth:
    """The life of one volume, in one project or several. Changes are (since when, what)."""

    created: datetime
    deleted: datetime | None
    sizes: tuple[tuple[datetime, int], ...]
    servers: tuple[tuple[datetime, frozenset[str]], ...]  # that it was attached to
    projects: tuple[tuple[datetime, str], ...]


def volumes_from_notifications(messages: Iterable[Notification]) -> dict[str, VolumeTruth]:
    """Return the life of each volume, by its id, from the ends of what was done to it."""
    found: dict[str, list[Notification]] = {}
    for message in sorted(messages, key=lambda message: message.sent):
        if message.event_type.startswith("volume.") and message.event_type.endswith(".end"):
            found.setdefault(message.payload["volume_id"], []).append(message)
    return {volume: _truth_of(about) for volume, about in found.items()}


def _truth_of(messages: list[Notification]) -> VolumeTruth:
    first = messages[0].payload
    created = datetime.fromisoformat(first["created_at"])
    sizes = [(created, int(first["size"]))]
    servers: list[tuple[datetime, frozenset[str]]] = [(created, frozenset())]
    projects = [(created, str(first["tenant_id"]))]
    deleted: datetime | None = None
    for message in messages:
        payload = message.payload
        if message.event_type == "volume.delete.end":
            deleted = message.sent
        elif message.event_type == "volume.resize.end":
            sizes.append((message.sent, int(payload["size"])))
        elif message.event_type in ("volume.attach.end", "volume.detach.end"):
            attached = [one for one in payload["volume_attachment"] if one["attach_status"] == "attached"]
            since = message.sent
            if message.event_type == "volume.attach.end":
                # Cinder dates an attachment itself; on a busy machine it says so some seconds later.
                since = max(datetime.fromisoformat(f"{one['attach_time']}+00:00") for one in attached)
            servers.append((since, frozenset(one["instance_uuid"] for one in attached)))
        elif message.event_type == "volume.transfer.accept.end":
            projects.append((message.sent, str(payload["tenant_id"])))
    return VolumeTruth(created, deleted, tuple(sizes), tuple(servers), tuple(projects))
