"""What a notification is, and what is read in it: the contract between the bus and the event table."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from usance.ledger.values import Named
from usance.model.errors import UsanceError
from usance.model.observation import Observation


class Notification(msgspec.Struct, frozen=True):
    """One message of a service, out of its envelope.

    All that a service's context holds beside the ids here (a token among it) was dropped.
    """

    event_type: str
    payload: dict[str, Any]  # as JSON has it; nothing in it is checked yet
    timestamp: datetime | None  # when it was sent, by the service's clock; aware, in UTC
    request_id: str | None = None  # of the request that made it happen: the occurrence
    project_id: str | None = None  # of whoever made the request; not of the resource
    user_id: str | None = None


class Reading(msgspec.Struct, frozen=True):
    """What a notification says; nothing, if what happened changes nothing that is accounted."""

    observations: tuple[Observation, ...] = ()  # of project '' where the message does not tell whose
    names: tuple[Named, ...] = ()


NOTHING = Reading()


class NotUnderstoodError(UsanceError):
    """A message of a known type lacks what it must say, or says it in a way that can't be right."""


Reader = Callable[[Notification, str], Reading]
"""Reads a notification of a cloud, given its id. Raises NotUnderstoodError."""


class Event(msgspec.Struct, frozen=True):
    """A type of event that something is made of."""

    type: str  # as in `event_type`
    reader: Reader
    effect: str  # half a sentence for the documentation: what it changes, and which time counts
    service: str = ""  # "nova", "cinder", ...
    is_versioned: bool = False
