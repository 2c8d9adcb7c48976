"""Rows of many keys at once: read and removed by one statement for all of them.

The keys may be of any projects. They come as a table of their own, `these`, with which a query
joins its tables; each of these has an index that begins with the key.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Table

from usance.ledger.engine import CHUNK, Row
from usance.ledger.schema import RESOURCE_KEY, Json

_INTEGERS: Final = frozenset({"at", "start_at", "since_at", "revision"})


def same(table: str, names: Iterable[str] = RESOURCE_KEY) -> str:
    """Return the condition that a row of a table has the key of a row of `these`."""
    return " AND ".join(f"{table}.{name} = these.{name}" for name in names)


def joined(table: Table, names: Iterable[str], key: Iterable[str] = RESOURCE_KEY) -> str:
    """Return the query for some columns of the rows of a table that have one of these keys."""
    return f"SELECT {columns(table, names)} FROM these CROSS JOIN {table.name} WHERE {same(table.name, key)}"  # noqa: S608  # names of our own schema


def columns(table: Table, names: Iterable[str]) -> str:
    """Return columns as a query names them; JSON is read as the text that it is."""
    return ", ".join(
        f"CAST({table.name}.{name} AS TEXT)"
        if isinstance(table.c[name].type, Json)
        else f"{table.name}.{name}"
        for name in names
    )


def select_these(
    connection: Connection, query: str, keys: Sequence[Row], names: Sequence[str] = RESOURCE_KEY
) -> Iterator[Any]:
    """Yield the rows of a query that reads `these`: the keys, whose columns are named.

    The query joins with CROSS JOIN and conditions, so that SQLite begins with the keys.
    """
    for statement, given in _statements(connection, query, keys, names):
        # The driver's own rows: those of SQLAlchemy cost more than all that is done with them.
        cursor = connection.exec_driver_sql(statement, given).cursor
        yield from () if cursor is None else cursor.fetchall()


def run_these(connection: Connection, statement: str, keys: Sequence[Row], names: Sequence[str]) -> None:
    """Run a statement that reads `these`: the keys, whose columns are named."""
    for one, given in _statements(connection, statement, keys, names):
        connection.exec_driver_sql(one, given)


def _statements(
    connection: Connection, statement: str, keys: Sequence[Row], names: Sequence[str]
) -> Iterator[tuple[str, tuple[Any, ...]]]:
    for start in range(0, len(keys), CHUNK):
        chunk = keys[start : start + CHUNK]
        if connection.dialect.name == "sqlite":
            row = f"({', '.join('?' * len(names))})"
            values = ", ".join([row] * len(chunk))
            given = tuple(value for key in chunk for value in key)
            yield f"WITH these({', '.join(names)}) AS (VALUES {values}) {statement}", given
        else:
            columns = zip(*chunk, strict=True)
            yield f"WITH these AS ({_unnested(names)}) {statement}", tuple(list(one) for one in columns)


def _unnested(names: Sequence[str]) -> str:
    # Ids compare by their code points, as they do in the tables: so their indexes can be used.
    texts = ", ".join(name if name in _INTEGERS else f'{name} COLLATE "C" AS {name}' for name in names)
    arrays = ", ".join("%b::bigint[]" if name in _INTEGERS else "%b::text[]" for name in names)
    return f"SELECT {texts} FROM unnest({arrays}) AS given({', '.join(names)})"  # noqa: S608  # our own names


def remove(connection: Connection, table: Table, names: Sequence[str], keys: Sequence[Row]) -> None:
    """Delete the rows that have some keys, whose columns are named."""
    if connection.dialect.name != "sqlite":
        delete = f"DELETE FROM {table.name} USING these WHERE {same(table.name, names)}"  # noqa: S608  # our own
        run_these(connection, delete, keys, names)
        return
    which = " AND ".join(f"{name} = ?" for name in names)
    delete = f"DELETE FROM {table.name} WHERE {which}"  # noqa: S608  # names of our own schema
    for start in range(0, len(keys), CHUNK):
        connection.exec_driver_sql(delete, list(keys[start : start + CHUNK]))
