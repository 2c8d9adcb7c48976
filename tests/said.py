"""Short ways to say what a source says, in tests of the ledger."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from usance.ledger.values import NewMessage, NewRecord
from usance.model.observation import Batch, DeletionQuality, Look, Observation, Scope, Verb
from usance.model.resource import SERVER, Resource, Value

PROJECT = "project1"
CLOUD = "region1"
PLACE = (PROJECT, CLOUD)
NOVA = "nova"
BUS = "nova-notifications"

SMALL: dict[str, Value] = {"user_id": "user1", "state": "active", "flavor": "m1.small", "vcpus": 2}


def at(text: str) -> datetime:
    """Read "10:00" (of 1 October 2026), or a whole date and time, as an instant in UTC."""
    if len(text) <= 8:
        text = f"2026-10-01T{text}"
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def server(name: str, project_id: str = PROJECT) -> Resource:
    return Resource(project_id, CLOUD, SERVER, name)


def created(name: str, when: str, *, project_id: str = PROJECT, **accounted: Value) -> Observation:
    return Observation(
        server(name, project_id),
        Verb.CREATED,
        at(when),
        BUS,
        accounted=SMALL | accounted,
        created_at=at(when),
        occurrence=f"req-create-{name}",
    )


def changed(name: str, when: str, *, project_id: str = PROJECT, **accounted: Value) -> Observation:
    return Observation(
        server(name, project_id),
        Verb.CHANGED,
        at(when),
        BUS,
        accounted=accounted,
        occurrence=f"req-{name}-{when}",
    )


def deleted(name: str, when: str) -> Observation:
    return Observation(server(name), Verb.DELETED, at(when), BUS, quality=DeletionQuality.DELETED_AT)


def seen(
    name: str, window: Look, *, source: str = NOVA, since: str | None = None, **accounted: Value
) -> Observation:
    return Observation(
        server(name, window.project_id),
        Verb.SEEN,
        window.end,
        source,
        begin=window.begin,
        accounted=SMALL | accounted,
        created_at=None if since is None else at(since),
        described={"name": name},
    )


def gone(name: str, window: Look, *, source: str = NOVA) -> Observation:
    return Observation(server(name, window.project_id), Verb.GONE, window.end, source, begin=window.begin)


def look(
    when: str, *, scope: Scope = Scope.FULL, source: str = NOVA, project_id: str = PROJECT, width_s: int = 2
) -> Look:
    end = at(when)
    return Look(project_id, CLOUD, source, SERVER, scope, end - timedelta(seconds=width_s), end)


def batch(*observations: Observation, look: Look | None = None, watermark: str | None = None) -> Batch:
    return Batch(observations, look, None if watermark is None else at(watermark))


def record(name: str, month: str, digest: str, *, when: str = "12:00") -> NewRecord:
    return NewRecord(f"cloud/{name}/{month}", SERVER, name, digest, at(when))


def message(*records: NewRecord, body: bytes = b"APEL-cloud-message: v0.4\n") -> NewMessage:
    return NewMessage("cloud", "cloud-v04", body, records)
