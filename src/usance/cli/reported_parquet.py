"""A report as Parquet, in the columns of the API and with the names of projects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from usance.api.v2.answers import usage_of
from usance.api.v2.columns import USAGE, Column, Type
from usance.api.v2.parquet import ParquetWriter
from usance.cli.reporting import Report

_ROWS: Final = 10_000  # in a row group


def pieces(report: Report) -> Iterator[bytes]:
    """Yield the file, piece by piece."""
    name = Column("project", Type.TEXT, lambda row: report.names.get(row.project_id or ""))
    writer = ParquetWriter((USAGE[0], name, *USAGE[1:]))
    for start in range(0, len(report.rows), _ROWS):
        yield writer.rows([usage_of(row) for row in report.rows[start : start + _ROWS]])
    yield writer.end()
