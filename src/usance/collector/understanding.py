"""From a message to what it says, to what is counted, or to what is parked; no I/O."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from usance.collector.delivery import Delivery
from usance.collector.envelope import open_envelope
from usance.collector.reading import NOTHING, Event, NotUnderstoodError, Reading
from usance.ledger.values import Parked

LOG = logging.getLogger(__name__)

_REASON: Final = 500  # characters
_TYPE: Final = 200  # characters
_ID: Final = 32  # of the digest, as many characters as observations have
# What stays of a request's context: the readers ask for it. The rest is dropped, a token among it.
_KEPT: Final = frozenset(
    {
        "_context_request_id", "_context_project_id", "_context_tenant", "_context_user_id",
        "_context_user", "_context_timestamp", "_context_retry_count",
    }
)  # fmt: skip
_CONTEXT: Final = "_context_"
_ENVELOPE: Final = "oslo.message"
# In what is no JSON, or was cut: the value of every key whose name speaks of a token or a password. All that
# repeats before the value is bounded: a megabyte of `token` would keep the search busy for hours.
_SECRET: Final = re.compile(
    rb"""((?:token|passw(?:or)?d|secret|service_catalog)[a-z_]{0,64}\\{0,64}["']\s{0,64}:\s{0,64}\\{0,64}["'])"""
    rb"""[^"'\\]+""",
    re.IGNORECASE,
)


class Understood(msgspec.Struct, frozen=True, gc=False):
    """What became of one message."""

    reading: Reading = NOTHING
    event_type: str = ""  # of one that was understood, as the table has it
    ignored: str = ""  # the type of one that nothing is made of
    parked: Parked | None = None
    sent: datetime | None = None  # by the service's clock


class Understanding:
    """Makes of the messages of one cloud what the table of events says."""

    def __init__(self, cloud_id: str, events: Mapping[str, Event], *, largest: int, kept: int) -> None:
        self._cloud_id = cloud_id
        self._events = events
        self._largest = largest
        self._kept = kept  # bytes of one that is parked
        self._faults: set[tuple[str, str]] = set()

    def of(self, delivery: Delivery, now: datetime) -> Understood:
        """Return what a message says. Whatever it is made of, this raises nothing."""
        if delivery.size > self._largest:
            return Understood(parked=self.parked(delivery, f"it is larger than {self._largest} bytes", now))
        event_type = ""
        try:
            notification = open_envelope(delivery.body)
            event_type = notification.event_type
            event = self._events.get(event_type)
            if event is None:
                return Understood(ignored=event_type, sent=notification.timestamp)
            reading = event.reader(notification, self._cloud_id)
        except NotUnderstoodError as error:
            return Understood(parked=self.parked(delivery, str(error), now, event_type))
        except Exception as error:  # noqa: BLE001 -- it is kept, with the reason, and may be read again
            self._tell_of_fault(event_type, error)
            reason = f"reading it failed, which is a fault of this program: {type(error).__name__}: {error}"
            return Understood(parked=self.parked(delivery, reason, now, event_type))
        return Understood(reading=reading, event_type=event.type, sent=notification.timestamp)

    def parked(self, delivery: Delivery, reason: str, now: datetime, event_type: str = "") -> Parked:
        """Return a message as it is to be kept: without secrets, and not too large."""
        digest = delivery.digest or hashlib.sha256(delivery.body).hexdigest()
        body = without_secrets(delivery.body)
        size = delivery.size if delivery.digest else len(body)
        return Parked(
            cloud_id=self._cloud_id,
            queue=delivery.queue,
            body=body[: self._kept],
            size=size,
            reason=" ".join(reason.split())[:_REASON],
            at=now,
            event_type=event_type[:_TYPE],
            # Two clouds may get one message: each keeps, replays and drops its own.
            id=hashlib.sha256(f"{self._cloud_id}\n{digest}".encode()).hexdigest()[:_ID],
        )

    def _tell_of_fault(self, event_type: str, error: Exception) -> None:
        """Log a fault of ours with its traceback, once of a kind: a message may come very often."""
        kind = (event_type, type(error).__name__)
        if kind not in self._faults:
            self._faults.add(kind)
            LOG.error("a message of type %r could not be read; it is parked", event_type, exc_info=error)


def is_whole(parked: Parked) -> bool:
    """Say whether a message was kept whole, so that it can be read again."""
    return len(parked.body) == parked.size


def without_secrets(body: bytes) -> bytes:
    """Return a message without the token, and what else is in its request's context."""
    try:
        outer = msgspec.json.decode(body)
        if isinstance(outer, dict):
            return _SECRET.sub(rb"\1***", msgspec.json.encode(_stripped(outer)))
    except (msgspec.MsgspecError, RecursionError, UnicodeError, TypeError):
        pass  # it is no JSON, so nobody knows what is what in it
    return _SECRET.sub(rb"\1***", body)


def _stripped(message: dict[str, Any]) -> dict[str, Any]:
    kept = {name: one for name, one in message.items() if name in _KEPT or not name.startswith(_CONTEXT)}
    inner = kept.get(_ENVELOPE)
    if isinstance(inner, str):
        decoded = msgspec.json.decode(inner)
        if isinstance(decoded, dict):
            kept[_ENVELOPE] = msgspec.json.encode(_stripped(decoded)).decode()
    return kept
