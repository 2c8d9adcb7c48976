"""The syntax that APEL's text messages share: a header, then records of `Key: value` lines.

Records are separated by lines of `%%`. A field without a value has no line.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final

from usance.model.period import epoch_seconds
from usance.records.cloud import CloudRecord
from usance.records.text import safe_text

SEPARATOR: Final = "%%"
MAX_BENCHMARK_TYPE_BYTES: Final = 50  # VARCHAR(50) in the receiver's schema

ORDER_V02: Final = (  # of the keys of a cloud record v0.2; those of v0.4 are in alphabetical order
    "RecordCreateTime",
    "VMUUID",
    "SiteName",
    "MachineName",
    "LocalUserId",
    "LocalGroupId",
    "FQAN",
    "Status",
    "StartTime",
    "EndTime",
    "SuspendDuration",
    "WallDuration",
    "CpuDuration",
    "CpuCount",
    "Memory",
    "Disk",
    "ImageId",
    "CloudType",
    "GlobalUserName",
)

Fields = Mapping[str, str | int | None]


def header(message_type: str, version: str) -> str:
    """Return the first line of a message, which says what its records are."""
    return f"{message_type}: {version}\n"


def lines(fields: Iterable[tuple[str, str | int | None]]) -> str:
    """Return the lines of a record: safe text, integers exactly; no line for what has no value."""
    return "".join(
        [
            f"{key}: {value}\n" if isinstance(value, int) else _text_line(key, value)
            for key, value in fields
            if value is not None
        ]
    )


@lru_cache(maxsize=4096)
def _text_line(key: str, value: str) -> str:
    """Return the line of a text; most texts stand in many records."""
    safe = safe_text(value, MAX_BENCHMARK_TYPE_BYTES) if key == "BenchmarkType" else safe_text(value)
    return f"{key}: {safe}\n" if safe else ""


def cloud_fields(record: CloudRecord) -> dict[str, str | int | None]:
    """Return a cloud record's fields by APEL's names (v0.4), in order. Instants are seconds since 1970."""
    has_benchmark = record.benchmark is not None and record.benchmark_type is not None
    return {
        "Benchmark": record.benchmark if has_benchmark else None,
        "BenchmarkType": record.benchmark_type if has_benchmark else None,
        "CloudComputeService": record.service_name,
        "CloudType": record.cloud_type,
        "CpuCount": record.vcpus,
        "CpuDuration": record.cpu_s,
        "Disk": record.disk_gib,
        "EndTime": None if record.end is None else epoch_seconds(record.end),
        "FQAN": record.fqan,
        "GlobalUserName": record.user_name,
        "ImageId": record.image,
        "LocalGroupId": record.project_id,
        "LocalUserId": record.user_id,
        "MachineName": record.name,
        "Memory": record.ram_mib,
        "PublicIPCount": record.public_ips,
        # What is completed is said the same whenever it is said: the receiver files it by its end.
        "RecordCreateTime": epoch_seconds(record.end or record.created_at),
        "SiteName": record.site_name,
        "StartTime": epoch_seconds(record.start),
        "Status": record.status,
        "SuspendDuration": record.suspended_s,
        "VMUUID": record.server_id,
        "WallDuration": record.wall_s,
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
