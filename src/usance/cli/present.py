"""Showing values: as tables for people, as JSON or CSV for programs."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
import orjson

OUTPUTS: Final = ("table", "json", "csv")

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_FORMULA: Final = ("=", "+", "-", "@")

Cell = str | int | None


class Columns(msgspec.Struct, frozen=True):
    """Rows under headings, with a title for people."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


def printable(text: str) -> str:
    """Return a text that can't steer a terminal: names of servers and projects are anybody's."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


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
    if not isinstance(cell, str):
        return cell
    text = printable(cell)
    return f"'{text}" if text.startswith(_FORMULA) else text


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
