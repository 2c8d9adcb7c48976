"""Which state a server's row asserts (TIMELINE, rule 8)."""

from __future__ import annotations

from usance.sources.nova_rows import ServerRow

BUILDING = "building"
ACTIVE = "active"
STOPPED = "stopped"
PAUSED = "paused"
SUSPENDED = "suspended"
RESCUED = "rescued"
RESIZED = "resized"
ERROR = "error"
SOFT_DELETED = "soft-delete"
SHELVED = "shelved"
SHELVED_OFFLOADED = "shelved_offloaded"

# Where a cloud hides the extended status, the API's own word is all there is
# (nova/api/openstack/common.py, _STATE_MAP, read backwards). A word that several states share
# while a task is under way (RESIZE, REBOOT, REBUILD, MIGRATING, ...) asserts none, and UNKNOWN neither.
STATE_BY_STATUS = {
    "ACTIVE": ACTIVE,
    "BUILD": BUILDING,
    "ERROR": ERROR,
    "PAUSED": PAUSED,
    "RESCUE": RESCUED,
    "SHELVED": SHELVED,
    "SHELVED_OFFLOADED": SHELVED_OFFLOADED,
    "SHUTOFF": STOPPED,
    "SOFT_DELETED": SOFT_DELETED,
    "SUSPENDED": SUSPENDED,
    "VERIFY_RESIZE": RESIZED,
}

_LONGEST_STATE = 64


def state_of(row: ServerRow) -> str | None:
    """Return the state that a live server's row asserts; None if it asserts none."""
    if row.vm_state:
        return row.vm_state[:_LONGEST_STATE].lower()
    return STATE_BY_STATUS.get(row.status or "")


def asserts_flavor(row: ServerRow) -> bool:
    """Whether the row's flavor is surely the one that the server runs on: not amid a resize."""
    if (row.task_state or "").startswith("resize_"):
        return False
    return bool(row.vm_state) or row.status not in {"RESIZE", "REVERT_RESIZE"}
