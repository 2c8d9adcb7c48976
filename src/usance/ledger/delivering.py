"""Transaction 3, *deliver*: what is still to be delivered, and what became of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select, update

from usance.ledger import schema
from usance.ledger.engine import clean
from usance.ledger.values import Message, MessageState
from usance.model.period import from_us, to_us


def pending(connection: Connection, messenger: str, *, limit: int) -> list[Message]:
    """Return the oldest messages that are to be delivered, in the order of their ids."""
    table = schema.message
    query = (
        select(table)
        .where(table.c.messenger == messenger, table.c.state == MessageState.PENDING.value)
        .order_by(table.c.id)
        .limit(limit)
    )
    return [_message(row) for row in connection.execute(query)]


def settle(
    connection: Connection, message: Message, state: MessageState, *, reason: str | None, at: datetime
) -> None:
    """Write what became of an attempt to deliver a message.

    A message that was superseded meanwhile stays so unless it has been delivered after all, and
    what has been delivered stays delivered.
    """
    table = schema.message.c
    from_states = [MessageState.PENDING.value]
    if state is MessageState.DELIVERED:
        from_states += [MessageState.SUPERSEDED.value, MessageState.DEAD.value]
    connection.execute(
        update(schema.message)
        .where(
            table.project_id == message.project_id,
            table.cloud_id == message.cloud_id,
            table.messenger == message.messenger,
            table.id == message.id,
            table.state.in_(from_states),
        )
        .values(
            state=state.value,
            attempts=table.attempts + 1,
            reason=None if reason is None else clean(reason),
            attempted_at=to_us(at),
        )
    )


def _message(row: Row[Any]) -> Message:
    return Message(
        id=row.id,
        project_id=row.project_id,
        cloud_id=row.cloud_id,
        messenger=row.messenger,
        record_type=row.record_type,
        format=row.format,
        body=bytes(row.body),
        record_count=row.record_count,
        staged_at=from_us(row.id),
        state=MessageState(row.state),
        attempts=row.attempts,
        reason=row.reason,
    )
