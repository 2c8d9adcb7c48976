"""Accelerator records as JSON lines: one object a line, canonical (sorted keys, no spaces, UTF-8).

The keys are those of the accelerator usage record v0.1, and beside them those that all lines have
(`record_id`, `record_digest`, `record_type`). Count, a decimal number, is a string.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import orjson

from usance.records.accelerator import RECORD_TYPE, AcceleratorRecord
from usance.records.accelerator_v01 import accelerator_fields
from usance.records.record import Finding
from usance.records.validate_accelerator import record_findings


class AcceleratorJson:
    """The format `accelerator-json`."""

    name: ClassVar[str] = "accelerator-json"
    record_type: ClassVar[str] = RECORD_TYPE
    envelope_bytes: ClassVar[int] = 0
    separator_bytes: ClassVar[int] = 0

    def render(self, record: AcceleratorRecord) -> str:
        """Return the record's line, with its end."""
        line = {
            **{key: value for key, value in accelerator_fields(record).items() if value is not None},
            "record_id": record.key,
            "record_digest": record.digest,
            "record_type": RECORD_TYPE,
            "inferred_s": record.inferred_s,
        }
        return orjson.dumps(line, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE).decode()

    def findings(self, record: AcceleratorRecord, text: str) -> list[Finding]:  # noqa: ARG002 - JSON can carry any text
        """Return what is wrong with the record; its figures and identities are held to the same rules."""
        return record_findings(record)

    def pack(self, texts: Sequence[str]) -> bytes:
        """Return the lines."""
        return "".join(texts).encode()
