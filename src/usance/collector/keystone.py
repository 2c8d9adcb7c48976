"""What Keystone says of projects and users: names, where its messages have any.

Neither of its two formats names what was created or changed: `basic` has the id alone
(`resource_info`), and so has CADF. What is read here is what CADF allows and some publishers write:
a `name` of the target or beside it, and that of whoever asked for it. Names that nobody tells are looked
up at Keystone by those who have access to it. Source: keystone/notifications.py.
"""

from __future__ import annotations

from typing import Any, Final

from usance.collector.fields import identifier, optional_identifier, optional_text, section
from usance.collector.origin import sent
from usance.collector.reading import NOTHING, Event, Notification, Reader, Reading
from usance.ledger.values import Named, of_cloud

PROJECT: Final = "project"
USER: Final = "user"


def _named(thing: str) -> Reader:
    """Return a reader of what happened to a project or a user."""

    def read(notification: Notification, cloud_id: str) -> Reading:
        payload = notification.payload
        target = section(payload, "target")
        one_id = optional_identifier(payload, "resource_info") or identifier(target, "id")
        name = optional_text(payload, "name") or optional_text(target, "name")
        names = [(_kind(thing, cloud_id), one_id, name), _initiator(payload, cloud_id)]
        known = [(kind, of, text) for kind, of, text in names if of is not None and text is not None]
        if not known:
            return NOTHING
        at = sent(notification)
        return Reading(names=tuple(Named(kind, of, text, at) for kind, of, text in known))

    return read


def _initiator(payload: dict[str, Any], cloud_id: str) -> tuple[str, str | None, str | None]:
    who = section(payload, "initiator")
    name = optional_text(who, "username") or optional_text(who, "name")
    return _kind(USER, cloud_id), optional_identifier(who, "user_id"), name


def _kind(thing: str, cloud_id: str) -> str:
    """Return the kind under which a name is kept: a project may be of two clouds, users are of one."""
    return thing if thing == PROJECT else of_cloud(thing, cloud_id)


EVENTS: Final = tuple(
    Event(
        f"identity.{thing}.{suffix}", _named(thing), "has a name, if the message tells it", service="keystone"
    )
    for thing in (PROJECT, USER)
    for suffix in ("created", "updated")
)
