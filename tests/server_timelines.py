"""Timelines of servers, written as a ledger: where each span begins, and what it is then."""

from __future__ import annotations

from datetime import UTC, datetime

from usance.model.resource import Resource, Value
from usance.model.span import Described, Span, Timeline

SMALL: dict[str, Value] = {
    "user_id": "user1",
    "state": "active",
    "flavor": "m1.small",
    "vcpus": 2,
    "ram_mib": 2048,
    "disk_gib": 20,
    "ephemeral_gib": 5,
    "image_id": "image1",
}
SERVER_ID = "cd447e35-b8b6-48fe-842e-3d437204e52d"


def at(text: str) -> datetime:
    """Read "2026-10-15 12:00", "2026-10-15" or with seconds and microseconds as an instant in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def server(
    *changes: tuple[str | datetime, dict[str, Value]],
    end: str | datetime | None = None,
    server_id: str = SERVER_ID,
    project_id: str = "project1",
    launched: bool = True,
    described: dict[str, Value] | None = None,
) -> Timeline:
    """Return a timeline: each change says from when which attributes are so, beside those before it."""
    instants = [at(when) if isinstance(when, str) else when for when, _ in changes]
    last = at(end) if isinstance(end, str) else end
    spans = []
    values: dict[str, Value] = dict(SMALL)
    for place, (_, changed) in enumerate(changes):
        values = {name: value for name, value in {**values, **changed}.items() if value != ""}
        until = instants[place + 1] if place + 1 < len(instants) else last
        spans.append(Span(instants[place], until, values))
    return Timeline(
        Resource(project_id, "region1", "server", server_id),
        instants[0],
        last,
        tuple(spans),
        launched=launched,
        described=tuple(
            Described(name, instants[0], value)
            for name, value in sorted((described or {"name": "vm0", "public_ip_count": 1}).items())
        ),
    )
