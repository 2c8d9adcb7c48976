"""How far a source has looked at a project, and how far a project has been staged for a messenger."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select

from usance.ledger import schema
from usance.ledger.locking import upsert
from usance.model.period import from_us, to_us


def source_watermark(connection: Connection, project_id: str, cloud_id: str, source: str) -> datetime | None:
    """Return up to which instant of the cloud the source has looked; None: never."""
    table = schema.source_watermark.c
    at = connection.execute(
        select(table.at).where(
            table.project_id == project_id, table.cloud_id == cloud_id, table.source == source
        )
    ).scalar()
    return None if at is None else from_us(at)


def move_source_watermark(
    connection: Connection, project_id: str, cloud_id: str, source: str, to: datetime, *, rewind: bool
) -> None:
    """Move a source's watermark on; back only with *rewind*. The project's lock is held."""
    known = source_watermark(connection, project_id, cloud_id, source)
    if known is not None and not rewind and to <= known:
        return
    connection.execute(
        upsert(connection, schema.source_watermark),
        {"project_id": project_id, "cloud_id": cloud_id, "source": source, "at": to_us(to)},
    )


def messenger_watermark(
    connection: Connection, project_id: str, cloud_id: str, messenger: str, record_type: str
) -> int:
    """Return up to which revision records of a type were staged for the messenger; 0: never."""
    table = schema.messenger_watermark.c
    revision = connection.execute(
        select(table.revision).where(
            table.project_id == project_id,
            table.cloud_id == cloud_id,
            table.messenger == messenger,
            table.record_type == record_type,
        )
    ).scalar()
    return 0 if revision is None else revision


def move_messenger_watermark(
    connection: Connection, project_id: str, cloud_id: str, messenger: str, to: tuple[str, int]
) -> None:
    """Move a messenger's watermark for a record type on to a revision, never back.

    The project's lock is held.
    """
    record_type, revision = to
    if revision > messenger_watermark(connection, project_id, cloud_id, messenger, record_type):
        connection.execute(
            upsert(connection, schema.messenger_watermark),
            {
                "project_id": project_id,
                "cloud_id": cloud_id,
                "messenger": messenger,
                "record_type": record_type,
                "revision": revision,
            },
        )
