"""Cinder's answers, as far as they are read; and what is different between its three kinds of resource."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from usance.model.resource import BACKUP, SNAPSHOT, VOLUME
from usance.sources.nova_rows import Link, next_link


class AttachmentRow(msgspec.Struct):
    """One attachment of a volume; only those that are complete are listed."""

    attachment_id: str | None = None
    server_id: str | None = None  # None where it is attached to something else than a server
    attached_at: str | None = None


class StorageRow(msgspec.Struct):
    """A volume, a snapshot or a backup of a detailed listing. Sizes are in GiB."""

    id: str
    name: str | None = None
    status: str | None = None
    size: int | None = None
    user_id: str | None = None  # of snapshots since 3.41, of backups since 3.56
    created_at: str | None = None
    updated_at: str | None = None
    zone: str | None = msgspec.field(default=None, name="availability_zone")
    volume_id: str | None = None  # what a snapshot or backup is of
    volume_type: str | None = None
    bootable: str | None = None  # "true" or "false"
    multiattach: bool = False
    attachments: list[AttachmentRow] = []
    # The project, which each of the three says in another place. A backup says it to admins only.
    volume_project: str | None = msgspec.field(default=None, name="os-vol-tenant-attr:tenant_id")
    snapshot_project: str | None = msgspec.field(
        default=None, name="os-extended-snapshot-attributes:project_id"
    )
    backup_project: str | None = msgspec.field(default=None, name="os-backup-project-attr:project_id")
    migration: str | None = msgspec.field(default=None, name="os-vol-mig-status-attr:migstat")

    @property
    def project_id(self) -> str | None:
        """The project that it belongs to; None where Cinder does not say."""
        return self.volume_project or self.snapshot_project or self.backup_project

    @property
    def is_copy(self) -> bool:
        """Whether it is where a volume is being migrated to: Cinder hides those from everybody but admins."""
        return self.migration is not None and self.migration.startswith("target:")


class Page(msgspec.Struct, frozen=True):
    """One page of a listing."""

    rows: list[StorageRow]
    next: str | None


class _Volumes(msgspec.Struct):
    volumes: list[StorageRow]
    volumes_links: list[Link] = []


class _Snapshots(msgspec.Struct):
    snapshots: list[StorageRow]
    snapshots_links: list[Link] = []


class _Backups(msgspec.Struct):
    backups: list[StorageRow]
    backups_links: list[Link] = []


class _Volume(msgspec.Struct):
    volume: StorageRow


class _Snapshot(msgspec.Struct):
    snapshot: StorageRow


class _Backup(msgspec.Struct):
    backup: StorageRow


class Kind(msgspec.Struct, frozen=True):
    """One kind of resource: where it is listed, and how its answers are read."""

    kind: str
    source: str  # the name under which the ledger keeps what was said
    path: str
    pages: msgspec.json.Decoder[Any]
    page_of: Callable[[Any], Page]
    document: msgspec.json.Decoder[Any]
    row_of: Callable[[Any], StorageRow]


KINDS: Final = (
    Kind(
        VOLUME,
        "cinder-volumes",
        "volumes",
        msgspec.json.Decoder(_Volumes),
        lambda page: Page(page.volumes, next_link(page.volumes_links)),
        msgspec.json.Decoder(_Volume),
        lambda document: document.volume,
    ),
    Kind(
        SNAPSHOT,
        "cinder-snapshots",
        "snapshots",
        msgspec.json.Decoder(_Snapshots),
        lambda page: Page(page.snapshots, next_link(page.snapshots_links)),
        msgspec.json.Decoder(_Snapshot),
        lambda document: document.snapshot,
    ),
    Kind(
        BACKUP,
        "cinder-backups",
        "backups",
        msgspec.json.Decoder(_Backups),
        lambda page: Page(page.backups, next_link(page.backups_links)),
        msgspec.json.Decoder(_Backup),
        lambda document: document.backup,
    ),
)
