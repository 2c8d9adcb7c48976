"""Storage records as JSON lines: one object a line, canonical (sorted keys, no spaces, UTF-8).

The keys are the field names of StAR, each at the top; names keep their letters. `record_id` names
resource, month and interval (a later line with the same one replaces it), `RecordId` is the
identity that the XML format gives it, `record_digest` is equal for a repetition.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import orjson

from usance.records.record import Finding
from usance.records.star import star_fields
from usance.records.storage import RECORD_TYPE, StorageRecord
from usance.records.validate_storage import record_findings


class StorageJson:
    """The format `storage-json`."""

    name: ClassVar[str] = "storage-json"
    record_type: ClassVar[str] = RECORD_TYPE
    envelope_bytes: ClassVar[int] = 0
    separator_bytes: ClassVar[int] = 0

    def render(self, record: StorageRecord) -> str:
        """Return the record's line, with its end."""
        star = star_fields(record)
        fields = {
            "RecordId": star.record_id,
            "CreateTime": star.create_time,
            "StorageSystem": star.storage_system,
            "Site": star.site,
            "StorageShare": star.storage_share,
            "StorageMedia": star.storage_media,
            "StorageClass": star.storage_class,
            "FileCount": star.file_count,
            "LocalUser": star.local_user,
            "LocalGroup": star.local_group,
            "UserIdentity": star.user_identity,
            "Group": star.group,
            "SubGroup": star.subgroup,
            "Role": star.role,
            "StartTime": star.start_time,
            "EndTime": star.end_time,
            "ResourceCapacityUsed": star.resource_capacity_used,
            "ResourceCapacityAllocated": star.resource_capacity_allocated,
        }
        line = {
            **{name: value for name, value in fields.items() if value is not None},
            "record_id": record.key,
            "record_digest": record.digest,
            "record_type": RECORD_TYPE,
            "resource_id": record.resource_id,
            "inferred_s": record.inferred_s,
        }
        return orjson.dumps(line, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE).decode()

    def findings(self, record: StorageRecord, text: str) -> list[Finding]:  # noqa: ARG002 - JSON can carry any text
        """Return what is wrong with the record; its figures and identities are held to the same rules."""
        return record_findings(record)

    def pack(self, texts: Sequence[str]) -> bytes:
        """Return the lines."""
        return "".join(texts).encode()
