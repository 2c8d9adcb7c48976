"""Tables for people. A module of its own, because rich takes long to load."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from usance.cli.columns import Cell, Columns, printable

_UNBOUNDED: Final = 100_000  # columns
_WORD: Final = 36  # characters: a UUID with its dashes


def print_columns(tables: Iterable[Columns]) -> None:
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
        numbers = all(isinstance(row[position], int | Decimal) for row in columns.rows)
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
