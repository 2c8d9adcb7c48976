"""The syntax that APEL's text messages share: a header, then records of `Key: value` lines.

Records are separated by lines of `%%`. A field without a value has no line.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from usance.model.period import epoch_seconds
from usance.records.cloud import CloudRecord
from usance.records.text import safe_text

SEPARATOR: Final = "%%"
MAX_BENCHMARK_TYPE_BYTES: Final = 50  # VARCHAR(50) in the receiver's schema

Fields = Mapping[str, str | int | None]


def header(message_type: str, version: str) -> str:
    """Return the first line of a message, which says what its records are."""
    return f"{message_type}: {version}\n"


def lines(fields: Iterable[tuple[str, str | int | None]]) -> str:
    """Return the lines of a record: safe text, integers exactly; no line for what has no value."""
    return "".join(
        f"{key}: {value}\n"
        for key, value in ((key, _printed(key, value)) for key, value in fields)
        if value != ""
    )


def _printed(key: str, value: str | int | None) -> str:
    if value is None:
        return ""
    if isinstance(value, int):
        return str(value)
    if key == "BenchmarkType":
        return safe_text(value, MAX_BENCHMARK_TYPE_BYTES)
    return safe_text(value)


def cloud_fields(record: CloudRecord) -> dict[str, str | int | None]:
    """Return a cloud record's fields by APEL's names (v0.4), unordered. Instants are seconds since 1970."""
    has_benchmark = record.benchmark is not None and record.benchmark_type is not None
    return {
        "RecordCreateTime": epoch_seconds(record.created_at),
        "VMUUID": record.server_id,
        "SiteName": record.site_name,
        "CloudComputeService": record.service_name,
        "MachineName": record.name,
        "LocalUserId": record.user_id,
        "LocalGroupId": record.project_id,
        "GlobalUserName": record.user_name,
        "FQAN": record.fqan,
        "Status": record.status,
        "StartTime": epoch_seconds(record.start),
        "EndTime": None if record.end is None else epoch_seconds(record.end),
        "SuspendDuration": record.suspended_s,
        "WallDuration": record.wall_s,
        "CpuDuration": record.cpu_s,
        "CpuCount": record.vcpus,
        "PublicIPCount": record.public_ips,
        "Memory": record.ram_mib,
        "Disk": record.disk_gib,
        "BenchmarkType": record.benchmark_type if has_benchmark else None,
        "Benchmark": record.benchmark if has_benchmark else None,
        "ImageId": record.image,
        "CloudType": record.cloud_type,
    }


def split_records(body: str) -> list[str]:
    """Split what follows the header as the receiver does: at every `%%`, wherever it stands."""
    return [chunk for chunk in body.split(SEPARATOR) if chunk.strip()]


def split_lines(text: str) -> list[tuple[str, str]]:
    """Split a record into keys and values as the receiver does.

    Raises ValueError with the line that has no colon.
    """
    pairs = []
    for line in text.strip().splitlines():
        key, colon, value = line.partition(":")
        if not colon:
            raise ValueError(line)
        pairs.append((key.strip(), value.strip()))
    return pairs


def pack(first_line: str, texts: Sequence[str], *, end: str = "") -> bytes:
    """Return a message; each text ends its last line."""
    return (first_line + f"{SEPARATOR}\n".join(texts) + end).encode("ascii")
