"""Cloud usage record v0.2, as cASO published it up to 3.x.

It knows no service, no benchmark and no public addresses; its keys have an order of their own, and
an empty line ends the message. The receiver loads it like v0.4, and so understands
RecordCreateTime and SuspendDuration in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from usance.records import apel
from usance.records.cloud import RECORD_TYPE, CloudRecord
from usance.records.record import Finding
from usance.records.validate_cloud import CLOUD_MESSAGE_TYPE, cloud_findings

_HEADER: Final = apel.header(CLOUD_MESSAGE_TYPE, "v0.2")


class CloudV02:
    """The format `cloud-v02`."""

    name: ClassVar[str] = "cloud-v02"
    record_type: ClassVar[str] = RECORD_TYPE
    envelope_bytes: ClassVar[int] = len(_HEADER) + 1
    separator_bytes: ClassVar[int] = len(apel.SEPARATOR) + 1

    def render(self, record: CloudRecord) -> str:
        """Return the record's lines."""
        fields = apel.cloud_fields(record)
        return apel.lines((key, fields[key]) for key in apel.ORDER_V02)

    def findings(self, record: CloudRecord, text: str) -> list[Finding]:
        """Return what is wrong with the record or its lines."""
        return cloud_findings(record, text)

    def pack(self, texts: Sequence[str]) -> bytes:
        """Return a message: the header, the records, separated by `%%`, and an empty line."""
        return apel.pack(_HEADER, texts, end="\n")
