"""Servers as Nova's API shows them; rendered rows are kept, within a bound, while they stay the same."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import orjson

from usance.demo.history import History
from usance.demo.life import Life, View
from usance.demo.site import Flavor
from usance.demo.web import iso, iso_micro

Microversion = tuple[int, int]


class Row(msgspec.Struct, frozen=True, gc=False):
    """A rendered row and between which instants it is the same."""

    body: bytes
    since_us: int
    until_us: int
    state: str
    status: str


class Rows:
    """Renders the rows of one region's servers."""

    def __init__(self, history: History, cache_bytes: int) -> None:
        self._history = history
        self._cache: dict[tuple[int, int], Row] = {}
        self._cached_bytes = 0
        self._cache_bytes = cache_bytes

    def row(self, number: int, now_us: int, style: Style, variant: int | None = None) -> Row:
        """Return the row of a server as it is at an instant; *variant* spares computing the style's own."""
        key = (number, style.variant if variant is None else variant)
        row = self._cache.get(key)
        if row is not None:
            if row.since_us <= now_us < row.until_us:
                return row
            self._cached_bytes -= len(row.body)
            del self._cache[key]
        life = self._history.life(number)
        view = life.at(now_us)
        # orjson trims a much larger buffer: a copy gives that back, instead of 100,000 holes in the heap.
        body = bytes(memoryview(orjson.dumps(server_row(life, view, style))))
        row = Row(body, view.since_us, view.until_us, view.state, view.status)
        self._cache[key] = row
        self._cached_bytes += len(row.body)
        while self._cached_bytes > self._cache_bytes:
            self._cached_bytes -= len(self._cache.pop(next(iter(self._cache))).body)
        return row


class Style(msgspec.Struct, frozen=True):
    """What a row looks like: that depends on the microversion and on who asks."""

    version: Microversion
    admin: bool
    base_url: str  # of the compute service, for links
    flavor_specs: bool = True

    @property
    def variant(self) -> int:
        """A number that is equal for styles that give equal rows."""
        return hash(
            (*(self.version >= step for step in _STEPS), self.admin, self.flavor_specs, self.base_url)
        )


_STEPS = ((2, 16), (2, 19), (2, 26), (2, 47), (2, 63), (2, 71), (2, 73), (2, 90), (2, 96))


def server_row(life: Life, view: View, style: Style) -> dict[str, Any]:
    """Return a server as `servers/detail` and `servers/<id>` show it."""
    gone = view.state == "deleted"
    on_host = not gone and view.state not in {"building", "shelved_offloaded"}
    row: dict[str, Any] = {
        "id": life.id,
        "name": life.name,
        "status": view.status,
        "tenant_id": life.project_id,
        "user_id": life.user_id,
        "metadata": {},
        "hostId": _host_id(life) if on_host else "",
        "image": _image(view.image_id, style.base_url),
        "flavor": _flavor(view.flavor, style),
        "created": iso(life.created_us),
        "updated": iso(view.updated_us),
        "addresses": {} if gone or view.state == "building" else _addresses(life),
        "accessIPv4": "",
        "accessIPv6": "",
        "links": [
            {"rel": "self", "href": f"{style.base_url}/servers/{life.id}"},
            {"rel": "bookmark", "href": f"{style.base_url}/servers/{life.id}"},
        ],
        "OS-DCF:diskConfig": "AUTO",
        "OS-EXT-AZ:availability_zone": life.zone if on_host else "",
        "config_drive": "",
        "key_name": None,
        "OS-SRV-USG:launched_at": iso_micro(view.launched_us) if view.launched_us else None,
        "OS-SRV-USG:terminated_at": iso_micro(view.terminated_us) if view.terminated_us else None,
        "security_groups": [{"name": "default"}],
        "OS-EXT-STS:task_state": view.task or None,
        "OS-EXT-STS:vm_state": view.state,
        "OS-EXT-STS:power_state": _POWER.get(view.state, 0),
        "os-extended-volumes:volumes_attached": [],
    }
    if not gone and view.state != "error" and not view.task:
        row["progress"] = 100
    if style.admin:
        row["OS-EXT-SRV-ATTR:host"] = life.host if on_host else None
        row["OS-EXT-SRV-ATTR:instance_name"] = f"instance-{life.id[:8]}"
        row["OS-EXT-SRV-ATTR:hypervisor_hostname"] = life.host if on_host else None
    if view.state == "error":
        row["fault"] = {
            "code": 500,
            "created": iso(view.updated_us),
            "message": "No valid host was found. There are not enough hosts available.",
        }
    _add_newer(row, life, style)
    for key in life.omitted:
        row.pop(key, None)
    return row


def partial_row(life: Life, base_url: str) -> dict[str, Any]:
    """Return all that Nova says (from 2.69) of a server whose cell doesn't answer."""
    return {
        "id": life.id,
        "status": "UNKNOWN",
        "tenant_id": life.project_id,
        "created": iso(life.created_us),
        "links": [
            {"rel": "self", "href": f"{base_url}/servers/{life.id}"},
            {"rel": "bookmark", "href": f"{base_url}/servers/{life.id}"},
        ],
    }


def _add_newer(row: dict[str, Any], life: Life, style: Style) -> None:
    """Add what later microversions have added."""
    added: tuple[tuple[Microversion, str, Any], ...] = (
        ((2, 16), "host_status", "UP" if style.admin else None),
        ((2, 19), "description", None),
        ((2, 26), "tags", []),
        ((2, 63), "trusted_image_certificates", None),
        ((2, 71), "server_groups", []),
        ((2, 73), "locked_reason", None),
        ((2, 90), "OS-EXT-SRV-ATTR:hostname", None if not style.admin else f"server-{life.id[:8]}"),
        ((2, 96), "pinned_availability_zone", None),
    )
    row |= {
        key: value
        for version, key, value in added
        if style.version >= version and (value is not None or key not in _ONLY_WITH_VALUE)
    }
    if style.version >= (2, 9):
        row["locked"] = False


_ONLY_WITH_VALUE = frozenset({"host_status", "OS-EXT-SRV-ATTR:hostname"})

_POWER = {
    "active": 1,
    "rescued": 1,
    "resized": 1,
    "paused": 3,
    "stopped": 4,
    "suspended": 4,
    "shelved": 4,
    "shelved_offloaded": 4,
    "soft-delete": 4,
}


def _host_id(life: Life) -> str:
    return hashlib.sha224((life.project_id + life.host).encode()).hexdigest()


def _image(image_id: str, base_url: str) -> dict[str, Any] | str:
    """Return the image; Nova says "" of a server that boots from a volume."""
    if not image_id:
        return ""
    return {"id": image_id, "links": [{"rel": "bookmark", "href": f"{base_url}/images/{image_id}"}]}


def _flavor(flavor: Flavor | None, style: Style) -> dict[str, Any]:
    if flavor is None:
        return {}
    if style.version < (2, 47):
        return {
            "id": flavor.id,
            "links": [{"rel": "bookmark", "href": f"{style.base_url}/flavors/{flavor.id}"}],
        }
    embedded: dict[str, Any] = {
        "vcpus": flavor.vcpus,
        "ram": flavor.ram_mib,
        "disk": flavor.disk_gib,
        "ephemeral": flavor.ephemeral_gib,
        "swap": 0,
        "original_name": flavor.name,
    }
    if style.flavor_specs:
        embedded["extra_specs"] = flavor.extra_specs
    return embedded


def _addresses(life: Life) -> dict[str, Any]:
    mac = f"fa:16:3e:{life.id[:2]}:{life.id[2:4]}:{life.id[4:6]}"
    found = [(life.fixed_ip, "fixed"), *((address, "floating") for address in life.floating_ips)]
    return {
        "private": [
            {
                "version": 6 if ":" in address else 4,
                "addr": address,
                "OS-EXT-IPS:type": kind,
                "OS-EXT-IPS-MAC:mac_addr": mac,
            }
            for address, kind in found
        ]
    }
