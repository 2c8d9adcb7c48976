"""From a server's row and its actions to observations: pure."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime

import msgspec

from usance.model.observation import DeletionQuality, Observation, Verb
from usance.model.resource import FLAVOR_ATTRIBUTES, IMAGE_ID, STATE, USER_ID, Resource, Value
from usance.sources.nova_actions import Fact, Told
from usance.sources.nova_rows import ImageRow, ServerRow, parse_instant
from usance.sources.nova_states import BUILDING, asserts_flavor, state_of

LOG = logging.getLogger(__name__)

NAME = "nova"
WHOLE_SECOND_US = 1_000_000
"""Nova's database keeps whole seconds."""

LONGEST = 1024

# Described attributes of a server.
SERVER_NAME = "name"
HOST = "host"
ZONE = "zone"
UPDATED = "updated"  # so that a row that was saved again is looked into
PENDING = "pending"  # an action that was not over: the next look reads the actions again

# A server keeps all that its creation gave it until an action says otherwise.
UNCHANGED_SINCE_CREATION = (USER_ID, *FLAVOR_ATTRIBUTES, IMAGE_ID)


class Seen(msgspec.Struct, frozen=True):
    """A row, and the window in which it was read."""

    row: ServerRow
    resource: Resource
    flavor: Mapping[str, Value]  # its accounted attributes
    begin: datetime
    end: datetime


def sighting(seen: Seen, pending: str | None = None) -> Observation:
    """Return what the row says as a sighting: `seen`, or `gone` for a row that says DELETED.

    It is what the statements of the source are compared by, so that it depends on nothing but the
    row and on whether an action was pending.
    """
    row = seen.row
    described: dict[str, Value] = {UPDATED: row.updated} if row.updated else {}
    if row.is_deleted:
        return Observation(
            resource=seen.resource,
            verb=Verb.GONE,
            at=seen.end,
            begin=seen.begin,
            source=NAME,
            described=described,
        )
    for attribute, text in ((SERVER_NAME, row.name), (HOST, row.host), (ZONE, row.zone)):
        if text:
            described[attribute] = text[:LONGEST]
    if pending is not None:
        described[PENDING] = pending[:LONGEST]
    return Observation(
        resource=seen.resource,
        verb=Verb.SEEN,
        at=seen.end,
        begin=seen.begin,
        source=NAME,
        accounted=_accounted(seen),
        described=described,
        created_at=parse_instant(row.created),
        created_resolution_us=WHOLE_SECOND_US,
        launched=bool(row.launched_at),
    )


def observations(seen: Seen, told: Told | None) -> list[Observation]:
    """Return all that a new or changed row and its actions say; *told*: None where none may be read."""
    row = seen.row
    found: list[Observation] = []
    created_at = parse_instant(row.created)
    if told is not None:
        if told.creation is not None and created_at is not None:
            found.append(_created(seen, told.creation, created_at))
        found += [_changed(seen, fact) for fact in told.facts]
    if row.is_deleted:
        found += _deleted(seen, None if told is None else told.deletion)
    found.append(sighting(seen, told.pending if told is not None else None))
    return found


def gone(resource: Resource, begin: datetime, end: datetime) -> Observation:
    """Return the sighting of a server that Nova knows nothing of any more."""
    return Observation(resource=resource, verb=Verb.GONE, at=end, begin=begin, source=NAME)


def _accounted(seen: Seen) -> dict[str, Value]:
    row = seen.row
    found: dict[str, Value] = {}
    if row.user_id:
        found[USER_ID] = row.user_id[:LONGEST]
    if not row.is_deleted:
        state = state_of(row)
        if state is not None:
            found[STATE] = state
    if asserts_flavor(row):
        found |= seen.flavor
    if isinstance(row.image, ImageRow) and row.image.id:
        found[IMAGE_ID] = row.image.id[:LONGEST]
    return found


def _created(seen: Seen, fact: Fact, created_at: datetime) -> Observation:
    """Claim the creation, and that nothing but what the actions name changed since."""
    return Observation(
        resource=seen.resource,
        verb=Verb.CREATED,
        at=created_at,
        begin=min(fact.begin, created_at),
        source=NAME,
        resolution_us=WHOLE_SECOND_US,
        accounted={STATE: BUILDING},
        untold=UNCHANGED_SINCE_CREATION,
        created_at=created_at,
        created_resolution_us=WHOLE_SECOND_US,
        occurrence=fact.request_id,
    )


def _changed(seen: Seen, fact: Fact) -> Observation:
    return Observation(
        resource=seen.resource,
        verb=Verb.CHANGED,
        at=fact.at,
        begin=min(fact.begin, fact.at),
        source=NAME,
        resolution_us=WHOLE_SECOND_US,
        accounted={} if fact.state is None else {STATE: fact.state},
        untold=fact.untold,
        occurrence=fact.request_id,
    )


def _deleted(seen: Seen, fact: Fact | None) -> list[Observation]:
    """Claim the deletion, and tell what the server was then: so one that lived between two looks is known.

    A row keeps user, flavor and image after the deletion, but its state is lost. The sighting has
    the instant of the deletion for a window, which the timeline takes for the end of the life.
    """
    row = seen.row
    at, quality = parse_instant(row.terminated_at), DeletionQuality.TERMINATED_AT
    if at is None and fact is not None:
        at, quality = fact.at, DeletionQuality.ACTION
    if at is None:
        at, quality = parse_instant(row.updated), DeletionQuality.UPDATED
    if at is None:
        return []
    created_at = parse_instant(row.created)
    deletion = Observation(
        resource=seen.resource,
        verb=Verb.DELETED,
        at=at,
        begin=None if fact is None else min(fact.begin, at),
        source=NAME,
        resolution_us=WHOLE_SECOND_US,
        occurrence=None if fact is None else fact.request_id,
        quality=quality,
    )
    last = Observation(
        resource=seen.resource,
        verb=Verb.SEEN,
        at=at,
        begin=at,
        source=NAME,
        accounted=_accounted(seen),
        described={SERVER_NAME: row.name[:LONGEST]} if row.name else {},
        created_at=created_at,
        created_resolution_us=WHOLE_SECOND_US,
        launched=bool(row.launched_at),
    )
    return [deletion, last]
