"""Cloud usage record v0.4, as cASO 3 to 5 publish it: keys in alphabetical order.

Beside their fields it carries RecordCreateTime, by which the receiver files it, and SuspendDuration.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from usance.records import apel
from usance.records.cloud import RECORD_TYPE, CloudRecord
from usance.records.record import Finding
from usance.records.validate_cloud import CLOUD_MESSAGE_TYPE, cloud_findings

_HEADER: Final = apel.header(CLOUD_MESSAGE_TYPE, "v0.4")


class CloudV04:
    """The format `cloud-v04`."""

    name: ClassVar[str] = "cloud-v04"
    record_type: ClassVar[str] = RECORD_TYPE
    envelope_bytes: ClassVar[int] = len(_HEADER)
    separator_bytes: ClassVar[int] = len(apel.SEPARATOR) + 1

    def render(self, record: CloudRecord) -> str:
        """Return the record's lines."""
        return apel.lines(apel.cloud_fields(record).items())

    def findings(self, record: CloudRecord, text: str) -> list[Finding]:
        """Return what is wrong with the record or its lines."""
        return cloud_findings(record, text)

    def pack(self, texts: Sequence[str]) -> bytes:
        """Return a message: the header, then the records, separated by `%%`."""
        return apel.pack(_HEADER, texts)
