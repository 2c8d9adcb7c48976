"""What Glance says of images: whose they are, and how large their data is.

A message holds the whole image. Glance says nothing of the request that it is sent for. An image takes no
room until its data is there, and then as much as its data, once, in however many stores copies lie.
Its time is that of the message: the row's own is kept in whole seconds. What an image of no owner
takes is nobody's. Source: glance/notifier.py; Glance itself has no audit.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

import msgspec

from usance.collector.fields import identifier, optional_identifier, optional_integer, optional_text
from usance.collector.origin import sent
from usance.collector.reading import Event, Notification, NotUnderstoodError, Reader, Reading
from usance.collector.times import Instant, instant
from usance.ledger.values import Named
from usance.model.observation import DeletionQuality, Observation, Verb
from usance.model.resource import IMAGE, SIZE_KIB, Resource, Value

SOURCE: Final = "glance-notifications"
IMAGE_NAMES: Final = "image"
"""The kind under which the ledger keeps the names of images."""

# Described attributes.
_DESCRIBED: Final = {
    "name": "name",
    "status": "status",
    "visibility": "visibility",
    "disk_format": "disk_format",
    "container_format": "container_format",
}

_KIB: Final = 1024


class _Told(msgspec.Struct, frozen=True):
    """What a message holds of an image."""

    notification: Notification
    resource: Resource
    size_kib: int | None  # None: its data is not there yet
    described: dict[str, Value]
    created: Instant | None
    is_there: bool

    @property
    def size(self) -> dict[str, Value]:
        return {} if self.size_kib is None else {SIZE_KIB: self.size_kib}


def _of(make: Callable[[_Told], tuple[Observation, ...]]) -> Reader:
    """Return a reader of messages that hold an image."""

    def read(notification: Notification, cloud_id: str) -> Reading:
        payload = notification.payload
        image_id, owner = identifier(payload, "id"), optional_identifier(payload, "owner")
        size = optional_integer(payload, "size")
        texts = {name: optional_text(payload, field) for name, field in _DESCRIBED.items()}
        told = _Told(
            notification=notification,
            resource=Resource(owner or "", cloud_id, IMAGE, image_id),
            size_kib=None if size is None else -(-size // _KIB),
            described={name: text for name, text in texts.items() if text is not None},
            created=instant(payload, "created_at"),
            is_there=texts["status"] in {"active", "deactivated"},
        )
        name = texts["name"]
        at = notification.timestamp
        names = () if name is None or at is None else (Named(IMAGE_NAMES, image_id, name, at),)
        return Reading(() if owner is None else make(told), names)

    return read


def _said(one: _Told, verb: Verb, at: datetime) -> Observation:
    return Observation(
        resource=one.resource,
        verb=verb,
        at=at,
        source=SOURCE,
        accounted=one.size,
        described=one.described,
        created_at=None if one.created is None else one.created.at,
        created_resolution_us=0 if one.created is None else one.created.resolution_us,
        launched=one.is_there,
    )


def _created(one: _Told) -> tuple[Observation, ...]:
    if one.created is None:
        raise NotUnderstoodError("`created_at` is missing")
    return (
        msgspec.structs.replace(
            _said(one, Verb.CREATED, one.created.at),
            resolution_us=one.created.resolution_us,
            accounted={SIZE_KIB: one.size_kib or 0},
        ),
    )


def _uploaded(one: _Told) -> tuple[Observation, ...]:
    """Claim that the data is there. A failure is told under the same type of event, as a mere text."""
    if one.size_kib is None:
        raise NotUnderstoodError("`size` is missing")
    return (_said(one, Verb.CHANGED, sent(one.notification)),)


def _seen(one: _Told) -> tuple[Observation, ...]:
    """Say how the image is. An image gets its data by an update where somebody names a place that has it."""
    at = sent(one.notification)
    return (msgspec.structs.replace(_said(one, Verb.SEEN, at), begin=at),)


def _deleted(one: _Told) -> tuple[Observation, ...]:
    deleted = instant(one.notification.payload, "deleted_at")
    if deleted is None:
        end = _said(one, Verb.DELETED, sent(one.notification))
        return (msgspec.structs.replace(end, quality=DeletionQuality.ENVELOPE),)
    return (
        msgspec.structs.replace(
            _said(one, Verb.DELETED, deleted.at),
            resolution_us=deleted.resolution_us,
            quality=DeletionQuality.DELETED_AT,
        ),
    )


EVENTS: Final = tuple(
    Event(f"image.{suffix}", _of(make), effect, service="glance")
    for suffix, make, effect in (
        ("create", _created, "begins at `created_at`, with no data"),
        ("upload", _uploaded, "takes as much room as its data since the message was sent"),
        ("activate", _uploaded, "takes as much room as its data since the message was sent"),
        ("update", _seen, "is seen as it is when the message was sent: its name, and its size if it has one"),
        ("delete", _deleted, "ends at `deleted_at`"),
    )
)
