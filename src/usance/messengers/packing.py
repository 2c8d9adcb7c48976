"""From records to what the ledger stages: rendered, checked, and packed into messages. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import msgspec

from usance.ledger.values import NewMessage, NewRecord, Quarantine
from usance.records.format import RecordFormat
from usance.records.record import Finding, Record


class Rendered(msgspec.Struct, frozen=True):
    """A record as it would go out, and why it can't, if so."""

    record: Record
    text: str
    findings: tuple[Finding, ...] = ()

    @property
    def staged(self) -> NewRecord:
        """The record as the outbox knows it."""
        return NewRecord(
            key=self.record.key,
            resource_kind=self.record.resource_kind,
            resource_id=self.record.resource_id,
            digest=self.record.digest,
            created_at=self.record.created_at,
        )

    @property
    def quarantine(self) -> Quarantine:
        """The record as it is held back."""
        return Quarantine(self.staged, "; ".join(str(one) for one in self.findings), self.text)


def render(form: RecordFormat[Any], record: Record, max_bytes: int) -> Rendered:
    """Render a record and check it; a record that fills more than a message can't go out."""
    text = form.render(record)
    findings = form.findings(record, text)
    size = form.envelope_bytes + len(text.encode())
    if size > max_bytes:
        findings.append(Finding("", f"{size} bytes are more than a message holds"))
    return Rendered(record, text, tuple(findings))


class Written(Protocol):
    """A record whose text stands."""

    @property
    def text(self) -> str:
        """The record as it stands in a message."""
        ...

    @property
    def staged(self) -> NewRecord:
        """The record as the outbox knows it."""
        ...


def pack(
    form: RecordFormat[Any], rendered: Iterable[Written], *, max_records: int, max_bytes: int
) -> Iterator[NewMessage]:
    """Yield messages of at most so many records and bytes, in the order of the records."""
    batch: list[Written] = []
    size = 0
    for one in rendered:
        more = len(one.text.encode()) + (form.separator_bytes if batch else form.envelope_bytes)
        if batch and (len(batch) == max_records or size + more > max_bytes):
            yield _message(form, batch)
            batch, size = [], 0
            more = len(one.text.encode()) + form.envelope_bytes
        batch.append(one)
        size += more
    if batch:
        yield _message(form, batch)


def _message(form: RecordFormat[Any], batch: list[Written]) -> NewMessage:
    body = form.pack([one.text for one in batch])
    return NewMessage(
        record_type=form.record_type,
        format=form.name,
        body=body,
        records=tuple(one.staged for one in batch),
        places=tuple(_places(body, [one.text.encode() for one in batch])),
    )


def _places(body: bytes, texts: Iterable[bytes]) -> Iterator[tuple[int, int]]:
    """Yield where each text stands in the body; so what was sent can be sent again, byte by byte."""
    at = 0
    for text in texts:
        at = body.index(text, at)
        yield at, len(text)
        at += len(text)
