"""Nova's notifications, taken out of their envelopes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Notification:
    """One message of Nova's."""

    event_type: str
    sent: datetime  # in UTC, with microseconds
    payload: dict[str, Any]
    versioned: bool


def unwrap(body: bytes) -> Notification:
    """Take a message out of its envelope (oslo.messaging's, version 2.0), and its payload out of its own."""
    message = json.loads(json.loads(body)["oslo.message"])
    payload = message["payload"]
    versioned = isinstance(payload, dict) and "nova_object.data" in payload
    return Notification(
        event_type=message["event_type"],
        sent=datetime.fromisoformat(f"{message['timestamp']}+00:00"),  # UTC, though it does not say so
        payload=payload["nova_object.data"] if versioned else payload,
        versioned=versioned,
    )
