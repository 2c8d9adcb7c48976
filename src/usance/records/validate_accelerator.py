"""What accelerator messages must be: draft 4 of APEL's accelerator usage record, v0.1.

The receiving side has published its fields and no code yet. So the rules are those of the draft
(what is mandatory, what each field may be), and of the wire that all of APEL's messages share:
ASCII, text of at most 255 bytes, half a MiB. Nothing is raised: findings are collected.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from usance.model.accelerator import TYPES
from usance.model.decimals import canonical_decimal
from usance.model.period import epoch_seconds, month_of
from usance.records.accelerator import AcceleratorRecord
from usance.records.record import Finding
from usance.records.text import MAX_TEXT_BYTES, is_null
from usance.records.wire import JsonEnvelope, identity_findings, json_findings

ENVELOPE: Final = JsonEnvelope("APEL-accelerator-message", "0.1")
LONGEST_COUNT: Final = 7  # digits before the point, as the receiver's counts of CPUs have

_MANDATORY: Final = (
    "MeasurementMonth", "MeasurementYear", "AssociatedRecordType", "AssociatedRecord",
    "FQAN", "SiteName", "Count", "AvailableDuration", "Type",
)  # fmt: skip


def accelerator_findings(record: AcceleratorRecord, text: str) -> list[Finding]:
    """Return what is wrong with a record, or with the JSON that was made of it."""
    found = record_findings(record)
    # What the record lacks, its text lacks too: it is said once.
    return found or text_findings(text)


def record_findings(record: AcceleratorRecord) -> list[Finding]:
    """Return what is wrong with a record as a value, whatever the format."""
    found = []
    if record.accelerator.problem:
        found.append(Finding("Count", record.accelerator.problem))
    if record.fqan is None:
        found.append(Finding("FQAN", f"no VO is mapped to project {record.project_id}"))
    found += identity_findings(
        (
            ("AssociatedRecord", record.server_id),
            ("SiteName", record.site_name),
            ("CloudComputeService", record.service_name),
            ("FQAN", record.fqan),
        )
    )
    if record.available_s > _month_s(record.month.year, record.month.month):
        found.append(Finding("AvailableDuration", f"{record.available_s} s is more than the month has"))
    return found


def text_findings(text: str) -> list[Finding]:
    """Return what is wrong with the JSON object of one record."""
    return json_findings(text, object_findings)


def object_findings(fields: Mapping[str, Any]) -> list[Finding]:
    """Return what is wrong with the fields of one record."""
    found = [Finding(name, "is mandatory") for name in _MANDATORY if fields.get(name) is None]
    for name, value in fields.items():
        check = _REASON.get(name)
        reason = check(value) if check else "the receiver does not know this field"
        if reason is not None and not (value is None and name in _MANDATORY):
            found.append(Finding(name, reason))
    return found or _consistency(fields)


def message_findings(message: bytes) -> list[Finding]:
    """Return what is wrong with a whole message: its size, its envelope, each of its records."""
    return ENVELOPE.findings(message, object_findings, _IDENTITY)


_IDENTITY: Final = ("AssociatedRecord", "MeasurementYear", "MeasurementMonth", "Type", "Model", "Count")


def _consistency(fields: Mapping[str, Any]) -> list[Finding]:
    """Return what does not go together. All fields are well-formed."""
    found = []
    available_s, active_s = fields["AvailableDuration"], fields.get("ActiveDuration")
    if available_s > _month_s(fields["MeasurementYear"], fields["MeasurementMonth"]):
        found.append(Finding("AvailableDuration", f"{available_s} s is more than the month has"))
    if active_s is not None and active_s > available_s:
        found.append(Finding("ActiveDuration", "is longer than AvailableDuration"))
    if (fields.get("Benchmark") is None) != (fields.get("BenchmarkType") is None):
        found.append(Finding("Benchmark", "there are both, or neither: its value and its type"))
    return found


def _month_s(year: int, month: int) -> int:
    whole = month_of(datetime(year, month, 1, tzinfo=UTC))
    return epoch_seconds(whole.end) - epoch_seconds(whole.start)


def _text(value: object) -> str | None:
    if not isinstance(value, str):
        return "is no text"
    if is_null(value):
        return "is empty"
    return f"is longer than {MAX_TEXT_BYTES} bytes" if len(value.encode()) > MAX_TEXT_BYTES else None


def _one_of(*words: str) -> Callable[[object], str | None]:
    return lambda value: None if value in words else f"is none of {', '.join(words)}"


def _between(least: int, most: int) -> Callable[[object], str | None]:
    def check(value: object) -> str | None:
        if not isinstance(value, int) or isinstance(value, bool):
            return "is no whole number"
        return None if least <= value <= most else f"is not between {least} and {most}"

    return check


def _decimal(value: object) -> str | None:
    number = canonical_decimal(str(value)) if isinstance(value, (int, Decimal)) else None
    if number is None or isinstance(value, bool):
        return "is no decimal number"
    return "is larger than it can be" if len(number.partition(".")[0]) > LONGEST_COUNT else None


def _count(value: object) -> str | None:
    return _decimal(value) or ("is 0" if canonical_decimal(str(value)) == "0" else None)


def _or_null(check: Callable[[object], str | None]) -> Callable[[object], str | None]:
    return lambda value: None if value is None else check(value)


_SECONDS: Final = _between(0, 31 * 86400)
_REASON: Final[Mapping[str, Callable[[object], str | None]]] = {
    "MeasurementMonth": _between(1, 12),
    "MeasurementYear": _between(1970, 9998),
    "AssociatedRecordType": _one_of("cloud", "job"),
    "AssociatedRecord": _text,
    "FQAN": _text,
    "SiteName": _text,
    "Count": _count,
    "AvailableDuration": _SECONDS,
    "Type": _one_of(*TYPES),
    "GlobalUserName": _or_null(_text),
    "Cores": _or_null(_between(0, 2**31 - 1)),
    "ActiveDuration": _or_null(_SECONDS),
    "BenchmarkType": _or_null(_text),
    "Benchmark": _or_null(_decimal),
    "Model": _or_null(_text),
    "CloudType": _or_null(_text),
    "CloudComputeService": _or_null(_text),
}
"""Why a value of a field would be refused, or None."""
