"""Showing values: as tables for people, as JSON or CSV for programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
import orjson

from usance.cli.columns import Cell, Columns, printable
from usance.model.spreadsheet import harmless

OUTPUTS: Final = ("table", "json", "csv")


def as_json(value: Any) -> str:
    """Return any of our values as JSON, indented, with sorted keys."""
    plain = msgspec.to_builtins(value)
    return orjson.dumps(plain, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode()


def as_csv(columns: Columns) -> str:
    """Return columns as CSV. A text that a spreadsheet would take for a formula gets a quote before it."""
    output = io.StringIO()
    writer = csv.writer(output, lineterminator="\n")
    writer.writerow(columns.headings)
    writer.writerows([_csv_cell(cell) for cell in row] for row in columns.rows)
    return output.getvalue()


def _csv_cell(cell: Cell) -> Cell:
    return harmless(printable(cell)) if isinstance(cell, str) else cell


def print_tables(tables: Iterable[Columns]) -> None:
    """Print tables for people; one without rows is left out."""
    from usance.cli.tables import print_columns  # noqa: PLC0415 - rich takes long to load, and a cron job needs none

    print_columns(tables)


def show(output: str, value: Any, tables: Sequence[Columns]) -> None:
    """Print a value in the form that was asked for; CSV has the first of the tables only."""
    if output == "json":
        print(as_json(value))
    elif output == "csv":
        print(as_csv(tables[0]), end="")
    else:
        print_tables(tables)
