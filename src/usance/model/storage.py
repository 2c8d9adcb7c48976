"""How volumes, snapshots and backups are spoken of, whoever tells: Cinder's rows, its messages, or an API."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final

LONGEST: Final = 1024

NO_ATTACHMENTS: Final = "[]"
"""What a volume is attached to when it is attached to nothing."""

# Described attributes.
NAME: Final = "name"
STATUS: Final = "status"
ZONE: Final = "zone"
BOOTABLE: Final = "bootable"
OF_VOLUME: Final = "volume_id"  # what a snapshot or a backup is of
# A message of Cinder's names the type by its id; an observation that has it asserts VOLUME_TYPE as well,
# as soon as the name of that type is known.
VOLUME_TYPE_ID: Final = "volume_type_id"

TYPE_NAMES: Final = "volume_type"
"""The kind under which the ledger keeps the names of volume types, by their ids."""

NOT_YET_THERE: Final = frozenset(
    {"creating", "downloading", "error", "managing", "error_managing", "deleting"}
)
"""What has shown no other status may never have come to be: a creation that fails ends in `error`."""


def attachments(ids: Iterable[str | None]) -> str:
    """Return the ids of what a volume is attached to, each once, in order, as canonical JSON."""
    found = {one[:LONGEST] for one in ids if one}
    return json.dumps(sorted(found), separators=(",", ":"))
