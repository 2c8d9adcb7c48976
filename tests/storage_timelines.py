"""Timelines of volumes, written as a ledger, and what a receiver of storage records would keep of them."""

from __future__ import annotations

from datetime import datetime
from xml.etree.ElementTree import Element

from defusedxml.ElementTree import fromstring

from server_timelines import at
from usance.model.period import epoch_seconds
from usance.model.resource import Resource, Value
from usance.model.span import Doubt, Span, Timeline
from usance.records.star import NAMESPACE

VOLUME_ID = "6a8ac4ba-0580-4975-ad2f-89d94a2f20aa"
STANDARD: dict[str, Value] = {
    "user_id": "user1",
    "size_gib": 10,
    "volume_type": "standard",
    "attachments": "[]",
}
GIB = 2**30
SR = f"{{{NAMESPACE}}}"


def volume(
    *changes: tuple[str | datetime, dict[str, Value]],
    end: str | datetime | None = None,
    kind: str = "volume",
    volume_id: str = VOLUME_ID,
    project_id: str = "project1",
    launched: bool = True,
    doubts: tuple[Doubt, ...] = (),
) -> Timeline:
    """Return a timeline: each change says from when which attributes are so, beside those before it."""
    instants = [at(when) if isinstance(when, str) else when for when, _ in changes]
    last = at(end) if isinstance(end, str) else end
    spans = []
    values: dict[str, Value] = dict(STANDARD)
    for place, (_, changed) in enumerate(changes):
        values = {name: value for name, value in {**values, **changed}.items() if value != ""}
        until = instants[place + 1] if place + 1 < len(instants) else last
        spans.append(Span(instants[place], until, values))
    return Timeline(
        Resource(project_id, "region1", kind, volume_id),
        instants[0],
        last,
        tuple(spans),
        launched=launched,
        doubts=doubts,
    )


def gib_seconds(timeline: Timeline, until: datetime, since: datetime | None = None) -> int:
    """Return what a timeline amounts to, span by span: size times whole seconds."""
    total = 0
    for span in timeline.spans:
        start_s = epoch_seconds(span.start if since is None else max(span.start, since))
        end_s = epoch_seconds(until if span.end is None else min(span.end, until))
        total += max(0, end_s - start_s) * int(span.values["size_gib"])
    return total


class StarRow:
    """What the receiver keeps of one record."""

    def __init__(self, record: Element) -> None:
        identity = record.find(f"{SR}RecordIdentity")
        assert identity is not None
        self.record_id = identity.get(f"{SR}recordId", "")
        self.fields = {
            one.tag.removeprefix(SR): one.text or ""
            for one in record.iter()
            if one is not record and one.text
        }
        self.attributes = {
            one.get(f"{SR}attributeType", ""): one.text for one in record.iter(f"{SR}GroupAttribute")
        }
        self.start = datetime.fromisoformat(self.fields["StartTime"])
        self.end = datetime.fromisoformat(self.fields["EndTime"])
        self.capacity = int(self.fields["ResourceCapacityUsed"])

    @property
    def gib_seconds(self) -> int:
        return (epoch_seconds(self.end) - epoch_seconds(self.start)) * self.capacity // GIB

    @property
    def said(self) -> tuple[tuple[str, str], ...]:
        return tuple(sorted(self.fields.items()))


class StarDatabase:
    """A receiver: one row for each record id, the last one that came."""

    def __init__(self) -> None:
        self.rows: dict[str, StarRow] = {}

    def load(self, message: bytes) -> None:
        for record in fromstring(message):
            row = StarRow(record)
            self.rows[row.record_id] = row

    @property
    def stated(self) -> dict[str, tuple[tuple[str, str], ...]]:
        """What is stated of anything, by record id: what was taken back states nothing."""
        return {one: row.said for one, row in self.rows.items() if row.end > row.start}

    @property
    def gib_seconds(self) -> int:
        return sum(row.gib_seconds for row in self.rows.values())
