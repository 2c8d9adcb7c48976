"""What energy records must be. Their receiver publishes no rules: these are those of sense.

The fields are those that cASO 5 sends to the GreenDIGIT CIM. Nothing is raised: findings are collected.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

from usance.model.decimals import canonical_decimal
from usance.model.period import epoch_seconds
from usance.records.energy import EnergyRecord
from usance.records.record import Finding
from usance.records.text import MAX_TEXT_BYTES
from usance.records.wire import identity_findings

_MOST_UWH: Final = 10**18
_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def record_findings(record: EnergyRecord) -> list[Finding]:
    """Return what is wrong with a record as a value, whatever the format."""
    found = []
    if record.fqan is None:
        found.append(Finding("Owner", f"no VO is mapped to project {record.project_id}"))
    found += identity_findings(
        (
            ("ExecUnitID", record.server_id),
            ("SiteName", record.site_name),
            ("CloudComputeService", record.service_name),
            ("Owner", record.fqan),
        )
    )
    elapsed_s = epoch_seconds(record.end) - epoch_seconds(record.start)
    # A server that never launched used none of the time.
    if record.wall_s + record.suspended_s not in {elapsed_s, 0}:
        found.append(
            Finding(
                "WallClockTime_s",
                f"{record.wall_s} s and {record.suspended_s} s suspended are not the {elapsed_s} s elapsed",
            )
        )
    if not 0 <= record.energy_uwh < _MOST_UWH:
        found.append(Finding("EnergyWh", "can't be measured"))
    if record.energy_uwh and not record.sampled_s:
        found.append(Finding("EnergyWh", "was measured without a sample"))
    return found


def text_findings(text: str) -> list[Finding]:
    """Return what is wrong with the JSON object of one record."""
    try:
        fields = _record.decode(text)
    except msgspec.DecodeError as error:
        return [Finding("", f"is no JSON object: {error}")]
    return object_findings(fields)


def message_findings(message: bytes) -> list[Finding]:
    """Return what is wrong with a whole message: a JSON array of records."""
    try:
        records = _message.decode(message)
    except msgspec.DecodeError as error:
        return [Finding("", f"is no array of energy records: {error}")]
    return [
        Finding(one.field, f"record {place}: {one.reason}")
        for place, fields in enumerate(records, start=1)
        for one in object_findings(fields)
    ]


def object_findings(fields: Mapping[str, Any]) -> list[Finding]:
    """Return what is wrong with the fields of one record."""
    found = [Finding(name, "is missing") for name in _REASON if name not in fields]
    for name, value in fields.items():
        check = _REASON.get(name)
        reason = check(value) if check else "nobody knows this field"
        if reason is not None:
            found.append(Finding(name, reason))
    if not found and fields["EndExecTime"] < fields["StartExecTime"]:
        found.append(Finding("EndExecTime", "lies before StartExecTime"))
    return found


_record: Final = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)
_message: Final = msgspec.json.Decoder(list[dict[str, Any]], float_hook=Decimal)


def _text(value: object) -> str | None:
    if not isinstance(value, str) or not value.strip():
        return "is no text"
    return f"is longer than {MAX_TEXT_BYTES} bytes" if len(value.encode()) > MAX_TEXT_BYTES else None


def _instant(value: object) -> str | None:
    return None if isinstance(value, str) and _INSTANT.fullmatch(value) else "is no instant in UTC"


def _seconds(value: object) -> str | None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        return "is no number of seconds"
    return None


def _decimal(value: object) -> str | None:
    number = isinstance(value, (int, Decimal)) and not isinstance(value, bool)
    return None if number and canonical_decimal(str(value)) is not None else "is no decimal number"


def _flag(value: object) -> str | None:
    is_flag = value in {0, 1} and isinstance(value, int) and not isinstance(value, bool)
    return None if is_flag else "is neither 0 nor 1"


_REASON: Final[Mapping[str, Callable[[object], str | None]]] = {
    "SiteName": _text,
    "CloudType": _text,
    "CloudComputeService": _text,
    "ExecUnitID": _text,
    "StartExecTime": _instant,
    "EndExecTime": _instant,
    "EnergyWh": _decimal,
    "Work": _decimal,
    "Efficiency": _decimal,
    "WallClockTime_s": _seconds,
    "CpuDuration_s": _seconds,
    "SuspendDuration_s": _seconds,
    "CPUNormalizationFactor": _decimal,
    "ExecUnitFinished": _flag,
    "Status": _text,
    "Owner": _text,
}
"""Why a value of a field is wrong, or None. All of them are there."""
