"""From Cinder's rows to observations: pure.

Cinder dates the creation and each attachment; those are exact claims. Everything else lies between
two looks. `updated_at` narrows it: Cinder writes the row anew whenever it extends, retypes, attaches
or detaches, so that what a row shows now was so since its last update. That is said as a sighting of
its own, at that instant. It can come too late (a row is also written for other reasons), never too
early; what does not stand in the row (the other attachments of a volume with several) it leaves out.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from usance.model.observation import Observation, Verb
from usance.model.resource import ATTACHMENTS, SIZE_GIB, USER_ID, VOLUME, VOLUME_TYPE, Resource, Value
from usance.model.storage import (
    BOOTABLE,
    LONGEST,
    NAME,
    NO_ATTACHMENTS,
    NOT_YET_THERE,
    OF_VOLUME,
    STATUS,
    ZONE,
    attachments,
)
from usance.sources.cinder_rows import AttachmentRow, StorageRow
from usance.sources.nova_rows import parse_instant

WHOLE_SECOND_US = 1_000_000
"""Cinder's database keeps whole seconds."""


class Seen(msgspec.Struct, frozen=True):
    """A row, and the window in which it was read."""

    row: StorageRow
    resource: Resource
    source: str
    begin: datetime
    end: datetime


def sighting(seen: Seen) -> Observation:
    """Return what the row says as a sighting: what statements are compared by.

    It does not say when the resource was created: what came from another project was not so here.
    """
    row = seen.row
    described: dict[str, Value] = {}
    for attribute, text in (
        (NAME, row.name),
        (STATUS, row.status),
        (ZONE, row.zone),
        (BOOTABLE, row.bootable),
        (OF_VOLUME, row.volume_id),
    ):
        if text:
            described[attribute] = text[:LONGEST]
    return Observation(
        resource=seen.resource,
        verb=Verb.SEEN,
        at=seen.end,
        begin=seen.begin,
        source=seen.source,
        accounted=_accounted(seen),
        described=described,
        launched=row.status is not None and row.status not in NOT_YET_THERE,
    )


def observations(seen: Seen, last_look: datetime | None, *, is_new: bool) -> list[Observation]:
    """Return all that a new or changed row says; *last_look* is when the look before this one began.

    *is_new* is for a row that is seen for the first time; one that came from another project has its
    sighting only.
    """
    now = sighting(seen)
    found: list[Observation] = []
    created_at = parse_instant(seen.row.created_at)
    if is_new and created_at is not None:
        found.append(_created(seen, created_at))
    if seen.resource.kind == VOLUME:
        found += _attached(seen, created_at)
    since = _as_it_is_since(seen, last_look)
    if since is not None:
        said = now.accounted
        if seen.row.multiattach or len(seen.row.attachments) > 1:
            said = {name: value for name, value in said.items() if name != ATTACHMENTS}
        found.append(msgspec.structs.replace(now, at=since, begin=since, accounted=said, described={}))
    found.append(now)
    return found


def gone(resource: Resource, source: str, begin: datetime, end: datetime) -> Observation:
    """Return the sighting of something that Cinder does not list in the project any more."""
    return Observation(resource=resource, verb=Verb.GONE, at=end, begin=begin, source=source)


def has_entered(row: StorageRow, last_look: datetime | None, tolerance: timedelta) -> bool:
    """Whether a row that was never seen in a project is older than a look that did not show it."""
    created_at = parse_instant(row.created_at)
    return created_at is not None and last_look is not None and created_at + tolerance < last_look


def _accounted(seen: Seen) -> dict[str, Value]:
    row = seen.row
    found: dict[str, Value] = {}
    if row.user_id:
        found[USER_ID] = row.user_id[:LONGEST]
    if row.size is not None:
        found[SIZE_GIB] = row.size
    if seen.resource.kind == VOLUME:
        if row.volume_type:
            found[VOLUME_TYPE] = row.volume_type[:LONGEST]
        found[ATTACHMENTS] = _attached_to(row.attachments)
    return found


def _attached_to(rows: list[AttachmentRow]) -> str:
    return attachments(one.server_id or one.attachment_id for one in rows)


def _created(seen: Seen, created_at: datetime) -> Observation:
    """Claim the creation: a volume begins attached to nothing."""
    return Observation(
        resource=seen.resource,
        verb=Verb.CREATED,
        at=created_at,
        source=seen.source,
        resolution_us=WHOLE_SECOND_US,
        accounted={ATTACHMENTS: NO_ATTACHMENTS} if seen.resource.kind == VOLUME else {},
        created_at=created_at,
        created_resolution_us=WHOLE_SECOND_US,
    )


def _attached(seen: Seen, created_at: datetime | None) -> list[Observation]:
    """Claim each attachment.

    What a volume with a single attachment was attached to from then on is known. With several, or
    where several are allowed, others may have been detached since: then the claim leaves untold
    what all of them were, and the sightings tell it.
    """
    row = seen.row
    alone = len(row.attachments) == 1 and not row.multiattach
    found: list[Observation] = []
    for one in row.attachments:
        at = parse_instant(one.attached_at)
        if at is None or at > seen.end or (created_at is not None and at < created_at):
            continue
        found.append(
            Observation(
                resource=seen.resource,
                verb=Verb.CHANGED,
                at=at,
                source=seen.source,
                resolution_us=WHOLE_SECOND_US,
                accounted={ATTACHMENTS: _attached_to(row.attachments)} if alone else {},
                untold=() if alone else (ATTACHMENTS,),
            )
        )
    return found


def _as_it_is_since(seen: Seen, last_look: datetime | None) -> datetime | None:
    """Return since when the row is as it is, where that is known and later than the last look."""
    updated_at = parse_instant(seen.row.updated_at)
    if updated_at is None or updated_at >= seen.begin:
        return None
    if last_look is not None and updated_at <= last_look:
        return None
    return updated_at
