"""Transaction 2, *stage*: messages for a messenger, the records in them, and its watermark."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter

from sqlalchemy import (
    ColumnElement,
    Connection,
    Table,
    and_,
    delete,
    exists,
    not_,
    select,
    update,
)

from usance.ledger import past, schema
from usance.ledger.engine import bulk_insert, clean
from usance.ledger.locking import lock_counter, lock_project
from usance.ledger.rows import pages
from usance.ledger.upserting import bulk_upsert
from usance.ledger.values import (
    Message,
    MessageState,
    NewMessage,
    NewRecord,
    Quarantine,
    QuarantinedRecord,
    StagedRecord,
)
from usance.ledger.watermarks import move_messenger_watermark
from usance.model.period import from_us, to_us

_MESSAGE_IDS = "message"
_PAGE = 500


class Outbox:
    """The outbox of one project for one messenger, in the transaction that the connection is in."""

    def __init__(self, connection: Connection, project_id: str, cloud_id: str, messenger: str) -> None:
        self.connection = connection
        self.place = (project_id, cloud_id, messenger)

    def staged(self, kind: str, resource_ids: Sequence[str]) -> dict[str, dict[str, StagedRecord]]:
        """Return what was staged last of some resources, by resource id and record key."""
        table = schema.record.c
        found: dict[str, dict[str, StagedRecord]] = {}
        for page in pages(resource_ids, _PAGE):
            query = select(table.resource_id, table.key, table.digest, table.created_at).where(
                *self._own(schema.record), table.kind == kind, table.resource_id.in_(page)
            )
            for resource_id, key, digest, created_at in self.connection.execute(query).all():
                found.setdefault(resource_id, {})[key] = StagedRecord(digest, from_us(created_at))
        return found

    def stage(
        self,
        messages: Sequence[NewMessage],
        quarantined: Sequence[Quarantine],
        unchanged: Sequence[str],
        *,
        at: datetime,
        watermark: tuple[str, int] | None,
    ) -> list[Message]:
        """Put messages into the outbox; see :meth:`usance.ledger.ledger.Ledger.stage`."""
        project_id, cloud_id, messenger = self.place
        revision = lock_project(self.connection, project_id, cloud_id)
        staged = self._insert_messages(messages, at, revision)
        pairs = [
            (one.id, record) for one, new in zip(staged, messages, strict=True) for record in new.records
        ]
        self._supersede(self._replace_records(pairs), before=staged[0].id if staged else 0)
        self._release([record.key for _, record in pairs])
        self._release(unchanged)
        self._hold_back(quarantined, at)
        if watermark is not None:
            move_messenger_watermark(self.connection, project_id, cloud_id, messenger, watermark)
        return staged

    def _insert_messages(self, new: Sequence[NewMessage], at: datetime, revision: int) -> list[Message]:
        """Insert the messages under ids that grow through the whole ledger.

        An id is the instant of the staging in microseconds, made greater than the last one: so it
        is unique and ordered without a key that all projects share.
        """
        if not new:
            return []
        project_id, cloud_id, messenger = self.place
        first = max(lock_counter(self.connection, _MESSAGE_IDS) + 1, to_us(at))
        staged = [
            Message(
                id=first + offset,
                project_id=project_id,
                cloud_id=cloud_id,
                messenger=messenger,
                record_type=one.record_type,
                format=one.format,
                body=one.body,
                record_count=len(one.records),
                staged_at=from_us(first + offset),
                state=MessageState.PENDING,
            )
            for offset, one in enumerate(new)
        ]
        bulk_insert(
            self.connection,
            schema.message,
            [
                (
                    *self.place,
                    one.id,
                    one.record_type,
                    one.format,
                    one.body,
                    one.record_count,
                    one.state.value,
                    0,
                    None,
                    None,
                    revision,
                    past.encode_statements(statements),
                )
                for one, statements in zip(staged, new, strict=True)
            ],
        )
        self.connection.execute(
            update(schema.counter)
            .where(schema.counter.c.name == _MESSAGE_IDS)
            .values(value=first + len(new) - 1)
        )
        return staged

    def _replace_records(self, pairs: Sequence[tuple[int, NewRecord]]) -> set[int]:
        """Note in which message each record was stated last.

        Returns the messages that stated something of the same resources before.
        """
        latest = {(one.resource_kind, one.resource_id, one.key): (message, one) for message, one in pairs}
        table = schema.record
        before: set[int] = set()
        for page in pages(sorted({place[:2] for place in latest}), _PAGE):
            for kind, places in groupby(page, key=itemgetter(0)):
                query = select(table.c.message_id).where(
                    *self._own(table),
                    table.c.kind == kind,
                    table.c.resource_id.in_([resource_id for _, resource_id in places]),
                )
                before.update(self.connection.execute(query.distinct()).scalars())
        bulk_upsert(
            self.connection,
            table,
            [
                (*self.place, kind, resource_id, key, one.digest, to_us(one.created_at), message)
                for (kind, resource_id, key), (message, one) in sorted(latest.items(), key=itemgetter(0))
            ],
        )
        return before

    def _supersede(self, messages: set[int], *, before: int) -> None:
        """Drop those pending messages of which no record counts any more."""
        table, records = schema.message, schema.record.c
        for page in pages(sorted(one for one in messages if one < before), _PAGE):
            still_counts = exists().where(
                and_(
                    records.project_id == table.c.project_id,
                    records.cloud_id == table.c.cloud_id,
                    records.messenger == table.c.messenger,
                    records.message_id == table.c.id,
                )
            )
            self.connection.execute(
                update(table)
                .where(
                    *self._own(table),
                    table.c.id.in_(page),
                    table.c.state == MessageState.PENDING.value,
                    not_(still_counts),
                )
                .values(state=MessageState.SUPERSEDED.value)
            )

    def _release(self, keys: Sequence[str]) -> None:
        """Let records that are fine again leave the quarantine."""
        table = schema.quarantine
        if self.connection.execute(select(table.c.key).where(*self._own(table)).limit(1)).first() is None:
            return
        for page in pages(keys, _PAGE):
            self.connection.execute(delete(table).where(*self._own(table), table.c.key.in_(page)))

    def _hold_back(self, quarantined: Sequence[Quarantine], at: datetime) -> None:
        table = schema.quarantine
        latest = {one.record.key: one for one in quarantined}
        for page in pages(latest.values(), _PAGE):
            these = (*self._own(table), table.c.key.in_([one.record.key for one in page]))
            query = select(table.c.key, table.c.since_at).where(*these)
            since = dict(self.connection.execute(query).all())
            self.connection.execute(delete(table).where(*these))
            now = to_us(at)
            bulk_insert(
                self.connection,
                table,
                [
                    (
                        *self.place,
                        one.record.key,
                        one.record.resource_kind,
                        one.record.resource_id,
                        one.record.digest,
                        to_us(one.record.created_at),
                        clean(one.reason),
                        clean(one.text),
                        since.get(one.record.key, now),
                        now,
                    )
                    for one in page
                ],
            )

    def _own(self, table: Table) -> tuple[ColumnElement[bool], ...]:
        project_id, cloud_id, messenger = self.place
        return (
            table.c.project_id == project_id,
            table.c.cloud_id == cloud_id,
            table.c.messenger == messenger,
        )


def quarantined(connection: Connection, *where: ColumnElement[bool]) -> list[QuarantinedRecord]:
    """Return the records that are held back."""
    table = schema.quarantine
    order = (table.c.project_id, table.c.cloud_id, table.c.messenger, table.c.key)
    return [
        QuarantinedRecord(
            project_id=row.project_id,
            cloud_id=row.cloud_id,
            messenger=row.messenger,
            quarantine=Quarantine(
                NewRecord(
                    key=row.key,
                    resource_kind=row.kind,
                    resource_id=row.resource_id,
                    digest=row.digest,
                    created_at=from_us(row.created_at),
                ),
                reason=row.reason,
                text=row.text,
            ),
            since=from_us(row.since_at),
            at=from_us(row.at),
        )
        for row in connection.execute(select(table).where(*where).order_by(*order))
    ]
