"""Many rows at once that replace those with the same keys."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Connection, Table

from usance.ledger.engine import CHUNK, Row
from usance.ledger.schema import Json


def bulk_upsert(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert rows, given in the order of the table's columns; those with their keys go.

    For tables of texts, big integers, truths and JSON. No two of the rows have the same key.
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
        arrays = ", ".join(f"%b::{_array(column)}" for column in table.columns)
        values = ", ".join(
            f'"{column.name}"::json' if isinstance(column.type, Json) else f'"{column.name}"'
            for column in table.columns
        )
        source = f"SELECT {values} FROM unnest({arrays}) AS given({_quoted(names)})"  # noqa: S608  # as below
    changes = ", ".join(f'"{name}" = excluded."{name}"' for name in names if name not in key)
    return (
        f'INSERT INTO "{table.name}" ({_quoted(names)}) {source} '  # names of our own schema
        f"ON CONFLICT ({_quoted(column.name for column in table.primary_key)}) DO UPDATE SET {changes}"
    )


def _array(column: Column[Any]) -> str:
    if isinstance(column.type, BigInteger):
        return "bigint[]"
    return "boolean[]" if isinstance(column.type, Boolean) else "text[]"


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
