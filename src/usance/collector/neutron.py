"""What Neutron says of floating IPs.

A message holds the whole floating IP, as the API shows it, and its time is that of the answer. It is sent
for what somebody asks of the floating IP itself. Where its port goes away (a server is deleted), it leads
nowhere from then on, and Neutron sends nothing about it: an audit or a look tells that, or the next message.

Ports on public networks and the gateways of routers are left to the looks at Neutron. Whether a port's
network is public, and whether gateways are counted, is known there; and most messages are of ports that
are accounted nowhere. Sources: neutron/pecan_wsgi/hooks/notifier.py, neutron/api/v2/base.py (which puts
several that are created at once into one message) and neutron/cmd/usage_audit.py.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from usance.collector.fields import identifier, optional_identifier, optional_text, section, sections
from usance.collector.origin import project_of, sent
from usance.collector.reading import Event, Notification, NotUnderstoodError, Reader, Reading
from usance.collector.times import Instant, instant
from usance.model.addresses import DESCRIPTION, LONGEST, NETWORK_ID, canonical, server_behind
from usance.model.observation import DeletionQuality, Observation, Verb
from usance.model.resource import ADDRESSES, FLOATING_IP, PORT_ID, SERVER_ID, USER_ID, Resource, Value

SOURCE: Final = "neutron-notifications"
AUDIT: Final = "neutron-audit"

_ONE: Final = "floatingip"
_SEVERAL: Final = "floatingips"
_GONE_ID: Final = "floatingip_id"

_AUDIT_LASTS: Final = timedelta(minutes=15)
"""So much later than its rows were read a message of an audit may be sent."""


class _Told(msgspec.Struct, frozen=True):
    """What a message holds of a floating IP."""

    notification: Notification
    resource: Resource
    accounted: dict[str, Value]
    described: dict[str, Value]
    created: Instant | None
    updated: Instant | None


def _rows(notification: Notification) -> list[dict[str, Any]]:
    found = [*sections(notification.payload, _SEVERAL)]
    one = section(notification.payload, _ONE)
    if one:
        found.append(one)
    if not found:
        raise NotUnderstoodError(f"`{_ONE}` is missing")
    return found


def _told(row: dict[str, Any], notification: Notification, cloud_id: str) -> _Told:
    device = section(row, "port_details")
    texts = {
        DESCRIPTION: optional_text(row, "description", LONGEST),
        NETWORK_ID: optional_identifier(row, "floating_network_id"),
    }
    return _Told(
        notification=notification,
        resource=Resource(project_of(row), cloud_id, FLOATING_IP, identifier(row, "id")),
        accounted={
            ADDRESSES: canonical([optional_identifier(row, "floating_ip_address")]),
            PORT_ID: optional_identifier(row, "port_id") or "",
            SERVER_ID: server_behind(
                optional_identifier(device, "device_id"), optional_text(device, "device_owner")
            ),
        },
        described={name: text for name, text in texts.items() if text is not None},
        created=instant(row, "created_at"),
        updated=instant(row, "updated_at"),
    )


def _of_each(make: Callable[[_Told], Observation]) -> Reader:
    """Return a reader of messages that hold floating IPs."""

    def read(notification: Notification, cloud_id: str) -> Reading:
        rows = _rows(notification)
        return Reading(tuple(make(_told(one, notification, cloud_id)) for one in rows))

    return read


def _said(one: _Told, verb: Verb, at: datetime, source: str = SOURCE) -> Observation:
    return Observation(
        resource=one.resource,
        verb=verb,
        at=at,
        source=source,
        accounted=one.accounted,
        described=one.described,
        created_at=None if one.created is None else one.created.at,
        created_resolution_us=0 if one.created is None else one.created.resolution_us,
        occurrence=None if verb.is_sighting else one.notification.request_id,
    )


def _created(one: _Told) -> Observation:
    """Claim the creation, with what it leads to, and whoever asked for it as its user."""
    if one.created is None:
        raise NotUnderstoodError("`created_at` is missing")
    if not one.accounted[ADDRESSES]:
        raise NotUnderstoodError("`floating_ip_address` is no address")
    user_id = one.notification.user_id
    user: dict[str, Value] = {} if user_id is None else {USER_ID: user_id}
    return msgspec.structs.replace(
        _said(one, Verb.CREATED, one.created.at),
        resolution_us=one.created.resolution_us,
        accounted=one.accounted | user,
    )


def _changed(one: _Told) -> Observation:
    """Claim what it leads to since the message was sent. Its address never changes, and comes along."""
    return _said(one, Verb.CHANGED, sent(one.notification))


def _deleted(one: _Told) -> Observation:
    """Claim the end: Neutron keeps no time of it, so that of the message counts."""
    end = _said(one, Verb.DELETED, sent(one.notification))
    return msgspec.structs.replace(end, quality=DeletionQuality.ENVELOPE)


def _exists(one: _Told) -> Observation:
    """Say what an audit saw: it reads all rows at once, and sends message after message of them."""
    at = sent(one.notification)
    begin = at - _AUDIT_LASTS if one.updated is None else max(at - _AUDIT_LASTS, one.updated.at)
    return msgspec.structs.replace(_said(one, Verb.SEEN, at, AUDIT), begin=min(begin, at))


def _gone(notification: Notification, cloud_id: str) -> Reading:
    """Read a deletion: older services name the floating IP, and nothing else of it."""
    if section(notification.payload, _ONE):
        return _of_each(_deleted)(notification, cloud_id)
    gone = _Told(
        notification=notification,
        resource=Resource("", cloud_id, FLOATING_IP, identifier(notification.payload, _GONE_ID)),
        accounted={},
        described={},
        created=None,
        updated=None,
    )
    return Reading((_deleted(gone),))


EVENTS: Final = tuple(
    Event(f"{_ONE}.{suffix}", reader, effect, service="neutron")
    for suffix, reader, effect in (
        ("create.end", _of_each(_created), "begins at `created_at`, with its address and what it leads to"),
        ("update.end", _of_each(_changed), "leads to another port and server since the message was sent"),
        ("delete.end", _gone, "ends when the message was sent"),
        ("exists", _of_each(_exists), "is seen as it is, some time before the message"),
    )
)
