"""Showing values: as tables for people, as JSON or CSV for programs."""

from __future__ import annotations

import csv
import io
import re
import sys
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

OUTPUTS: Final = ("table", "json", "csv")

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_FORMULA: Final = ("=", "+", "-", "@")

_UNBOUNDED: Final = 100_000  # columns
_WORD: Final = 36  # characters: a UUID with its dashes

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
    # In a pipe a line is a row, however long: nothing is there that could show where it was folded.
    width = None if sys.stdout.isatty() else _UNBOUNDED
    console = Console(file=sys.stdout, highlight=False, width=width)
    for one in tables:
        if one.rows:
            console.print(_table(one))


def _table(columns: Columns) -> Table:
    table = Table(title=Text(columns.title), title_justify="left", box=None, pad_edge=False)
    for position, heading in enumerate(columns.headings):
        numbers = all(isinstance(row[position], int) for row in columns.rows)
        table.add_column(
            Text(heading),
            justify="right" if numbers else "left",
            overflow="fold",
            no_wrap=all(_is_word(row[position]) for row in columns.rows),
        )
    for row in columns.rows:
        table.add_row(*(Text("" if cell is None else printable(str(cell))) for cell in row))
    return table


def _is_word(cell: Cell) -> bool:
    """Tell an id or a number, which should stay in one piece, from a sentence."""
    return not isinstance(cell, str) or (len(cell) <= _WORD and " " not in cell)


def show(output: str, value: Any, tables: Sequence[Columns]) -> None:
    """Print a value in the form that was asked for; CSV has the first of the tables only."""
    if output == "json":
        print(as_json(value))
    elif output == "csv":
        print(as_csv(tables[0]), end="")
    else:
        print_tables(tables)
