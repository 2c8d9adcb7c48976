"""Out of the envelope: from the bytes on the bus to a notification.

oslo.messaging knows two forms. With the driver `messaging` a message is one JSON object, and with
`messagingv2`, which services are configured with today, that object is a text inside another one
(`oslo.version`, `oslo.message`). The context of the request stands beside the fields, each key of it
after `_context_`; a token is among them. Almanach 3.x also took messages of an event type, a time and
a payload, without anything else. Sources: oslo_messaging/_drivers/common.py (`serialize_msg`),
amqp.py (`pack_context`) and notify/notifier.py (`_notify`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import msgspec

from usance.collector.fields import is_id
from usance.collector.reading import Notification, NotUnderstoodError
from usance.collector.times import parse

LARGEST_BYTES: Final = 4 * 1024 * 1024
"""How large a message may be: the largest that services write are some hundred kB."""


class _Message(msgspec.Struct, gc=False):
    """A message as it stands in JSON, or the outer of its two layers."""

    envelope: str | None = msgspec.field(default=None, name="oslo.message")
    event_type: Any = None
    payload: Any = None
    timestamp: Any = None
    request_id: Any = msgspec.field(default=None, name="_context_request_id")
    project_id: Any = msgspec.field(default=None, name="_context_project_id")
    tenant: Any = msgspec.field(default=None, name="_context_tenant")
    user_id: Any = msgspec.field(default=None, name="_context_user_id")
    user: Any = msgspec.field(default=None, name="_context_user")
    # Almanach 4 put back what it failed to take, with this counter, and with a new time: then only
    # the time of the request tells when it was.
    retry_count: Any = msgspec.field(default=None, name="_context_retry_count")
    requested: Any = msgspec.field(default=None, name="_context_timestamp")


_decoder = msgspec.json.Decoder(_Message)


def open_envelope(body: bytes) -> Notification:
    """Return the notification in a message of the bus; all of its context but three ids is dropped.

    Raises NotUnderstoodError for what is no notification. A payload that is no object becomes an
    empty one: nothing but its reader can tell whether it matters.
    """
    message = _decode(body)
    if message.envelope is not None:
        message = _decode(message.envelope)
    event_type = message.event_type
    if not isinstance(event_type, str) or not is_id(event_type):
        raise NotUnderstoodError("it is no notification: it has no `event_type`")
    payload = message.payload
    return Notification(
        event_type=event_type,
        payload=payload if isinstance(payload, dict) else {},
        timestamp=_sent(message),
        request_id=_id(message.request_id),
        project_id=_id(message.project_id) or _id(message.tenant),
        user_id=_id(message.user_id) or _id(message.user),
    )


def _decode(body: bytes | str) -> _Message:
    if len(body) > LARGEST_BYTES:
        raise NotUnderstoodError(f"it is larger than {LARGEST_BYTES} bytes")
    try:
        return _decoder.decode(body)
    except msgspec.ValidationError as error:
        raise NotUnderstoodError(f"it is no notification: {error}") from None
    except (msgspec.DecodeError, UnicodeError) as error:
        raise NotUnderstoodError(f"it is no JSON: {error}") from None
    except RecursionError:
        raise NotUnderstoodError("it is nested too deeply") from None


def _sent(message: _Message) -> datetime | None:
    sent = None if message.timestamp in (None, "") else parse(message.timestamp, "timestamp")
    if message.retry_count is None or not message.requested:
        return sent
    requested = parse(message.requested, "_context_timestamp")
    return requested if sent is None else min(sent, requested)


def _id(written: object) -> str | None:
    """Return an id of the context; what is none tells nothing, and is no reason to refuse the message."""
    return written if isinstance(written, str) and is_id(written) else None
