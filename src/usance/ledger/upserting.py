"""Many rows at once that replace those with the same keys."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from sqlalchemy import BigInteger, Connection, Table

from usance.ledger.engine import CHUNK, Row

_ARRAY: Final = {True: "bigint[]", False: "text[]"}


def bulk_upsert(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert rows, given in the order of the table's columns; those with their keys go.

    For tables of texts and big integers. No two of the rows have the same key.
    """
    light = connection.dialect.name == "sqlite"
    statement = _statement(table, light=light)
    for start in range(0, len(rows), CHUNK):
        chunk = list(rows[start : start + CHUNK])
        # PostgreSQL takes the columns, each as one array: so it is one statement, planned once.
        connection.exec_driver_sql(
            statement, chunk if light else tuple(list(column) for column in zip(*chunk, strict=True))
        )


def _statement(table: Table, *, light: bool) -> str:
    key = {column.name for column in table.primary_key}
    names = [column.name for column in table.columns]
    if light:
        source = f"VALUES ({', '.join('?' for _ in names)})"
    else:
        arrays = (f"%s::{_ARRAY[isinstance(column.type, BigInteger)]}" for column in table.columns)
        source = f"SELECT * FROM unnest({', '.join(arrays)})"  # noqa: S608  # no name in it
    changes = ", ".join(f'"{name}" = excluded."{name}"' for name in names if name not in key)
    return (
        f'INSERT INTO "{table.name}" ({_quoted(names)}) {source} '  # names of our own schema
        f"ON CONFLICT ({_quoted(column.name for column in table.primary_key)}) DO UPDATE SET {changes}"
    )


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
