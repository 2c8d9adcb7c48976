"""What public IP messages must be: EGI's definition of the public IP usage record, v0.2.

The definition says which fields there are, which may not be null, and what each holds; the schema
of apel/apel, pull request 226, the one receiver that was ever written, says the same and admits no
other field. Beside these there are the rules of the wire that all of APEL's messages share: ASCII,
text of at most 255 characters, half a MiB. Nothing is raised: findings are collected.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from usance.records.fqan import parse_fqan
from usance.records.ip import DAY, IpRecord
from usance.records.record import Finding
from usance.records.text import MAX_TEXT_BYTES
from usance.records.wire import JsonEnvelope, json_findings

ENVELOPE: Final = JsonEnvelope("APEL Public IP message", "v0.2")

_TEXT_FIELDS: Final = ("SiteName", "CloudType", "LocalUser", "LocalGroup", "GlobalUserName", "FQAN")
_NULLABLE: Final = "CloudComputeService"
_NUMBER_FIELDS: Final = ("MeasurementTime", "IPVersion", "IPCount")
_KNOWN: Final = frozenset({*_TEXT_FIELDS, _NULLABLE, *_NUMBER_FIELDS})
_VERSIONS: Final = frozenset({4, 6})
_MAX_INT: Final = 2**31 - 1
_MAX_DATETIME_S: Final = 253402300799  # the last second of the year 9999


def ip_findings(record: IpRecord, text: str) -> list[Finding]:
    """Return what is wrong with a record, or with the JSON that was made of it."""
    # What the record lacks, its text lacks too: it is said once.
    return record_findings(record) or text_findings(text)


def record_findings(record: IpRecord) -> list[Finding]:
    """Return what is wrong with a record as a value, whatever the format."""
    found = []
    if record.fqan is None:
        found.append(Finding("FQAN", f"no VO is mapped to project {record.project_id}"))
    if not record.user_id:
        found.append(
            Finding(
                "LocalUser",
                f"nothing tells whose {record.count} addresses of project {record.project_id} are: they lead"
                " to no known server; name a user with [neutron] default_user",
            )
        )
    elif not record.user_name:
        found.append(
            Finding("GlobalUserName", f"the name of user {record.user_id[:80]} is not known from Keystone")
        )
    for name, value in (
        ("SiteName", record.site_name),
        ("CloudType", record.cloud_type),
        ("CloudComputeService", record.service_name),
        ("LocalUser", record.user_id),
        ("GlobalUserName", record.user_name),
        ("LocalGroup", record.project_id),
        ("FQAN", record.fqan),
    ):
        if value and (reason := _text_reason(value)):
            found.append(Finding(name, reason))
    if not record.day <= record.created_at < record.day + DAY:
        found.append(Finding("MeasurementTime", "lies outside of the day that is measured"))
    if record.by_server + record.by_event + record.by_default != record.count and record.user_id:
        found.append(Finding("IPCount", "is not the sum of what it was counted from"))
    return found


def text_findings(text: str) -> list[Finding]:
    """Return what is wrong with the JSON object of one record."""
    return json_findings(text, object_findings)


def object_findings(fields: Mapping[str, Any]) -> list[Finding]:
    """Return what is wrong with the fields of one record."""
    found = [
        Finding(name[:80], "the receiver does not know this field") for name in sorted(fields.keys() - _KNOWN)
    ]
    for name in (*_TEXT_FIELDS, _NULLABLE):
        value = fields.get(name)
        if value is None:
            if name != _NULLABLE:
                found.append(Finding(name, "is mandatory"))
        elif not isinstance(value, str):
            found.append(Finding(name, "is no text"))
        elif reason := _text_reason(value):
            found.append(Finding(name, reason))
    if isinstance(fields.get("FQAN"), str) and not parse_fqan(fields["FQAN"]).vo:
        found.append(Finding("FQAN", "names no VO"))
    found += [
        Finding(name, reason) for name in _NUMBER_FIELDS if (reason := _number_reason(name, fields.get(name)))
    ]
    return found


def _text_reason(value: str) -> str | None:
    if not value.strip():
        return "is empty"
    return f"is longer than {MAX_TEXT_BYTES} characters" if len(value) > MAX_TEXT_BYTES else None


def _number_reason(name: str, value: Any) -> str | None:
    if value is None:
        return "is mandatory"
    if not isinstance(value, int) or isinstance(value, bool):
        return "is no whole number"
    if name == "IPVersion":
        return None if value in _VERSIONS else "is neither 4 nor 6"
    most = _MAX_DATETIME_S if name == "MeasurementTime" else _MAX_INT
    if value < 0:
        return "is negative"
    return f"is larger than {most}" if value > most else None


def message_findings(message: bytes) -> list[Finding]:
    """Return what is wrong with a whole message: its size, its envelope, each of its records."""
    return ENVELOPE.findings(message, object_findings, _IDENTITY)


_IDENTITY: Final = ("LocalUser", "LocalGroup", "IPVersion", "MeasurementTime")
