"""Messages as the ledger hands them to messengers."""

from __future__ import annotations

from datetime import datetime

from server_timelines import at
from usance.ledger.values import Message, MessageState


def outbox_message(
    number: int = 1, body: bytes = b"APEL-cloud-message: v0.4\n", staged_at: datetime | None = None
) -> Message:
    """Return a pending message; the ledger makes its instant unique."""
    return Message(
        id=number,
        project_id="project1",
        cloud_id="region1",
        messenger="ssm",
        record_type="cloud",
        format="cloud-v04",
        body=body,
        record_count=1,
        staged_at=staged_at or at("2026-11-22 01:02:03.456789"),
        state=MessageState.PENDING,
    )
