"""Messages that nothing could be made of: kept with their reasons, a bounded number of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, delete, func, select, tuple_

from usance.ledger import schema
from usance.ledger.engine import Store, clean
from usance.ledger.locking import insert_with
from usance.ledger.rows import pages
from usance.ledger.values import Parked
from usance.model.period import from_us, to_us

PAGE: Final = 100
_IDS_AT_ONCE: Final = 500


def park(connection: Connection, parked: Iterable[Parked]) -> int:
    """Keep some messages; return how many of them were not there before.

    One that came before is counted; the later arrival's reason and instant stand.
    """
    arrived = _collapsed(parked)
    if not arrived:
        return 0
    table = schema.parked
    known = _known(connection, list(arrived))
    insert = insert_with(connection, table)
    new = insert.excluded
    statement = insert.on_conflict_do_update(
        index_elements=[column.name for column in table.primary_key],
        set_={
            "times": table.c.times + new.times,
            "at": new.at,
            "reason": new.reason,
            "queue": new.queue,
            "event_type": new.event_type,
        },
    )
    # In order, so that two who park the same messages don't wait for each other.
    connection.execute(statement, [_row(arrived[key]) for key in sorted(arrived)])
    return len(arrived) - len(known)


def unpark(connection: Connection, ids: Collection[str]) -> int:
    """Remove messages by their ids; return how many there were."""
    table = schema.parked
    return sum(
        connection.execute(delete(table).where(table.c.id.in_(page))).rowcount
        for page in pages(sorted(ids), _IDS_AT_ONCE)
    )


_Key = tuple[str, str, str]


def _key(one: Parked) -> _Key:
    return clean(one.project_id), clean(one.cloud_id), clean(one.id)


def _collapsed(parked: Iterable[Parked]) -> dict[_Key, Parked]:
    """Return each message once, as it came last, with how often it came."""
    found: dict[_Key, Parked] = {}
    for one in parked:
        key = _key(one)
        before = found.get(key)
        if before is None:
            found[key] = one
            continue
        last = one if one.at >= before.at else before
        found[key] = Parked(
            last.cloud_id,
            last.queue,
            last.body,
            last.size,
            last.reason,
            last.at,
            last.event_type,
            last.project_id,
            last.id,
            before.times + one.times,
        )
    return found


def _known(connection: Connection, keys: Sequence[_Key]) -> set[_Key]:
    table = schema.parked.c
    found: set[_Key] = set()
    for page in pages(keys, _IDS_AT_ONCE):
        query = select(table.project_id, table.cloud_id, table.id).where(
            tuple_(table.project_id, table.cloud_id, table.id).in_(page)
        )
        found.update((project_id, cloud_id, one) for project_id, cloud_id, one in connection.execute(query))
    return found


def _row(one: Parked) -> dict[str, Any]:
    project_id, cloud_id, message_id = _key(one)
    return {
        "project_id": project_id,
        "cloud_id": cloud_id,
        "id": message_id,
        "event_type": clean(one.event_type),
        "queue": clean(one.queue),
        "reason": clean(one.reason),
        "body": one.body,
        "size": one.size,
        "at": to_us(one.at),
        "times": one.times,
    }


class Parking:
    """The messages that a ledger keeps because nothing could be made of them.

    Each method is one transaction.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def page(
        self,
        *,
        cloud_id: str | None = None,
        event_type: str | None = None,
        after: Parked | None = None,
        limit: int = PAGE,
    ) -> list[Parked]:
        """Return messages, the newest first; *after* is the last of the page before."""
        table = schema.parked
        query = (
            select(table)
            .where(*_which(cloud_id, event_type))
            .order_by(table.c.at.desc(), table.c.cloud_id, table.c.id, table.c.project_id)
            .limit(limit)
        )
        if after is not None:
            at = to_us(after.at)
            place = tuple_(table.c.cloud_id, table.c.id, table.c.project_id)
            query = query.where(
                (table.c.at < at)
                | ((table.c.at == at) & (place > (after.cloud_id, after.id, after.project_id)))
            )
        with self._store.read() as connection:
            return [_parked(row) for row in connection.execute(query)]

    def get(self, message_id: str) -> Parked | None:
        """Return the message with an id; None if there is none."""
        table = schema.parked
        query = select(table).where(table.c.id == message_id).limit(1)
        with self._store.read() as connection:
            row = connection.execute(query).first()
        return None if row is None else _parked(row)

    def drop(self, ids: Collection[str]) -> int:
        """Remove messages by their ids; return how many there were."""
        with self._store.write() as connection:
            return unpark(connection, ids)

    def counts(self) -> dict[str, int]:
        """Return how many messages are kept, by cloud."""
        table = schema.parked.c
        query = select(table.cloud_id, func.count()).group_by(table.cloud_id).order_by(table.cloud_id)
        with self._store.read() as connection:
            return dict(connection.execute(query).all())

    def bound(self, cloud_id: str, most: int) -> int:
        """Keep at most so many messages of a cloud: the oldest go. Return how many went."""
        table = schema.parked
        age = (table.c.at, table.c.id)  # all of a batch came at one instant
        newest_first = (
            select(*age).where(table.c.cloud_id == cloud_id).order_by(*(column.desc() for column in age))
        )
        with self._store.write() as connection:
            first_to_go = connection.execute(newest_first.offset(most).limit(1)).first()
            if first_to_go is None:
                return 0
            at, message_id = first_to_go
            is_old = (table.c.at < at) | ((table.c.at == at) & (table.c.id <= message_id))
            gone = connection.execute(delete(table).where(table.c.cloud_id == cloud_id, is_old))
            return gone.rowcount


def _which(cloud_id: str | None, event_type: str | None) -> list[ColumnElement[bool]]:
    table = schema.parked.c
    which = []
    if cloud_id is not None:
        which.append(table.cloud_id == cloud_id)
    if event_type is not None:
        which.append(table.event_type == event_type)
    return which


def _parked(row: Any) -> Parked:
    return Parked(
        cloud_id=row.cloud_id,
        queue=row.queue,
        body=bytes(row.body),
        size=row.size,
        reason=row.reason,
        at=from_us(row.at),
        event_type=row.event_type,
        project_id=row.project_id,
        id=row.id,
        times=row.times,
    )
