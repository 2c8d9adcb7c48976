"""A ledger for tests of the API: two projects with something of every kind, and what nobody owns."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from loopback_api import MINE, OTHER
from usance.ledger.ledger import Ledger
from usance.model.observation import Batch, DeletionQuality, Observation, Verb
from usance.model.resource import (
    BACKUP,
    ENERGY,
    FLOATING_IP,
    IMAGE,
    PORT,
    ROUTER_GATEWAY,
    SERVER,
    SNAPSHOT,
    VOLUME,
    Resource,
    Value,
)

CLOUD = "region1"
BEGIN = datetime(2026, 9, 1, tzinfo=UTC)
EVIL = '=cmd|" /C calc"!A0'
"""A name that a spreadsheet must not run."""

_SERVER: dict[str, Value] = {
    "user_id": "user1", "state": "active", "flavor": "m1.small", "vcpus": 2, "ram_mib": 4096, "disk_gib": 20,
    "ephemeral_gib": 0,
}  # fmt: skip
_KINDS: dict[str, dict[str, Value]] = {
    VOLUME: {"size_gib": 10, "volume_type": "ssd", "attachments": "[]"},
    SNAPSHOT: {"size_gib": 10},
    BACKUP: {"size_gib": 10},
    IMAGE: {"size_kib": 1 << 20},
    FLOATING_IP: {"addresses": "192.0.2.7", "port_id": "", "server_id": ""},
    PORT: {"addresses": "192.0.2.8"},
    ROUTER_GATEWAY: {"addresses": "192.0.2.9"},
    ENERGY: {"power_uw": 50_000_000, "sampled_s": 3600},
}


def names(project_id: str) -> list[str]:
    """Return the words that answers about a project have, and no others."""
    if not project_id:
        return [f'{resource_id(kind, "")}"' for kind in (SERVER, *_KINDS)]
    return [
        project_id,
        *(f"{kind}-{project_id[:8]}" for kind in (SERVER, *_KINDS)),
        f"name of {project_id[:8]}",
    ]


def resource_id(kind: str, project_id: str) -> str:
    """Return the id of the one resource of a kind that a project has."""
    return f"{kind}-{project_id[:8]}" + ("/2026-09-01" if kind == ENERGY else "")


def _observation(kind: str, project_id: str, verb: Verb, hours: float, **accounted: Value) -> Observation:
    at = BEGIN + timedelta(hours=hours)
    return Observation(
        Resource(project_id, CLOUD, kind, resource_id(kind, project_id)),
        verb,
        at,
        "nova-notifications",
        accounted=accounted,
        described={"name": f"{EVIL} name of {project_id[:8]}"} if verb is Verb.CREATED else {},
        created_at=at if verb is Verb.CREATED else None,
        quality=DeletionQuality.DELETED_AT if verb is Verb.DELETED else None,
        occurrence=f"req-{kind}-{verb}-{hours}-{project_id}",
    )


def of_project(project_id: str) -> list[Observation]:
    """Return what is told of a project: a server that changes each day, and one thing of each other kind."""
    told = [_observation(SERVER, project_id, Verb.CREATED, 1, **_SERVER)]
    for day in range(1, 40):
        state, flavor = ("stopped", "m1.small") if day % 2 else ("active", "m1.large")
        told.append(_observation(SERVER, project_id, Verb.CHANGED, 24 * day, state=state, flavor=flavor))
    for kind, accounted in _KINDS.items():
        told.append(_observation(kind, project_id, Verb.CREATED, 2, **accounted))
    told.append(_observation(SNAPSHOT, project_id, Verb.DELETED, 50))
    return told


def fill(ledger: Ledger) -> None:
    """Write everything, with a revision for each day."""
    for project_id in (MINE, OTHER, ""):
        told = of_project(project_id)
        for start in range(0, len(told), 10):
            ledger.observe(project_id, CLOUD, Batch(tuple(told[start : start + 10])))
    ledger.remember_names("project", {MINE: f"name of {MINE[:8]}", OTHER: f"name of {OTHER[:8]}"}, at=BEGIN)
    ledger.rollups.roll(BEGIN + timedelta(days=20))
