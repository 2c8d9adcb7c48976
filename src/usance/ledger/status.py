"""How attempts went, and what `usance status` shows."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, func, select

from usance.ledger import schema
from usance.ledger.engine import clean
from usance.ledger.locking import upsert
from usance.ledger.rows import instant_or_none
from usance.ledger.staging import quarantined
from usance.ledger.values import MessageState, MessengerStatus, SourceStatus, Status
from usance.model.period import from_us, to_us


def note_attempt(
    connection: Connection, project_id: str, cloud_id: str, source: str, *, at: datetime, error: str | None
) -> None:
    """Note how an attempt of a source at a project went."""
    table = schema.attempt.c
    before = connection.execute(
        select(table.failing_since, table.succeeded_at).where(
            table.project_id == project_id, table.cloud_id == cloud_id, table.source == source
        )
    ).first()
    failing_since, succeeded_at = (None, None) if before is None else before
    if error is None:
        failing_since, succeeded_at = None, to_us(at)
    elif failing_since is None:
        failing_since = to_us(at)
    connection.execute(
        upsert(connection, schema.attempt),
        {
            "project_id": project_id,
            "cloud_id": cloud_id,
            "source": source,
            "at": to_us(at),
            "error": None if error is None else clean(error),
            "failing_since": failing_since,
            "succeeded_at": succeeded_at,
        },
    )


def status(connection: Connection) -> Status:
    """Return what there is to say about all sources, messengers and records."""
    return Status(
        sources=tuple(sources(connection)),
        messengers=tuple(messengers(connection)),
        quarantined=tuple(quarantined(connection)),
    )


def may_write(connection: Connection) -> bool:
    """Tell whether the account of the connection may write; of a file only the file system knows."""
    if connection.dialect.name != "postgresql":
        return True
    return bool(connection.execute(select(func.has_table_privilege("observation", "INSERT"))).scalar())


def sources(connection: Connection) -> list[SourceStatus]:
    """Return, for each project and source, how far it looked and how its last attempt went."""
    marks = {
        (row.project_id, row.cloud_id, row.source): row.at
        for row in connection.execute(select(schema.source_watermark))
    }
    attempts = {
        (row.project_id, row.cloud_id, row.source): row for row in connection.execute(select(schema.attempt))
    }
    found = []
    for place in sorted(marks.keys() | attempts.keys()):
        row = attempts.get(place)
        found.append(
            SourceStatus(
                *place,
                watermark=instant_or_none(marks.get(place)),
                attempted_at=None if row is None else from_us(row.at),
                error=None if row is None else row.error,
                failing_since=None if row is None else instant_or_none(row.failing_since),
                succeeded_at=None if row is None else instant_or_none(row.succeeded_at),
            )
        )
    return found


def messengers(connection: Connection) -> list[MessengerStatus]:
    """Return, for each messenger, what is in its outbox."""
    table = schema.message.c
    counts: dict[str, dict[str, int]] = {}
    oldest: dict[str, int] = {}
    query = select(table.messenger, table.state, func.count(), func.min(table.id)).group_by(
        table.messenger, table.state
    )
    for messenger, state, count, first in connection.execute(query):
        counts.setdefault(messenger, {})[state] = count
        if state == MessageState.PENDING.value:
            oldest[messenger] = first
    return [
        MessengerStatus(
            messenger=messenger,
            pending=states.get(MessageState.PENDING.value, 0),
            delivered=states.get(MessageState.DELIVERED.value, 0),
            superseded=states.get(MessageState.SUPERSEDED.value, 0),
            dead=states.get(MessageState.DEAD.value, 0),
            oldest_pending=instant_or_none(oldest.get(messenger)),
            last_reason=_last_reason(connection, messenger),
        )
        for messenger, states in sorted(counts.items())
    ]


def _last_reason(connection: Connection, messenger: str) -> str | None:
    table = schema.message.c
    return connection.execute(
        select(table.reason)
        .where(
            table.messenger == messenger,
            table.state.in_([MessageState.PENDING.value, MessageState.DEAD.value]),
            table.reason.is_not(None),
        )
        .order_by(table.attempted_at.desc())
        .limit(1)
    ).scalar()
