"""Cloud records as JSON lines: one object a line, canonical (sorted keys, no spaces, UTF-8).

The keys are those of the cloud usage record v0.4, so that who read them from cASO's Logstash
output finds them again; names keep their letters. Three more say which record a line is:
`record_id` names server and month (a later line with the same one replaces it), `record_digest`
what is said of it (equal for a repetition), `record_type` is "cloud". Numbers are exact integers;
the benchmark, a decimal number, is a string.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import orjson

from usance.records import apel
from usance.records.cloud import RECORD_TYPE, CloudRecord
from usance.records.record import Finding
from usance.records.validate_cloud import record_findings


class CloudJson:
    """The format `cloud-json`."""

    name: ClassVar[str] = "cloud-json"
    record_type: ClassVar[str] = RECORD_TYPE
    envelope_bytes: ClassVar[int] = 0
    separator_bytes: ClassVar[int] = 0

    def render(self, record: CloudRecord) -> str:
        """Return the record's line, with its end."""
        line = {
            **{key: value for key, value in apel.cloud_fields(record).items() if value is not None},
            "record_id": record.key,
            "record_digest": record.digest,
            "record_type": RECORD_TYPE,
            "inferred_s": record.inferred_s,
            "inferred_cpu_s": record.inferred_cpu_s,
        }
        return orjson.dumps(line, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE).decode()

    def findings(self, record: CloudRecord, text: str) -> list[Finding]:  # noqa: ARG002 - JSON can carry any text
        """Return what is wrong with the record; its figures and identities are held to the same rules."""
        return record_findings(record)

    def pack(self, texts: Sequence[str]) -> bytes:
        """Return the lines."""
        return "".join(texts).encode()
