"""What APEL's server accepts of cloud messages, and what it should not be given.

Written from the behaviour of apel/apel 2.5.0: `RecordFactory`, `CloudRecord` and the parameters of
the procedure ReplaceCloudRecord (schemas/cloud.sql). The server refuses a whole message for one
bad record, and the sender is never told; so every rendered record is held to these rules before
it is staged. Nothing is raised: findings are collected. Where the server is lenient (`1_000` as a
number, several ways to write a time) we are strict; a test holds us to verdicts recorded from the
server's own code.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Final

from usance.records import apel
from usance.records.cloud import COMPLETED, CloudRecord, last_second, lifetime_s
from usance.records.record import Finding
from usance.records.text import MAX_TEXT_BYTES, is_null
from usance.records.wire import identity_findings, wire_findings

CLOUD_MESSAGE_TYPE: Final = "APEL-cloud-message"
VERSIONS: Final = frozenset({"v0.2", "v0.4"})

_MANDATORY: Final = ("VMUUID", "SiteName")
_BIGINT_FIELDS: Final = frozenset(
    {"SuspendDuration", "WallDuration", "CpuDuration", "NetworkInbound", "NetworkOutbound", "Memory", "Disk"}
)
_TIME_FIELDS: Final = frozenset({"RecordCreateTime", "StartTime", "EndTime"})
_TEXT_FIELDS: Final = frozenset(
    {
        "VMUUID", "SiteName", "CloudComputeService", "MachineName", "LocalUserId", "LocalGroupId",
        "GlobalUserName", "VO", "VOGroup", "VORole", "Status", "NetworkType", "StorageRecordId",
        "ImageId", "CloudType",
    }
)  # fmt: skip
_IGNORED: Final = frozenset({"UpdateTime", "MeasurementTime", "MeasurementMonth", "MeasurementYear"})

_MAX_BIGINT: Final = 2**63 - 1
_MAX_INT: Final = 2**31 - 1
_MAX_DECIMAL_10_3: Final = 7  # digits before the point
_MAX_DATETIME_S: Final = 253402300799  # the last second of the year 9999
_INTEGER: Final = re.compile(r"-?[0-9]{1,19}")
_DECIMAL: Final = re.compile(r"[0-9]{1,30}(\.[0-9]{1,30})?")
_FOREIGN: Final = re.compile(r"[^\x20-\x7e\n]")


def cloud_findings(record: CloudRecord, text: str) -> list[Finding]:
    """Return what is wrong with a record, or with the lines that were made of it."""
    return record_findings(record) + text_findings(text)


def record_findings(record: CloudRecord) -> list[Finding]:
    """Return what is wrong with a record as a value, whatever the format."""
    found = [Finding(name, "nobody told it, and the record needs it") for name in record.unknown]
    if record.fqan is None:
        found.append(Finding("FQAN", f"no VO is mapped to project {record.project_id}"))
    found += identity_findings(
        (
            ("VMUUID", record.server_id),
            ("SiteName", record.site_name),
            ("CloudComputeService", record.service_name),
            ("LocalGroupId", record.project_id),
            ("LocalUserId", record.user_id),
            ("FQAN", record.fqan),
        )
    )
    elapsed_s = lifetime_s(record)
    if record.wall_s + record.suspended_s != elapsed_s:
        found.append(
            Finding(
                "WallDuration",
                f"{record.wall_s} s and {record.suspended_s} s suspended are not the {elapsed_s} s elapsed",
            )
        )
    if record.cpu_s > record.wall_s * record.most_vcpus:
        found.append(
            Finding("CpuDuration", f"{record.cpu_s} s is more than {record.most_vcpus} vCPUs use in the time")
        )
    if (record.end is None) != (record.status != COMPLETED):
        found.append(Finding("EndTime", "a record has an end if, and only if, it is completed"))
    return found


def text_findings(text: str) -> list[Finding]:
    """Return what is wrong with the lines of one record."""
    # What is plain has lines without a fault, as the reading of each of them would find too.
    if apel.SEPARATOR not in text:
        for pattern in _PLAIN:
            if plain := pattern.fullmatch(text):
                return _consistency(plain.groupdict(""))
    return _line_findings(text)


def _line_findings(text: str) -> list[Finding]:
    """Read a record line by line, and return what is wrong with it."""
    found: list[Finding] = []
    if apel.SEPARATOR in text:
        found.append(Finding("", "%% inside a record ends it for the receiver"))
    if _FOREIGN.search(text):
        found.append(Finding("", "something else than printable ASCII"))
    lines = [_read_line(line) for line in text.strip().splitlines()]
    fields: dict[str, str] = {}
    for key, value, finding in lines:
        if key is None:
            return [*found, Finding("", f"a line without a colon: {value[:80]!r}")]
        fields[key] = value
        if finding is not None:
            found.append(finding)
    if len(fields) != len(lines):
        found.append(Finding("", "a key stands twice"))
    found += [Finding(key, "is mandatory") for key in _MANDATORY if is_null(fields.get(key, ""))]
    return found or _consistency(fields)


def _read_line(line: str) -> tuple[str | None, str, Finding | None]:
    """Return key and value of a line, and what is wrong with them; no key for a line that is none."""
    key, colon, value = line.partition(":")
    if not colon:
        return None, line, None
    key, value = key.strip(), value.strip()
    check = _REASON.get(key)
    reason = check(value) if check else "the receiver does not know this field"
    return key, value, None if reason is None else Finding(key, reason)


def _text_reason(value: str, limit: int = MAX_TEXT_BYTES) -> str | None:
    return f"longer than {limit} bytes" if len(value) > limit else None


def _fqan_reason(value: str) -> str | None:
    if value.startswith("/") and not value.split("/")[1]:
        return "names no VO"
    return _text_reason(value)


def _benchmark_type_reason(value: str) -> str | None:
    return _text_reason(value, apel.MAX_BENCHMARK_TYPE_BYTES)


def _integer_reason(value: str, most: int = _MAX_BIGINT) -> str | None:
    if value.isascii() and value.isdigit() and len(value) < 10:
        return None if most == _MAX_BIGINT or int(value) <= most else f"is larger than {most}"
    if is_null(value):
        return None
    if not _INTEGER.fullmatch(value):
        return f"{value[:80]!r} is not an integer"
    number = int(value)
    if number < 0:
        return "is negative"
    return f"is larger than {most}" if number > most else None


def _int_reason(value: str) -> str | None:
    return _integer_reason(value, _MAX_INT)


def _time_reason(value: str) -> str | None:
    return _integer_reason(value, _MAX_DATETIME_S)


def _decimal_reason(value: str) -> str | None:
    if is_null(value):
        return None
    if not _DECIMAL.fullmatch(value):
        return f"{value[:80]!r} is not a decimal number"
    whole = value.partition(".")[0].lstrip("0")
    return "has more than 7 digits before the point" if len(whole) > _MAX_DECIMAL_10_3 else None


def _ignored(value: str) -> str | None:  # noqa: ARG001 - the receiver does not look at the value either
    return None


_REASON: Final[Mapping[str, Callable[[str], str | None]]] = {
    **dict.fromkeys(_TEXT_FIELDS, _text_reason),
    **dict.fromkeys(_BIGINT_FIELDS, _integer_reason),
    **dict.fromkeys(_TIME_FIELDS, _time_reason),
    **dict.fromkeys(_IGNORED, _ignored),
    "FQAN": _fqan_reason,
    "BenchmarkType": _benchmark_type_reason,
    "PublicIPCount": _int_reason,
    "CpuCount": _decimal_reason,
    "Benchmark": _decimal_reason,
}
"""Why a value of a field would be refused, or None; a null is fine where a field is not mandatory."""


def _plain(order: Iterable[str]) -> re.Pattern[str]:
    """Return a pattern of records whose lines, each in its place or absent, are well-formed.

    Its groups are the fields that are read together. Many a record that it doesn't match is
    well-formed too: it is for what we render ourselves, all but always.
    """
    return re.compile(
        "".join(
            f"{key}: {_PLAIN_VALUES[key]}\n" if key in _MANDATORY
            else f"(?:{key}: (?P<{key}>{_PLAIN_VALUES[key]})\n)?" if key in _COMPARED
            else f"(?:{key}: {_PLAIN_VALUES[key]}\n)?"
            for key in order
        )
    )  # fmt: skip


_COMPARED: Final = frozenset(
    {"EndTime", "RecordCreateTime", "StartTime", "Status", "SuspendDuration", "WallDuration"}
)
_TEXT: Final = f"[!-~](?:[ -~]{{0,{MAX_TEXT_BYTES - 2}}}[!-~])?"
_PLAIN_VALUES: Final[Mapping[str, str]] = {
    "Benchmark": r"[0-9]{1,7}(?:\.[0-9]{1,30})?",
    "BenchmarkType": f"[!-~](?:[ -~]{{0,{apel.MAX_BENCHMARK_TYPE_BYTES - 2}}}[!-~])?",
    "CloudComputeService": _TEXT,
    "CloudType": _TEXT,
    "CpuCount": "[0-9]{1,7}",
    "CpuDuration": "[0-9]{1,18}",
    "Disk": "[0-9]{1,18}",
    "EndTime": "[0-9]{1,11}",
    "FQAN": f"(?!/(?:/|\n)){_TEXT}",
    "GlobalUserName": _TEXT,
    "ImageId": _TEXT,
    "LocalGroupId": _TEXT,
    "LocalUserId": _TEXT,
    "MachineName": _TEXT,
    "Memory": "[0-9]{1,18}",
    "PublicIPCount": "[0-9]{1,9}",
    "RecordCreateTime": "[0-9]{1,11}",
    "SiteName": f"(?!(?i:none|null)\n){_TEXT}",
    "StartTime": "[0-9]{1,11}",
    "Status": _TEXT,
    "SuspendDuration": "[0-9]{1,18}",
    "VMUUID": f"(?!(?i:none|null)\n){_TEXT}",
    "WallDuration": "[0-9]{1,18}",
}
_PLAIN: Final = (_plain(sorted(_PLAIN_VALUES)), _plain(apel.ORDER_V02))
"""Records of v0.4 and of v0.2, as they are rendered."""


def _consistency(fields: Mapping[str, str]) -> list[Finding]:
    """Return what the receiver would load, and count wrongly. All fields are well-formed."""
    found: list[Finding] = []
    start, end, created = (_seconds(fields, key) for key in ("StartTime", "EndTime", "RecordCreateTime"))
    completed = fields.get("Status", "").lower() == COMPLETED
    if completed and not end:
        found.append(Finding("EndTime", "completed without an end is filed under month 0"))
    if start is None:
        found.append(Finding("StartTime", "without a start the receiver can't file it"))
        return found
    if end and end < start:
        found.append(Finding("EndTime", "lies before StartTime"))
    if end and created is not None and end > created:
        found.append(Finding("EndTime", "lies after RecordCreateTime"))
    measured = end if completed and end else created
    if measured is not None:
        elapsed_s = _counted_s(fields)
        life_s = max(measured - start, 0)
        # The last second of a month stands for its end. What is completed must account for its
        # whole life; what is taken back accounts for less.
        if not (
            elapsed_s == life_s
            or (elapsed_s == life_s + 1 and last_second(datetime.fromtimestamp(measured, UTC)))
            or (elapsed_s < life_s and not completed)
        ):
            found.append(Finding("WallDuration", "wall and suspended time are not the time that elapsed"))
    return found


def _counted_s(fields: Mapping[str, str]) -> int:
    return (_seconds(fields, "WallDuration") or 0) + (_seconds(fields, "SuspendDuration") or 0)


def _seconds(fields: Mapping[str, str], key: str) -> int | None:
    value = fields.get(key)
    return int(value) if value and (value.isdigit() or not is_null(value)) else None


def message_findings(message: bytes) -> list[Finding]:
    """Return what is wrong with a whole cloud message: its size, its first line, each of its records."""
    found = wire_findings(message)
    if not message.isascii():
        return found
    first, _, body = message.decode("ascii").strip().partition("\n")
    kind, colon, version = first.partition(":")
    if not colon or kind.strip() != CLOUD_MESSAGE_TYPE or version.strip() not in VERSIONS:
        return [*found, Finding("", f"the first line is no header of a cloud message: {first[:80]!r}")]
    seen: set[tuple[str, str]] = set()
    for place, text in enumerate(apel.split_records(body), start=1):
        found += [
            Finding(one.field, f"record {place}: {one.reason}") for one in text_findings(text.strip("\n"))
        ]
        identity = _identity(text)
        if identity in seen:
            found.append(Finding("VMUUID", f"record {place}: {identity[0]} stands twice for one month"))
        seen.add(identity)
    return found


def _identity(text: str) -> tuple[str, str]:
    """Return the server and the month under which the receiver files a record, if they can be read."""
    try:
        fields = dict(apel.split_lines(text))
        measured = _measured_s(fields)
        month = "" if measured is None else f"{datetime.fromtimestamp(measured, UTC):%Y-%m}"
    except (ValueError, OverflowError, OSError):
        return text, ""  # it has findings of its own
    return fields.get("VMUUID", ""), month


def _measured_s(fields: Mapping[str, str]) -> int | None:
    """Return when the receiver takes a record to have been measured, in seconds since 1970."""
    if fields.get("Status", "").lower() == COMPLETED:
        return int(fields["EndTime"]) if fields.get("EndTime") else None
    if fields.get("RecordCreateTime"):
        return int(fields["RecordCreateTime"])
    if not fields.get("StartTime"):
        return None
    return int(fields["StartTime"]) + _counted_s(fields)
