"""Storage records as the receiver of EMI StAR takes them: one XML document a message."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from usance.records import star
from usance.records.record import Finding
from usance.records.storage import RECORD_TYPE, StorageRecord
from usance.records.validate_storage import storage_findings


class StorageStar:
    """The format `storage-star`."""

    name: ClassVar[str] = "storage-star"
    record_type: ClassVar[str] = RECORD_TYPE
    envelope_bytes: ClassVar[int] = len(star.OPENING) + len(star.CLOSING)
    separator_bytes: ClassVar[int] = 0

    def render(self, record: StorageRecord) -> str:
        """Return the record's element."""
        return star.render(star.star_fields(record))

    def findings(self, record: StorageRecord, text: str) -> list[Finding]:
        """Return what is wrong with the record or its element."""
        return storage_findings(record, text)

    def pack(self, texts: Sequence[str]) -> bytes:
        """Return the document."""
        return star.document(texts)
