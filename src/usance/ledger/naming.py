"""Names of users, projects, VOs and images: dated, for all projects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, and_, func, select

from usance.ledger import schema
from usance.ledger.engine import clean
from usance.ledger.locking import upsert
from usance.ledger.rows import pages
from usance.model.period import to_us

_PAGE = 500


def names(
    connection: Connection, kind: str, ids: Sequence[str], *, at: datetime | None = None
) -> dict[str, str]:
    """Return the names that some things have, or had at an instant; unknown ids are absent."""
    table = schema.name.c
    found: dict[str, str] = {}
    for page in pages(ids, _PAGE):
        where = [table.kind == kind, table.id.in_(page)]
        if at is not None:
            where.append(table.since_at <= to_us(at))
        newest = (
            select(table.id, func.max(table.since_at).label("since_at"))
            .where(*where)
            .group_by(table.id)
            .subquery()
        )
        query = (
            select(table.id, table.name)
            .join_from(
                schema.name,
                newest,
                and_(table.id == newest.c.id, table.since_at == newest.c.since_at),
            )
            .where(table.kind == kind)
        )
        found.update(dict(connection.execute(query).all()))
    return found


def unnamed(connection: Connection, kind: str) -> list[str]:
    """Return the ids that were mentioned and that nobody has named yet: their newest name is empty."""
    table = schema.name.c
    newest = (
        select(table.id, func.max(table.since_at).label("since_at"))
        .where(table.kind == kind)
        .group_by(table.id)
        .subquery()
    )
    query = (
        select(table.id)
        .join_from(schema.name, newest, and_(table.id == newest.c.id, table.since_at == newest.c.since_at))
        .where(table.kind == kind, table.name == "")
        .order_by(table.id)
    )
    return list(connection.execute(query).scalars())


def remember_names(connection: Connection, kind: str, given: Mapping[str, str], *, at: datetime) -> None:
    """Note which names things have at an instant; one that they had already is not written again."""
    cleaned = {one: clean(name) for one, name in given.items()}
    known = names(connection, kind, list(cleaned), at=at)
    fresh = [
        {"kind": kind, "id": one, "since_at": to_us(at), "name": name}
        for one, name in sorted(cleaned.items())
        if known.get(one) != name
    ]
    if fresh:
        connection.execute(upsert(connection, schema.name), fresh)
