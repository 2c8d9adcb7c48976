"""What was so, and what was said, as of an earlier day: timelines by revision, messages as they were."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Connection, Select, func, select, update

from usance.ledger import rows, schema
from usance.ledger.engine import Store
from usance.ledger.values import MessageState, NewMessage, NewRecord, Statement
from usance.model.period import Period, from_us, to_us
from usance.model.resource import Resource
from usance.model.span import Span, Timeline

_PAGE: Final = 1000
_MESSAGES: Final = 50


class _Stated(msgspec.Struct, array_like=True, frozen=True):
    """A record of a message, in short."""

    key: str
    kind: str
    resource_id: str
    digest: str
    created_us: int
    start: int  # in the body
    length: int


_stated: Final = msgspec.json.Decoder(list[_Stated])
_encoder: Final = msgspec.json.Encoder()


def encode_statements(message: NewMessage) -> str | None:
    """Return which records a message holds, and where; None if nobody said where."""
    if len(message.places) != len(message.records):
        return None
    stated = [
        _Stated(one.key, one.resource_kind, one.resource_id, one.digest, to_us(one.created_at), start, length)
        for one, (start, length) in zip(message.records, message.places, strict=True)
    ]
    return _encoder.encode(stated).decode()


class Past:
    """What a ledger knows of earlier days. Each method is one transaction unless it yields."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def revision_at(self, project_id: str, cloud_id: str, instant: datetime) -> int:
        """Return the last revision recorded up to an instant of the writers' clock; 0 if none was."""
        with self._store.read() as connection:
            return revision_at(connection, project_id, cloud_id, instant)

    def timelines(
        self, project_id: str, cloud_id: str, kind: str, *, revision: int, touching: Period
    ) -> Iterator[Timeline]:
        """Yield, in the order of their ids, the timelines that touch a period, as they were at a revision."""
        place = (project_id, cloud_id, kind)
        with self._store.read() as connection:
            ids = sorted(_ids(connection, place, revision, touching))
        for page in rows.pages(ids, _PAGE):
            with self._store.read() as connection:
                found = sorted(_versions(connection, place, page, revision), key=lambda one: one.resource.id)
            yield from (one for one in found if one.begin < touching.end and _reaches(one, touching))

    def delivered(
        self,
        project_id: str,
        cloud_id: str,
        messenger: str,
        record_type: str,
        *,
        since: datetime,
        until: datetime,
    ) -> Iterator[Statement]:
        """Yield the records that were staged in a stretch of time and delivered, as they were, in order.

        Those of messages that were given up are left out.
        """
        table = schema.message
        after = to_us(since) - 1
        while True:
            query = (
                select(table.c.id, table.c.format, table.c.body, table.c.statements)
                .where(
                    table.c.project_id == project_id,
                    table.c.cloud_id == cloud_id,
                    table.c.messenger == messenger,
                    table.c.record_type == record_type,
                    table.c.state == MessageState.DELIVERED.value,
                    table.c.id > after,
                    table.c.id <= to_us(until),
                )
                .order_by(table.c.id)
                .limit(_MESSAGES)
            )
            with self._store.read() as connection:
                page = connection.execute(query).all()
            for row in page:
                if row.statements is not None:
                    yield from _statements(row.format, bytes(row.body), row.statements)
            if len(page) < _MESSAGES:
                return
            after = page[-1].id

    def observed_until(self, project_id: str, cloud_id: str, revision: int) -> datetime | None:
        """Return when, by the cloud's clock, the last look began up to a revision; None: there was none."""
        table = schema.look.c
        query = select(func.max(table.begin_at)).where(
            table.project_id == project_id, table.cloud_id == cloud_id, table.revision <= revision
        )
        with self._store.read() as connection:
            found = connection.execute(query).scalar()
        return None if found is None else from_us(found)

    def stated_until(self, project_id: str, cloud_id: str, messenger: str) -> datetime | None:
        """Return the latest instant up to which anything of a project was stated; None: nothing was."""
        table = schema.record.c
        query = select(func.max(table.created_at)).where(
            table.project_id == project_id, table.cloud_id == cloud_id, table.messenger == messenger
        )
        with self._store.read() as connection:
            found = connection.execute(query).scalar()
        return None if found is None else from_us(found)

    def give_up_bodies(self, *, before: datetime, limit: int = 1000) -> int:
        """Empty at most so many messages that are settled and were staged before an instant."""
        with self._store.write() as connection:
            return _give_up_bodies(connection, before=before, limit=limit)


def revision_at(connection: Connection, project_id: str, cloud_id: str, instant: datetime) -> int:
    """Return a project's last revision recorded up to an instant of the writers' clock; 0 if none was."""
    table = schema.revision.c
    query = (
        select(table.revision)
        .where(
            table.project_id == project_id,
            table.cloud_id == cloud_id,
            table.recorded_at <= to_us(instant),
        )
        .order_by(table.revision.desc())
        .limit(1)
    )
    found = connection.execute(query).scalar()
    return 0 if found is None else found


def _reaches(timeline: Timeline, period: Period) -> bool:
    return timeline.end is None or timeline.end > period.start


def _ids(connection: Connection, place: tuple[str, str, str], revision: int, touching: Period) -> set[str]:
    """Return the ids of what touched the period in any version that it had."""
    found: set[str] = set()
    for table in (schema.timeline, schema.timeline_history):
        query = select(table.c.resource_id).where(
            *_of(table.c, place),
            table.c.revision <= revision,
            table.c.begin_at < to_us(touching.end),
            table.c.end_at.is_(None) | (table.c.end_at > to_us(touching.start)),
        )
        found.update(connection.execute(query).scalars())
    return found


def _of(columns: object, place: tuple[str, str, str]) -> tuple[ColumnElement[bool], ...]:
    return tuple(
        getattr(columns, name) == value
        for name, value in zip(("project_id", "cloud_id", "kind"), place, strict=True)
    )


def _versions(
    connection: Connection, place: tuple[str, str, str], ids: Sequence[str], revision: int
) -> Iterator[Timeline]:
    """Yield the version of each timeline that stood at a revision; what came later is left out."""
    spans = _spans(connection, place, ids, revision)
    for table in (schema.timeline, schema.timeline_history):
        valid = [table.c.revision <= revision]
        if table is schema.timeline_history:
            valid.append(table.c.superseded > revision)
        query: Select[Any] = (
            select(
                table.c.resource_id,
                table.c.begin_at,
                table.c.end_at,
                table.c.begin_exact,
                table.c.end_exact,
                table.c.launched,
                table.c.doubts,
                table.c.anomalies,
                table.c.described,
            )
            .where(*_of(table.c, place), table.c.resource_id.in_(ids), *valid)
            .order_by(table.c.resource_id)
        )
        for row in connection.execute(query).all():
            own = tuple(spans.get(row.resource_id, ()))
            yield rows.timeline_of(row, Resource(*place, row.resource_id), own)


def _spans(
    connection: Connection, place: tuple[str, str, str], ids: Sequence[str], revision: int
) -> dict[str, list[Span]]:
    found: dict[str, list[Span]] = {}
    for table in (schema.span, schema.span_history):
        valid = [table.c.revision <= revision]
        if table is schema.span_history:
            valid.append(table.c.superseded > revision)
        query = select(table.c.resource_id, table.c.start_at, table.c.end_at, table.c.accounted).where(
            *_of(table.c, place), table.c.resource_id.in_(ids), *valid
        )
        for resource_id, start, end, text in connection.execute(query).all():
            span = Span(from_us(start), rows.instant_or_none(end), rows.values_of(text))
            found.setdefault(resource_id, []).append(span)
    for own in found.values():
        own.sort(key=lambda one: one.start)
    return found


def _statements(form: str, body: bytes, text: str) -> Iterator[Statement]:
    for one in _stated.decode(text):
        record = NewRecord(one.key, one.kind, one.resource_id, one.digest, from_us(one.created_us))
        yield Statement(record, form, body[one.start : one.start + one.length].decode())


def _messengers(connection: Connection) -> list[str]:
    """Return the messengers that have messages: one look into the index for each of them."""
    found: list[str] = []
    column = schema.message.c.messenger
    last = ""
    while (name := connection.execute(select(func.min(column)).where(column > last)).scalar()) is not None:
        found.append(name)
        last = name
    return found


def _give_up_bodies(connection: Connection, *, before: datetime, limit: int) -> int:
    """Empty at most so many messages that were settled and staged before an instant; return how many."""
    table = schema.message
    settled = [MessageState.DELIVERED.value, MessageState.SUPERSEDED.value]
    old = connection.execute(
        select(table.c.project_id, table.c.cloud_id, table.c.messenger, table.c.id)
        .where(
            # Named, so that the index of the outbox is used: bodies are large, and most are to stay.
            table.c.messenger.in_(_messengers(connection)),
            table.c.state.in_(settled),
            table.c.id < to_us(before),
            func.length(table.c.body) > 0,
        )
        .limit(limit)
    ).all()
    for project_id, cloud_id, messenger, one in old:
        connection.execute(
            update(table)
            .where(
                table.c.project_id == project_id,
                table.c.cloud_id == cloud_id,
                table.c.messenger == messenger,
                table.c.id == one,
            )
            .values(body=b"", statements=None)
        )
    return len(old)
