"""Pages: in what order rows come, and what lies behind a cursor."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import BigInteger, ColumnElement, FromClause, Text, func, literal, tuple_

from usance.ledger.answers import MAX_LIMIT, Asked, Cursor, Sort
from usance.ledger.engine import clean
from usance.ledger.schema import RESOURCE_KEY
from usance.ledger.standing import ENDLESS

_MOST_NAMED: Final = 10_000
_BIGGEST: Final = 1 << 63

Key = tuple[str | int, ...]


class Order(msgspec.Struct, frozen=True):
    """An order of rows that is total: the place of a row is the values of its columns."""

    of: str  # the question and the order, by name
    names: tuple[str, ...]  # the columns, as the rows name them
    columns: tuple[ColumnElement[Any], ...]
    descending: bool = False

    @property
    def by(self) -> tuple[ColumnElement[Any], ...]:
        """What to order by."""
        return tuple(one.desc() for one in self.columns) if self.descending else self.columns

    def behind(self, cursor: Cursor) -> ColumnElement[bool]:
        """Return the condition for rows behind a cursor; ValueError if it is none of this order."""
        kinds = [int if isinstance(one.type, BigInteger) else str for one in self.columns]
        if cursor.of != self.of or len(cursor.key) != len(kinds):
            raise ValueError("the cursor belongs to another question, or to another order of its answers")
        values = []
        for value, kind in zip(cursor.key, kinds, strict=True):
            if not isinstance(value, kind) or (isinstance(value, int) and abs(value) >= _BIGGEST):
                raise ValueError("the cursor is damaged")
            values.append(storable(value) if isinstance(value, str) else value)
        bound = [literal(value, BigInteger() if isinstance(value, int) else Text()) for value in values]
        mine, given = tuple_(*self.columns), tuple_(*bound)
        return mine < given if self.descending else mine > given

    def cursor(self, row: Any) -> Cursor:
        """Return the place of a row."""
        return Cursor(self.of, self.key(row))

    def key(self, row: Any) -> Key:
        """Return the values of a row that its place is made of."""
        return tuple(_endless(row, name) for name in self.names)


def order(what: str, table: FromClause, sort: Sort, *, start: str, descending: bool) -> Order:
    """Return an order of timelines or spans; *start* is the column in which their begin stands."""
    identity: list[str] = list(RESOURCE_KEY)
    if start == "start_at":  # spans: a resource has many
        identity.append(start)
    columns: list[ColumnElement[Any]] = [table.c[name] for name in identity]
    names = identity
    if sort is Sort.BEGIN:
        columns, names = [table.c[start], *columns], [start, *names]
    elif sort is Sort.END:
        columns, names = [func.coalesce(table.c.end_at, ENDLESS), *columns], ["end_at", *names]
    direction = "-" if descending else ""
    return Order(f"{what}:{direction}{sort.value}", tuple(names), tuple(columns), descending)


def _endless(row: Any, name: str) -> str | int:
    value = getattr(row, name)
    return ENDLESS if value is None else value


def merged(pages: Sequence[Sequence[Any]], key: Callable[[Any], Key], *, descending: bool) -> list[Any]:
    """Return the rows of several pages, each in order, in one order."""
    return list(heapq.merge(*pages, key=key, reverse=descending))


def checked(asked: Asked, limit: int = 1) -> Asked:
    """Return the question in texts that every engine takes; ValueError if it asks for too much."""
    if not 1 <= limit <= MAX_LIMIT:
        raise ValueError(f"a page holds 1 to {MAX_LIMIT} rows")
    for named in (asked.projects, asked.clouds, asked.kinds, asked.ids, asked.flavors, asked.states):
        if named is not None and len(named) > _MOST_NAMED:
            raise ValueError(f"at most {_MOST_NAMED} may be named at once")

    def each(named: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return None if named is None else tuple(storable(one) for one in named)

    return msgspec.structs.replace(
        asked,
        projects=each(asked.projects),
        clouds=each(asked.clouds),
        kinds=each(asked.kinds),
        ids=each(asked.ids),
        name=None if asked.name is None else storable(asked.name),
        flavors=each(asked.flavors),
        states=each(asked.states),
    )


def storable(text: str) -> str:
    """Return a text that every engine takes; one that was changed for that is nobody's id or name."""
    return clean(text.encode("utf-8", "replace").decode())
