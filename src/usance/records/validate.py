"""Holding a message of any type to the rules of those who receive it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from usance.records import (
    validate_accelerator,
    validate_cloud,
    validate_energy,
    validate_ip,
    validate_storage,
)
from usance.records.apel import split_records
from usance.records.record import Finding

_JSON_TYPES: Final[Mapping[str, Callable[[bytes], list[Finding]]]] = {
    validate_accelerator.ENVELOPE.type: validate_accelerator.message_findings,
    validate_ip.ENVELOPE.type: validate_ip.message_findings,
}
_STORAGE_RECORD: Final = re.compile(rb"<(?:\w+:)?StorageUsageRecord[\s>]")


class _Envelope(msgspec.Struct):
    type: str = msgspec.field(name="Type", default="")
    records: Any = msgspec.field(name="UsageRecords", default=None)


_envelope: Final = msgspec.json.Decoder(_Envelope)


def check_message(message: bytes) -> tuple[int, list[Finding]]:
    """Return how many records a message has, and what is wrong with it; by its first character."""
    start = message.lstrip()[:1]
    if start == b"<":
        return len(_STORAGE_RECORD.findall(message)), validate_storage.message_findings(message)
    if start == b"{":
        return _check_json(message)
    if start == b"[":
        return _elements(message), validate_energy.message_findings(message)
    body = message.decode("ascii", "replace").strip().partition("\n")[2]
    return sum(1 for _ in split_records(body)), validate_cloud.message_findings(message)


def _check_json(message: bytes) -> tuple[int, list[Finding]]:
    try:
        envelope = _envelope.decode(message)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return 0, [Finding("", f"is no JSON object with a type: {error}")]
    records = len(envelope.records) if isinstance(envelope.records, list) else 0
    findings = _JSON_TYPES.get(envelope.type)
    if findings is None:
        return records, [Finding("Type", f"there is no message of type {envelope.type[:80]!r}")]
    return records, findings(message)


def _elements(message: bytes) -> int:
    """Return how many elements a JSON array has; 0 for what is none."""
    try:
        return len(msgspec.json.decode(message, type=list[msgspec.Raw]))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return 0
