"""Public IP records as JSON lines: one object a line, canonical (sorted keys, no spaces, UTF-8).

Beside the fields of the public IP usage record a line says which record it is (`record_id`,
`record_digest`, `record_type`), what told whose the addresses are (`by_server`, `by_event`,
`by_default`: they add up to IPCount), and of how many it is only inferred that they were there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import orjson

from usance.records.ip import RECORD_TYPE, IpRecord
from usance.records.ip_v02 import ip_fields
from usance.records.record import Finding
from usance.records.validate_ip import record_findings


class IpJson:
    """The format `ip-json`."""

    name: ClassVar[str] = "ip-json"
    record_type: ClassVar[str] = RECORD_TYPE
    envelope_bytes: ClassVar[int] = 0
    separator_bytes: ClassVar[int] = 0

    def render(self, record: IpRecord) -> str:
        """Return the record's line, with its end."""
        line = {
            **{key: value for key, value in ip_fields(record).items() if value is not None},
            "record_id": record.record_id,
            "record_digest": record.digest,
            "record_type": RECORD_TYPE,
            "by_server": record.by_server,
            "by_event": record.by_event,
            "by_default": record.by_default,
            "inferred": record.inferred,
        }
        return orjson.dumps(line, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE).decode()

    def findings(self, record: IpRecord, text: str) -> list[Finding]:  # noqa: ARG002 - JSON can carry any text
        """Return what is wrong with the record; it is held to the same rules."""
        return record_findings(record)

    def pack(self, texts: Sequence[str]) -> bytes:
        """Return the lines."""
        return "".join(texts).encode()
