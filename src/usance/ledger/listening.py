"""When collectors were there to hear, and which types of events they made nothing of."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec
from sqlalchemy import Connection, case, select

from usance.ledger import schema
from usance.ledger.engine import Store, clean
from usance.ledger.locking import insert_with
from usance.model.period import Period, from_us, to_us

MOST_TYPES: Final = 1000
"""Of a cloud, so many types are counted by their names; those that come later, together."""

OTHERS: Final = "(others)"
_LONGEST: Final = 200  # characters of a type's name


class Stretch(msgspec.Struct, frozen=True):
    """From when to when one collector was there to hear a cloud, by the collector's clock."""

    cloud_id: str
    collector: str
    since: datetime
    until: datetime
    messages: int  # that it heard


class Ignored(msgspec.Struct, frozen=True):
    """A type of event that nothing is made of, and how often it came."""

    cloud_id: str
    event_type: str
    count: int
    since: datetime
    until: datetime


class Listening:
    """When collectors listened, and what they ignored. Each method is one transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def note(
        self, cloud_id: str, collector: str, *, since: datetime, until: datetime, messages: int = 0
    ) -> None:
        """Note that a collector has been listening since an instant, and still did at another.

        *since* names the stretch: told again, it becomes longer. *messages* are those of now, and are
        added to those before.
        """
        table = schema.listening
        with self._store.write() as connection:
            insert = insert_with(connection, table)
            new = insert.excluded
            later = case((new.until_at > table.c.until_at, new.until_at), else_=table.c.until_at)
            connection.execute(
                insert.on_conflict_do_update(
                    index_elements=["cloud_id", "collector", "since_at"],
                    set_={"until_at": later, "messages": table.c.messages + new.messages},
                ),
                {
                    "cloud_id": clean(cloud_id),
                    "collector": clean(collector),
                    "since_at": to_us(since),
                    "until_at": to_us(until),
                    "messages": messages,
                },
            )

    def stretches(self, cloud_id: str, *, touching: Period | None = None) -> list[Stretch]:
        """Return when the collectors of a cloud listened, in the order in which they began."""
        table = schema.listening.c
        query = select(schema.listening).where(table.cloud_id == cloud_id)
        if touching is not None:
            query = query.where(table.since_at < to_us(touching.end), table.until_at > to_us(touching.start))
        with self._store.read() as connection:
            rows = connection.execute(query.order_by(table.since_at, table.collector)).all()
        return [
            Stretch(row.cloud_id, row.collector, from_us(row.since_at), from_us(row.until_at), row.messages)
            for row in rows
        ]

    def heard(self, cloud_id: str, period: Period) -> list[Period]:
        """Return the parts of a period in which at least one collector listened, joined where they touch."""
        found: list[Period] = []
        for stretch in self.stretches(cloud_id, touching=period):
            part = period.clip(stretch.since, stretch.until)
            if part is None:
                continue
            if found and part.start <= found[-1].end:
                found[-1] = Period(found[-1].start, max(found[-1].end, part.end))
            else:
                found.append(part)
        return found

    def ignore(self, cloud_id: str, counts: Mapping[str, int], *, at: datetime) -> None:
        """Add how often types of events came of which nothing is made."""
        if not counts:
            return
        given: dict[str, int] = {}
        for event_type, count in counts.items():
            name = clean(event_type)[:_LONGEST]
            given[name] = given.get(name, 0) + count
        with self._store.write() as connection:
            _count(connection, clean(cloud_id), given, to_us(at))

    def ignored(self, cloud_id: str | None = None) -> list[Ignored]:
        """Return the types of events of which nothing is made, the most frequent first."""
        table = schema.ignored_event.c
        query = select(schema.ignored_event).order_by(table.count.desc(), table.event_type, table.cloud_id)
        if cloud_id is not None:
            query = query.where(table.cloud_id == cloud_id)
        with self._store.read() as connection:
            rows = connection.execute(query).all()
        return [
            Ignored(cloud, event_type, count, from_us(since), from_us(until))
            for cloud, event_type, count, since, until in rows
        ]


def _count(connection: Connection, cloud_id: str, given: Mapping[str, int], at: int) -> None:
    table = schema.ignored_event
    of_cloud = table.c.cloud_id == cloud_id
    known = set(connection.execute(select(table.c.event_type).where(of_cloud)).scalars())
    room = MOST_TYPES - len(known)
    counts: dict[str, int] = {}
    for name in sorted(given):
        kept = name if name in known or room > 0 else OTHERS
        room -= kept not in known
        counts[kept] = counts.get(kept, 0) + given[name]
    insert = insert_with(connection, table)
    new = insert.excluded
    statement = insert.on_conflict_do_update(
        index_elements=["cloud_id", "event_type"],
        set_={
            "count": table.c.count + new.count,
            "until_at": case((new.until_at > table.c.until_at, new.until_at), else_=table.c.until_at),
        },
    )
    # In order, so that two collectors don't wait for each other.
    connection.execute(
        statement,
        [
            {"cloud_id": cloud_id, "event_type": name, "count": counts[name], "since_at": at, "until_at": at}
            for name in sorted(counts)
        ],
    )
