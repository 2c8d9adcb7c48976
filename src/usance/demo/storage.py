"""The lives of volumes, snapshots and backups: what was done to each and when, and how Cinder shows it.

All instants are whole microseconds since 1970, UTC. Nothing here knows how Usance counts.
"""

from __future__ import annotations

from typing import Final

import msgspec

NEVER: Final = 1 << 62
"""An instant that doesn't come."""

MADE_US: Final = 2_000_000
"""So long it takes until something is made; the row is written again then."""


class Attachment(msgspec.Struct, frozen=True):
    """A volume attached to a server."""

    server_id: str
    attached_us: int


class StorageStep(msgspec.Struct, frozen=True):
    """What is different from an instant on; what is None stays as it is."""

    at_us: int
    status: str | None = None
    size_gib: int | None = None
    volume_type: str | None = None
    project_id: str | None = None
    user_id: str | None = None
    attachments: tuple[Attachment, ...] | None = None


class Volume(msgspec.Struct, frozen=True):
    """Everything that will ever be so of one volume, snapshot or backup."""

    id: str
    project_id: str
    user_id: str
    name: str | None
    size_gib: int
    created_us: int
    kind: str = "volume"  # or "snapshot", "backup"
    volume_type: str | None = "standard"
    status: str = "available"  # when it begins
    multiattach: bool = False
    volume_id: str | None = None  # what a snapshot or backup is of
    steps: tuple[StorageStep, ...] = ()  # in order
    deleted_us: int = NEVER  # Cinder knows nothing of it any more

    def exists(self, now_us: int) -> bool:
        """Say whether Cinder shows it at an instant."""
        return self.created_us <= now_us < self.deleted_us

    def at(self, now_us: int) -> StorageView:
        """Return what Cinder shows at an instant in its life."""
        view = StorageView(
            status=self.status,
            size_gib=self.size_gib,
            volume_type=self.volume_type,
            project_id=self.project_id,
            user_id=self.user_id,
            attachments=(),
            updated_us=self.created_us + MADE_US,
        )
        for step in self.steps:
            if step.at_us > now_us:
                break
            changed = {
                name: value
                for name in ("status", "size_gib", "volume_type", "project_id", "user_id", "attachments")
                if (value := getattr(step, name)) is not None
            }
            view = msgspec.structs.replace(view, updated_us=step.at_us, **changed)
        return view


class StorageView(msgspec.Struct, frozen=True):
    """A row at some instant."""

    status: str
    size_gib: int
    volume_type: str | None
    project_id: str
    user_id: str
    attachments: tuple[Attachment, ...]
    updated_us: int
