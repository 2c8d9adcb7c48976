"""One history told twice: by push, event by event, and by pull, when the services are asked."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import msgspec

from usance.cloud.flavors import FlavorReader
from usance.config.settings import FlavorKeys
from usance.demo.history import microseconds
from usance.demo.life import Life, Step
from usance.demo.nova_actions import request_id
from usance.demo.rows import Style, server_row
from usance.demo.site import Flavor
from usance.demo.web import iso_micro
from usance.model.observation import DeletionQuality, Look, Observation, Scope, Verb
from usance.model.period import from_us
from usance.model.resource import IMAGE_ID, SERVER, STATE, USER_ID, Resource, Value
from usance.sources.nova_actions import tell
from usance.sources.nova_observations import Seen, observations
from usance.sources.nova_rows import ActionRow, ServerRow

CLOUD = "region1"
_STYLE = Style(version=(2, 96), admin=False, base_url="http://nova/v2.1")
_FLAVORS = FlavorReader(FlavorKeys())


def resource_of(life: Life, cloud_id: str = CLOUD) -> Resource:
    """Return the resource that a life is the life of."""
    return Resource(life.project_id, cloud_id, SERVER, life.id)


def events(life: Life, until: datetime, cloud_id: str = CLOUD) -> list[Observation]:
    """Return what push tells up to an instant: one observation for each thing that happens, in order."""
    until_us = microseconds(until)
    if life.created_us > until_us:
        return []
    created_at = from_us(life.created_us // 1_000_000 * 1_000_000)
    common: dict[str, Any] = {
        "resource": resource_of(life, cloud_id),
        "source": "nova-notifications",
        "created_at": created_at,
        "created_resolution_us": 1_000_000,
    }
    first: dict[str, Value] = {STATE: "building", **_made(life, life.flavor, life.image_id)}
    found = [
        Observation(
            verb=Verb.CREATED,
            at=created_at,
            accounted=first,
            occurrence=request_id(life, 0),
            **common,
        )
    ]
    for place, step in enumerate(life.steps):
        if step.end_us > until_us or step.end_us >= life.deleted_us or step.state == "deleted":
            continue
        if step.failed and step.action != "create":
            continue
        found.append(
            Observation(
                verb=Verb.CHANGED,
                at=from_us(step.end_us),
                begin=from_us(step.begin_us),
                accounted={STATE: step.state, **_made(life, step.flavor, step.image_id)},
                launched=step.launches,
                occurrence=request_id(life, place) if step.action else None,
                **common,
            )
        )
    if life.deleted_us <= until_us:
        found.append(_deleted(life, common))
    return found


def asked(life: Life, at: datetime, since: datetime | None = None) -> tuple[list[Observation], Look]:
    """Return what pull tells when Nova is asked at an instant: the code that reads rows and actions."""
    begin, now_us = at - timedelta(seconds=1), microseconds(at)
    look = Look(life.project_id, CLOUD, "nova", SERVER, Scope.FULL, begin=begin, end=at, since=since)
    if life.created_us > now_us or life.purged_us <= now_us:
        return [], look
    row = msgspec.convert(server_row(life, life.at(now_us), _STYLE), ServerRow, strict=False)
    seen = Seen(row, resource_of(life), _FLAVORS.attributes(row.flavor), begin, at)
    actions = [
        _action(life, place, step, now_us)
        for place, step in enumerate(life.steps)
        if step.action and step.begin_us <= now_us
    ]
    return observations(seen, tell(row, actions[::-1], {}, read_from=begin)), look


def _made(life: Life, flavor: Flavor | None, image_id: str) -> dict[str, Value]:
    found: dict[str, Value] = {USER_ID: life.user_id} if life.user_id else {}
    if flavor is not None:
        found |= {
            "flavor": flavor.name,
            "vcpus": flavor.vcpus,
            "ram_mib": flavor.ram_mib,
            "disk_gib": flavor.disk_gib,
            "ephemeral_gib": flavor.ephemeral_gib,
        }
    return found | ({IMAGE_ID: image_id} if image_id else {})


def _deleted(life: Life, common: dict[str, Any]) -> Observation:
    last = next((place for place, step in enumerate(life.steps) if step.state == "deleted"), None)
    return Observation(
        verb=Verb.DELETED,
        at=from_us(life.deleted_us // 1_000_000 * 1_000_000),
        resolution_us=1_000_000,
        quality=DeletionQuality.TERMINATED_AT,
        occurrence=None if last is None else request_id(life, last),
        **common,
    )


def _action(life: Life, place: int, step: Step, now_us: int) -> ActionRow:
    over = step.end_us <= now_us
    return ActionRow(
        action=step.action,
        request_id=request_id(life, place),
        start_time=iso_micro(step.begin_us),
        updated_at=iso_micro(step.end_us if over else step.begin_us),
        message="Error" if step.failed and over else None,
    )


def without(told: Iterable[Observation], lost: Iterable[Observation]) -> list[Observation]:
    """Return what came of what was told: all but what was lost."""
    gone = {one.key for one in lost}
    return [one for one in told if one.key not in gone]
