"""Names of users, projects, VOs and images: dated, for all projects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, func, select

from usance.ledger import schema
from usance.ledger.engine import clean
from usance.ledger.keyed import joined, select_these
from usance.ledger.rows import pages
from usance.ledger.upserting import bulk_upsert
from usance.ledger.values import Named
from usance.model.period import to_us

_PAGE = 500


def names(
    connection: Connection, kind: str, ids: Sequence[str], *, at: datetime | None = None
) -> dict[str, str]:
    """Return the names that some things have, or had at an instant; unknown ids are absent."""
    query = _of_these(at_an_instant=at is not None)
    given: dict[str, Any] = {"kind": kind} if at is None else {"kind": kind, "at": to_us(at)}
    found: dict[str, str] = {}
    for page in pages(ids, _PAGE):
        found.update((one, name) for one, name in connection.execute(query, {**given, "ids": page}))
    return found


@cache
def _of_these(*, at_an_instant: bool) -> Select[Any]:
    """Return the query for the names of some ids, made once: a run asks many times."""
    table = schema.name.c
    which: list[ColumnElement[bool]] = [table.id.in_(bindparam("ids", expanding=True))]
    if at_an_instant:
        which.append(table.since_at <= bindparam("at"))
    return _newest(select(table.id, table.name), *which)


def unnamed(connection: Connection, kind: str) -> list[str]:
    """Return the ids that were mentioned and that nobody has named yet: their newest name is empty."""
    return list(connection.execute(_without_name(), {"kind": kind}).scalars())


@cache
def _without_name() -> Select[Any]:
    table = schema.name.c
    return _newest(select(table.id)).where(table.name == "").order_by(table.id)


def _newest(query: Select[Any], *which: ColumnElement[bool]) -> Select[Any]:
    """Let a query read the newest of those names of a kind that fulfil some conditions, one for each id."""
    table = schema.name.c
    kind: ColumnElement[str] = bindparam("kind")
    newest = (
        select(table.id, func.max(table.since_at).label("since_at"))
        .where(table.kind == kind, *which)
        .group_by(table.id)
        .subquery()
    )
    return query.join_from(
        schema.name, newest, and_(table.id == newest.c.id, table.since_at == newest.c.since_at)
    ).where(table.kind == kind)


def remember_names(connection: Connection, kind: str, given: Mapping[str, str], *, at: datetime) -> None:
    """Note which names things have at an instant; one that they had already is not written again.

    For one who asked just now: of two names of one instant the one that is written last counts. What
    is heard, in any order, goes by :func:`remember_named`.
    """
    cleaned = {one: clean(name) for one, name in given.items()}
    known = names(connection, kind, list(cleaned), at=at)
    fresh = [(kind, one, to_us(at), name) for one, name in sorted(cleaned.items()) if known.get(one) != name]
    bulk_upsert(connection, schema.name, fresh)


_OF_THING: Final = ("kind", "id")
_NAMES: Final = joined(schema.name, (*_OF_THING, "since_at", "name"), _OF_THING)


def remember_named(connection: Connection, named: Iterable[Named]) -> None:
    """Note names as they were heard, each with its own instant.

    What the ledger has already for that instant is not written again. Of several names of one instant
    the greatest counts, whatever came first; any name counts before none.
    """
    heard: dict[tuple[str, str], dict[datetime, str]] = {}
    for one in named:
        known_at = heard.setdefault((one.kind, one.id), {})
        known_at[one.at] = max(one.name, known_at.get(one.at, ""))
    given: dict[tuple[str, str], dict[int, str]] = {}
    for (kind, thing), names_heard in heard.items():
        own = given.setdefault((kind, clean(thing)), {})
        own |= {to_us(at): clean(name) for at, name in _first_of_each(names_heard)}
    known: dict[tuple[str, str], dict[int, str]] = {}
    for kind, thing, since_at, name in select_these(connection, _NAMES, sorted(given), _OF_THING):
        known.setdefault((kind, thing), {})[since_at] = name
    fresh = []
    for (kind, thing), own in sorted(given.items()):
        had = known.get((kind, thing), {})
        for since_at, name in sorted(own.items()):
            before = max((at for at in had if at <= since_at), default=None)
            if before == since_at and had[before] >= name:
                continue
            if before is None or had[before] != name:
                had[since_at] = name
                fresh.append((kind, thing, since_at, name))
    bulk_upsert(connection, schema.name, fresh)


def _first_of_each(names_heard: Mapping[datetime, str]) -> Iterator[tuple[datetime, str]]:
    """Yield the names that a thing had one after the other, each with the instant at which it came up."""
    last = None
    for at in sorted(names_heard):
        if names_heard[at] != last:
            last = names_heard[at]
            yield at, last
