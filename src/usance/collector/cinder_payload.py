"""What every message of Cinder's holds, of a volume, a snapshot or a backup alike; and what is made of it.

Sources: cinder/volume/volume_utils.py (`_usage_from_volume`, `_usage_from_snapshot`, `_usage_from_backup`)
and cinder/cmd/volume_usage_audit.py.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from usance.collector.fields import (
    identifier,
    optional_identifier,
    optional_integer,
    optional_text,
    sections,
)
from usance.collector.origin import project_of, sent
from usance.collector.reading import Notification, NotUnderstoodError, Reading
from usance.collector.times import Instant, instant
from usance.model.observation import DeletionQuality, Observation, Verb
from usance.model.period import SECOND
from usance.model.resource import (
    ATTACHMENTS,
    BACKUP,
    SIZE_GIB,
    SNAPSHOT,
    USER_ID,
    VOLUME,
    VOLUME_TYPE,
    Resource,
    Value,
)
from usance.model.storage import (
    NAME,
    NO_ATTACHMENTS,
    NOT_YET_THERE,
    OF_VOLUME,
    STATUS,
    VOLUME_TYPE_ID,
    ZONE,
    attachments,
)

SOURCE: Final = "cinder-notifications"
AUDIT: Final = "cinder-audit"

# What `volume_attachment` also lists: what is under way, has failed or is over. Cinder's API shows
# only what is attached (cinder/objects/fields.py, `VolumeAttachStatus`).
_NOT_ATTACHED: Final = frozenset(
    {"reserved", "attaching", "error_attaching", "error_detaching", "detached", "deleted"}
)


class Kind(msgspec.Struct, frozen=True):
    """What differs between the payloads of Cinder's three kinds of resource."""

    kind: str
    id: str
    size: str


VOLUMES: Final = Kind(VOLUME, "volume_id", "size")
SNAPSHOTS: Final = Kind(SNAPSHOT, "snapshot_id", "volume_size")
BACKUPS: Final = Kind(BACKUP, "backup_id", "size")


class Told(msgspec.Struct, frozen=True):
    """What a message holds, whatever it was sent for."""

    notification: Notification
    resource: Resource
    accounted: dict[str, Value]  # without the type, of which only the id is known
    untold: tuple[str, ...]  # the type, if there is one
    described: dict[str, Value]
    created: Instant | None
    is_deleted: bool
    is_there: bool  # it has come to be: a creation that fails never does

    @property
    def attachments(self) -> str | None:
        """What a volume is attached to, if the message lists it."""
        value = self.accounted.get(ATTACHMENTS)
        return value if isinstance(value, str) else None


def told(kind: Kind, notification: Notification, cloud_id: str) -> Told:
    """Return what a message holds. Raises NotUnderstoodError if it names no resource, or anything is odd."""
    payload = notification.payload
    status = optional_text(payload, "status")
    accounted: dict[str, Value] = {}
    user_id, size = optional_identifier(payload, "user_id"), optional_integer(payload, kind.size)
    if user_id is not None:
        accounted[USER_ID] = user_id
    if size is not None:
        accounted[SIZE_GIB] = size
    texts = {
        NAME: optional_text(payload, "display_name"),
        STATUS: status,
        ZONE: optional_text(payload, "availability_zone"),
    }
    described: dict[str, Value] = {name: text for name, text in texts.items() if text is not None}
    untold: tuple[str, ...] = ()
    if kind is VOLUMES:
        if payload.get("volume_attachment") is not None:
            accounted[ATTACHMENTS] = _attachments(payload)
        type_id = optional_identifier(payload, "volume_type")
        if type_id is not None:
            described[VOLUME_TYPE_ID] = type_id
            untold = (VOLUME_TYPE,)
    else:
        volume_id = optional_identifier(payload, "volume_id")
        if volume_id is not None:
            described[OF_VOLUME] = volume_id
    return Told(
        notification=notification,
        resource=Resource(project_of(payload), cloud_id, kind.kind, identifier(payload, kind.id)),
        accounted=accounted,
        untold=untold,
        described=described,
        created=instant(payload, "created_at"),
        is_deleted=status == "deleted",
        is_there=status is not None and status not in NOT_YET_THERE,
    )


def _attachments(payload: dict[str, Any]) -> str:
    return attachments(
        optional_identifier(one, "instance_uuid") or optional_identifier(one, "id")
        for one in sections(payload, "volume_attachment")
        if one.get("attach_status") not in _NOT_ATTACHED
    )


def seen(one: Told) -> Observation:
    """Return what a message holds as a sighting of the moment at which it was sent."""
    at = sent(one.notification)
    return Observation(
        resource=one.resource,
        verb=Verb.GONE if one.is_deleted else Verb.SEEN,
        at=at,
        begin=at,
        source=SOURCE,
        accounted=one.accounted,
        described=one.described,
        created_at=None if one.created is None else one.created.at,
        created_resolution_us=0 if one.created is None else one.created.resolution_us,
        launched=one.is_there and not one.is_deleted,
    )


def audited(one: Told) -> Observation:
    """Return what an audit found, as a sighting between the end of its period and the message.

    The audit reads all rows when it begins, after its period, and then sends message after message:
    what was deleted meanwhile is still told of as it was. What was deleted in its period is told of, too.
    """
    said = seen(one)
    end = instant(one.notification.payload, "audit_period_ending")
    begin = said.at if end is None else min(end.at, said.at)
    return msgspec.structs.replace(said, source=AUDIT, begin=said.at if one.is_deleted else begin)


def is_repeated(notification: Notification) -> bool:
    """Whether a creation or deletion is told of by an audit (`--send_actions`), after the fact.

    Then the payload is of the time of the audit, and its period is the instant of what happened.
    """
    return "audit_period_ending" in notification.payload


def created(one: Told) -> Reading:
    """Claim the creation, with all that was so then. A volume begins attached to nothing."""
    if is_repeated(one.notification):
        return Reading((audited(one),))
    if one.created is None:
        raise NotUnderstoodError("`created_at` is missing")
    if SIZE_GIB not in one.accounted:
        raise NotUnderstoodError("its size is missing")
    accounted = one.accounted
    if one.resource.kind == VOLUME:
        accounted = accounted | {ATTACHMENTS: NO_ATTACHMENTS}
    claim = Observation(
        resource=one.resource,
        verb=Verb.CREATED,
        at=one.created.at,
        source=SOURCE,
        resolution_us=one.created.resolution_us,
        accounted=accounted,
        untold=one.untold,
        described=one.described,
        created_at=one.created.at,
        created_resolution_us=one.created.resolution_us,
        launched=one.is_there,
        occurrence=one.notification.request_id,
    )
    return Reading((claim,))


def deleted(one: Told) -> Reading:
    """Claim the end: Cinder does not say when its row was deleted, so the time of the message counts.

    Where it is an audit that tells, the period of which it speaks is that instant. What never came
    to be is deleted as well; a volume says when it came to be (in whole seconds, as its row has it; the
    message of one that never did holds the time of the message instead).
    """
    payload = one.notification.payload
    ended = instant(payload, "audit_period_ending") if is_repeated(one.notification) else None
    at = sent(one.notification) if ended is None else ended.at
    launched = instant(payload, "launched_at")
    claim = Observation(
        resource=one.resource,
        verb=Verb.DELETED,
        at=at,
        source=SOURCE,
        resolution_us=0 if ended is None else ended.resolution_us,
        accounted=one.accounted,
        described=one.described,
        created_at=None if one.created is None else one.created.at,
        created_resolution_us=0 if one.created is None else one.created.resolution_us,
        launched=launched is not None and (launched.resolution_us > 0 or launched.at + SECOND < at),
        occurrence=one.notification.request_id,
        quality=DeletionQuality.ENVELOPE if ended is None else DeletionQuality.DELETED_AT,
    )
    return Reading((claim,))
