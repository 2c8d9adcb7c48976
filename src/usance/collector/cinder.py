"""What Cinder says of volumes, snapshots, backups, and types of volumes.

A message carries the whole volume, and is sent because of one change. That change is an exact claim;
the rest is a sighting, which is checked against what else is known and fills in what was never
heard of: a collector that is started late, or misses a message, knows all of a volume from the next
one on. Source: cinder/volume/volume_utils.py (`_usage_from_volume`) and the places that call
`notify_about_volume_usage`, from Icehouse (whose messages Almanach's users may still have) to 2026.2.

A message names the type of a volume by its id, which stands in VOLUME_TYPE_ID of each observation that
asserts the type; :mod:`usance.collector.volume_types` puts the name in its place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from usance.collector.cinder_payload import (
    BACKUPS,
    SNAPSHOTS,
    SOURCE,
    VOLUMES,
    Kind,
    Told,
    audited,
    created,
    deleted,
    seen,
    told,
)
from usance.collector.fields import identifier, integer, optional_text, section, sections
from usance.collector.origin import sent
from usance.collector.reading import NOTHING, Event, Notification, NotUnderstoodError, Reader, Reading
from usance.collector.times import Instant, instant
from usance.ledger.values import Named
from usance.model.observation import Observation, Verb
from usance.model.resource import ATTACHMENTS, SIZE_GIB, VOLUME_TYPE, Value
from usance.model.storage import NO_ATTACHMENTS, TYPE_NAMES, VOLUME_TYPE_ID, attachments


def _of(kind: Kind, make: Callable[[Told], Reading]) -> Reader:
    """Return a reader of messages that hold a resource of a kind."""

    def read(notification: Notification, cloud_id: str) -> Reading:
        return make(told(kind, notification, cloud_id))

    return read


def _seen(one: Told) -> Reading:
    return Reading((seen(one),))


def _audited(one: Told) -> Reading:
    return Reading((audited(one),))


def _resized(volume: Told) -> Reading:
    size = integer(volume.notification.payload, "size")
    return Reading((_changed(volume, {SIZE_GIB: size}), seen(volume)))


def _retyped(volume: Told) -> Reading:
    type_id = identifier(volume.notification.payload, "volume_type")
    claim = msgspec.structs.replace(
        _changed(volume, {}), untold=(VOLUME_TYPE,), described={VOLUME_TYPE_ID: type_id}
    )
    return Reading((claim, seen(volume)))


def _attached(volume: Told) -> Reading:
    """Claim what the volume is attached to since then: all of it, as the message lists it.

    Cinder also dates the attachment itself, in whole seconds, a moment before it says that all is done. Both
    are claimed, as both are by who also asks Cinder: the earlier one dates it, and the finer one keeps
    its place after a detachment within the same second.
    """
    payload = volume.notification.payload
    value = volume.attachments
    if value is None:
        # Icehouse: one attachment at most, and no list of them.
        value = attachments([identifier(payload, "instance_uuid")])
    at = sent(volume.notification)
    found = [_changed(volume, {ATTACHMENTS: value})]
    since = _attached_since(payload)
    if since is not None and since.at < at and (volume.created is None or volume.created.at <= since.at):
        # Of no occurrence: it would be one fact with the other, and take over its time.
        found.append(
            Observation(
                resource=volume.resource,
                verb=Verb.CHANGED,
                at=since.at,
                source=SOURCE,
                resolution_us=since.resolution_us,
                accounted={ATTACHMENTS: value},
            )
        )
    return Reading((*found, seen(volume)))


def _attached_since(payload: dict[str, Any]) -> Instant | None:
    """Return when the newest attachment that is complete was made."""
    found = [
        since
        for one in sections(payload, "volume_attachment")
        if one.get("attach_status") == "attached" and (since := instant(one, "attach_time")) is not None
    ]
    return max(found, key=lambda since: since.at, default=None)


def _detached(volume: Told) -> Reading:
    value = NO_ATTACHMENTS if volume.attachments is None else volume.attachments
    return Reading((_changed(volume, {ATTACHMENTS: value}), seen(volume)))


def _changed(volume: Told, accounted: dict[str, Value]) -> Observation:
    return Observation(
        resource=volume.resource,
        verb=Verb.CHANGED,
        at=sent(volume.notification),
        source=SOURCE,
        accounted=accounted,
        created_at=None if volume.created is None else volume.created.at,
        created_resolution_us=0 if volume.created is None else volume.created.resolution_us,
        occurrence=volume.notification.request_id,
    )


def _accepted(volume: Told) -> Reading:
    """Say that a volume entered the project that accepted it, and left another one at the same instant.

    The message names the recipient alone. What left stands under the project '', and is the donor's: the
    ledger copies it to who had the volume before. In the recipient's project it would change nothing,
    since what leaves at the instant at which it enters is the other half of its own transfer.
    """
    notification, place = volume.notification, volume.resource
    recipient = place.project_id or notification.project_id
    if not recipient:
        raise NotUnderstoodError("neither `tenant_id` nor the context says which project accepted the volume")
    at = sent(notification)
    unattached: dict[str, Value] = {ATTACHMENTS: NO_ATTACHMENTS}
    entered = Observation(
        resource=msgspec.structs.replace(place, project_id=recipient),
        verb=Verb.ENTERED,
        at=at,
        source=SOURCE,
        accounted=unattached | volume.accounted,
        untold=volume.untold,
        described=volume.described,
        created_at=None if volume.created is None else volume.created.at,
        created_resolution_us=0 if volume.created is None else volume.created.resolution_us,
        launched=volume.is_there,
        occurrence=notification.request_id,
    )
    left = Observation(
        resource=msgspec.structs.replace(place, project_id=""),
        verb=Verb.LEFT,
        at=at,
        source=SOURCE,
        occurrence=notification.request_id,
    )
    return Reading((entered, left))


def _type_named(notification: Notification, _cloud_id: str) -> Reading:
    """Keep the name of a type; what failed (then there is an `error_message`) named nothing."""
    if notification.payload.get("error_message") is not None:
        return NOTHING
    row = section(notification.payload, "volume_types")
    type_id, name = identifier(row, "id"), optional_text(row, "name")
    if name is None:
        raise NotUnderstoodError("`name` is missing")
    at = notification.timestamp
    if at is None:
        made = instant(row, "updated_at") or instant(row, "created_at")
        at = sent(notification) if made is None else made.at
    return Reading(names=(Named(TYPE_NAMES, type_id, name, at),))


def _events(kind: Kind, effects: dict[str, tuple[Callable[[Told], Reading], str]]) -> tuple[Event, ...]:
    return tuple(
        Event(f"{kind.kind}.{suffix}", _of(kind, make), effect, service="cinder")
        for suffix, (make, effect) in effects.items()
    )


_BEGINS: Final = "begins at `created_at`, with its size"
_ENDS: Final = "ends when the message was sent"
_IS_SEEN: Final = "is seen as it is when the message was sent"
_IS_AUDITED: Final = "is seen as it is, between the end of the audit's period and the message"

EVENTS: Final = (
    *_events(
        VOLUMES,
        {
            "create.end": (created, f"{_BEGINS}, type and user"),
            "manage_existing.end": (created, f"{_BEGINS}, type and user: what Cinder took over"),
            "delete.end": (deleted, _ENDS),
            "unmanage.end": (deleted, f"{_ENDS}: what Cinder gave up"),
            "resize.end": (_resized, "has another size since the message was sent"),
            "retype": (_retyped, "has another type since the message was sent"),
            "attach.end": (_attached, "is attached since `attach_time`, or else since the message was sent"),
            "detach.end": (_detached, "is attached to what the message lists, since it was sent"),
            "transfer.accept.start": (_seen, "is seen in the project that gives it away"),
            "transfer.accept.end": (_accepted, "leaves its project for another when the message was sent"),
            "update.end": (_seen, f"{_IS_SEEN}: its name"),
            "reset_status.end": (_seen, _IS_SEEN),
            "exists": (_audited, _IS_AUDITED),
        },
    ),
    *_events(
        SNAPSHOTS,
        {
            "create.end": (created, _BEGINS),
            "manage_existing_snapshot.end": (created, f"{_BEGINS}: what Cinder took over"),
            "delete.end": (deleted, _ENDS),
            "update.end": (_seen, f"{_IS_SEEN}: its name"),
            "reset_status.end": (_seen, _IS_SEEN),
            "exists": (_audited, _IS_AUDITED),
        },
    ),
    *_events(
        BACKUPS,
        {
            "create.end": (created, _BEGINS),
            "delete.end": (deleted, _ENDS),
            "reset_status.end": (_seen, _IS_SEEN),
            "exists": (_audited, _IS_AUDITED),
        },
    ),
    *(
        Event(f"volume_type.{suffix}", _type_named, effect, service="cinder")
        for suffix, effect in (
            ("create", "a type has a name"),
            ("update", "a type has another name since the message was sent"),
            ("delete", "a type had a name, which its volumes keep"),
        )
    ),
)
