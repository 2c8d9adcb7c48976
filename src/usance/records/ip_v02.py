"""Public IP usage record v0.2, as EGI defines it: one JSON object a message, on one line.

The version is written `v0.2`, as the receiver's schema (apel/apel, pull request 226) demands it:
that is the only code that ever read such messages. cASO writes `0.2`, which the schema refuses, an
`uuid` that it does not know, and no user, whom the definition demands.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import ClassVar

from usance.model.period import epoch_seconds
from usance.records.ip import RECORD_TYPE, IpRecord
from usance.records.record import Finding
from usance.records.validate_ip import ENVELOPE, ip_findings


class IpV02:
    """The format `ip-v02`."""

    name: ClassVar[str] = "ip-v02"
    record_type: ClassVar[str] = RECORD_TYPE
    envelope_bytes: ClassVar[int] = ENVELOPE.envelope_bytes
    separator_bytes: ClassVar[int] = ENVELOPE.separator_bytes

    def render(self, record: IpRecord) -> str:
        """Return the record's JSON object; in ASCII, where what is none is escaped."""
        return json.dumps(ip_fields(record))

    def findings(self, record: IpRecord, text: str) -> list[Finding]:
        """Return what is wrong with the record or its JSON."""
        return ip_findings(record, text)

    def pack(self, texts: Sequence[str]) -> bytes:
        """Return a message."""
        return ENVELOPE.pack(texts)


def ip_fields(record: IpRecord) -> dict[str, str | int | None]:
    """Return a record's fields by the definition's names, in the order of cASO."""
    return {
        "SiteName": record.site_name,
        "CloudType": record.cloud_type,
        "CloudComputeService": record.service_name or None,
        "LocalUser": record.user_id or None,
        "GlobalUserName": record.user_name or None,
        "LocalGroup": record.project_id,
        "FQAN": record.fqan,
        "IPVersion": record.ip_version,
        "IPCount": record.count,
        "MeasurementTime": epoch_seconds(record.created_at),
    }
