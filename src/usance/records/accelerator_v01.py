"""Accelerator usage record v0.1 (draft 4), as cASO 5.2 publishes it: one JSON object a message.

ActiveDuration is absent: it is the time in which the accelerators worked, which nobody measured
(cASO repeats AvailableDuration there).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import ClassVar

from usance.records.accelerator import RECORD_TYPE, AcceleratorRecord
from usance.records.record import Finding
from usance.records.text import safe_text
from usance.records.validate_accelerator import ENVELOPE, accelerator_findings


class AcceleratorV01:
    """The format `accelerator-v01`."""

    name: ClassVar[str] = "accelerator-v01"
    record_type: ClassVar[str] = RECORD_TYPE
    envelope_bytes: ClassVar[int] = ENVELOPE.envelope_bytes
    separator_bytes: ClassVar[int] = ENVELOPE.separator_bytes

    def render(self, record: AcceleratorRecord) -> str:
        """Return the record's JSON object."""
        fields = {name: value for name, value in accelerator_fields(record).items() if value is not None}
        # The count is a decimal number, which is written as it is.
        written = (
            f"{json.dumps(name)}: {(value or 'null') if name == 'Count' else _json(value)}"
            for name, value in fields.items()
        )
        return "{" + ", ".join(written) + "}"

    def findings(self, record: AcceleratorRecord, text: str) -> list[Finding]:
        """Return what is wrong with the record or its JSON."""
        return accelerator_findings(record, text)

    def pack(self, texts: Sequence[str]) -> bytes:
        """Return a message."""
        return ENVELOPE.pack(texts)


def _json(value: str | int | None) -> str:
    return json.dumps(safe_text(value) if isinstance(value, str) else value)


def accelerator_fields(record: AcceleratorRecord) -> dict[str, str | int | None]:
    """Return a record's fields by the draft's names, in the order of cASO. The count is text."""
    return {
        "SiteName": record.site_name,
        "CloudType": record.cloud_type,
        "CloudComputeService": record.service_name,
        "AssociatedRecord": record.server_id,
        "GlobalUserName": record.user_name or None,
        "FQAN": record.fqan,
        "Count": record.accelerator.count,
        "AvailableDuration": record.available_s,
        "MeasurementMonth": record.month.month,
        "MeasurementYear": record.month.year,
        "AssociatedRecordType": "cloud",
        "Type": record.accelerator.type,
        "Model": record.accelerator.model,
    }
