"""Answers as Parquet, with pyarrow: a row group for each piece."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

import pyarrow as pa
from pyarrow import parquet

from usance.api.v2.columns import Column, Type

_INT64: Final = range(-(1 << 63), 1 << 63)
_TYPES: Final = {
    Type.TEXT: pa.string(),
    Type.INTEGER: pa.int64(),
    Type.AMOUNT: pa.decimal128(38, 0),  # of a large cloud, MiB-seconds are more than 64 bits hold
    Type.SWITCH: pa.bool_(),
    Type.INSTANT: pa.timestamp("us", tz="UTC"),
}


class _Pieces:
    """A file of which only what was written last is kept."""

    def __init__(self) -> None:
        self._written: list[bytes] = []
        self.closed = False

    def write(self, data: Any) -> int:
        self._written.append(bytes(data))
        return len(self._written[-1])

    def flush(self) -> None:
        """Do nothing: there is nothing behind it."""

    def close(self) -> None:
        self.closed = True

    def take(self) -> bytes:
        piece = b"".join(self._written)
        self._written.clear()
        return piece


class ParquetWriter:
    """Writes Parquet without ever holding more than a row group."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns
        self._schema = pa.schema([(one.name, _TYPES[one.type]) for one in columns])
        self._pieces = _Pieces()
        self._file = parquet.ParquetWriter(
            pa.PythonFile(self._pieces, mode="w"), self._schema, compression="zstd"
        )

    def rows(self, rows: Sequence[Any]) -> bytes:
        """Return the next piece."""
        if rows:
            arrays = [
                pa.array([_cell(one, row) for row in rows], type=_TYPES[one.type]) for one in self._columns
            ]
            self._file.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
        return self._pieces.take()

    def end(self) -> bytes:
        """Return the last piece: what makes it a file."""
        self._file.close()
        return self._pieces.take()


def _cell(column: Column, row: Any) -> Any:
    """Return a cell; empty where a source told what is not of the column's type."""
    value = column.cell(row)
    if value is None or column.type in {Type.INSTANT, Type.SWITCH}:
        return value
    if column.type is Type.TEXT:
        return str(value)
    if not isinstance(value, int) or value not in _INT64:
        return Decimal(value) if column.type is Type.AMOUNT else None
    return value
