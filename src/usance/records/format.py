"""What a format of records is: how a record is written, checked, and joined into messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from usance.records.record import Finding, Record

R_contra = TypeVar("R_contra", bound=Record, contravariant=True)


class RecordFormat(Protocol[R_contra]):
    """One way to write records of one type; entry points of `usance.records` name such classes."""

    name: str  # for instance "cloud-v04"
    record_type: str  # "cloud", "storage", "ip", "accelerator", "energy"
    # Bytes of a message beside its records: once, and for each record but the first.
    envelope_bytes: int
    separator_bytes: int

    def render(self, record: R_contra) -> str:
        """Return the record as it stands in a message, without the separator."""
        ...

    def findings(self, record: R_contra, text: str) -> list[Finding]:
        """Return why the record, rendered as *text*, can't go out; nothing if it can."""
        ...

    def pack(self, texts: Sequence[str]) -> bytes:
        """Return one message of rendered records."""
        ...
