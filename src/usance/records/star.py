"""The storage accounting record of EMI (StAR): its fields, and how they are written in XML.

A message is one document: the root `StorageUsageRecords`, which binds the prefix `sr`, and in it
one element for each record. Field names are those of "EMI StAR - Definition of a Storage
Accounting Record" (2012).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from xml.etree import ElementTree as ET

import msgspec

from usance.model.resource import BACKUP, SNAPSHOT, VOLUME
from usance.records.fqan import Fqan, parse_fqan
from usance.records.storage import StorageRecord
from usance.records.text import safe_text

NAMESPACE: Final = "http://eu-emi.eu/namespaces/2011/02/storagerecord"
OPENING: Final = f'<sr:StorageUsageRecords xmlns:sr="{NAMESPACE}">'
CLOSING: Final = "</sr:StorageUsageRecords>"

# StAR asks for the part of the storage system that is accounted for. Which pool a volume lies in only
# the cloud's operators see; what everybody sees is that these three are kept apart.
SHARES: Final = {VOLUME: "volumes", SNAPSHOT: "snapshots", BACKUP: "backups"}
MEDIA: Final = "disk"
_GIB: Final = 2**30


class StarFields(msgspec.Struct, frozen=True):
    """A storage record in StAR's fields; texts as they are, instants in ISO 8601 with a Z."""

    record_id: str
    create_time: str
    storage_system: str
    site: str
    storage_share: str
    storage_media: str
    storage_class: str | None
    file_count: int  # the number of volumes, snapshots or backups that the record is about
    local_user: str | None
    local_group: str
    user_identity: str | None
    group: str | None
    subgroup: str | None
    role: str | None
    start_time: str
    end_time: str
    resource_capacity_used: int  # bytes
    resource_capacity_allocated: int  # bytes


def star_fields(record: StorageRecord) -> StarFields:
    """Return the fields of a record.

    createTime is the end of the interval: up to then it states, whenever it was made.
    """
    fqan = Fqan("") if record.fqan is None else parse_fqan(record.fqan)
    capacity = (record.size_gib or 0) * _GIB
    return StarFields(
        record_id=record.record_id,
        create_time=iso(record.end),
        storage_system=record.service_name,
        site=record.site_name,
        storage_share=SHARES.get(record.resource_kind, record.resource_kind),
        storage_media=MEDIA,
        storage_class=record.volume_type if record.resource_kind == VOLUME else record.resource_kind,
        file_count=0 if record.is_withdrawal else 1,
        local_user=record.user_id,
        local_group=record.project_id,
        user_identity=record.user_name,
        group=fqan.vo or None,
        subgroup=fqan.group,
        role=fqan.role,
        start_time=iso(record.start),
        end_time=iso(record.end),
        resource_capacity_used=capacity,
        resource_capacity_allocated=capacity,
    )


def iso(instant: datetime) -> str:
    """Return an instant in UTC and whole seconds, as ISO 8601 with a Z."""
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")


def render(fields: StarFields) -> str:
    """Return the element of a record: printable ASCII, everything escaped that XML wants escaped."""
    record = ET.Element("sr:StorageUsageRecord")
    ET.SubElement(
        record,
        "sr:RecordIdentity",
        {"sr:createTime": fields.create_time, "sr:recordId": fields.record_id},
    )
    _add(record, "StorageSystem", fields.storage_system)
    _add(record, "Site", fields.site)
    _add(record, "StorageShare", fields.storage_share)
    _add(record, "StorageMedia", fields.storage_media)
    _add(record, "StorageClass", fields.storage_class)
    _add(record, "FileCount", fields.file_count)
    subject = ET.SubElement(record, "sr:SubjectIdentity")
    _add(subject, "LocalUser", fields.local_user)
    _add(subject, "LocalGroup", fields.local_group)
    _add(subject, "UserIdentity", fields.user_identity)
    _add(subject, "Group", fields.group)
    _add(subject, "GroupAttribute", fields.subgroup, {"sr:attributeType": "subgroup"})
    _add(subject, "GroupAttribute", fields.role, {"sr:attributeType": "role"})
    _add(record, "StartTime", fields.start_time)
    _add(record, "EndTime", fields.end_time)
    _add(record, "ResourceCapacityUsed", fields.resource_capacity_used)
    _add(record, "ResourceCapacityAllocated", fields.resource_capacity_allocated)
    written: bytes = ET.tostring(record, encoding="us-ascii")
    return written.decode("ascii")


def _add(
    parent: ET.Element, name: str, value: str | int | None, attributes: dict[str, str] | None = None
) -> None:
    """Add an element; none for what has no value."""
    text = str(value) if isinstance(value, int) else safe_text(value or "")
    if text:
        ET.SubElement(parent, f"sr:{name}", attributes or {}).text = text


def document(texts: Sequence[str]) -> bytes:
    """Return the message of rendered records."""
    return (OPENING + "".join(texts) + CLOSING).encode("ascii")
