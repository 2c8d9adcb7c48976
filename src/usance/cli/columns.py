"""Rows under headings, and text that is safe to show."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

import msgspec

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

Cell = str | int | Decimal | None


class Columns(msgspec.Struct, frozen=True):
    """Rows under headings, with a title for people."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


def printable(text: str) -> str:
    """Return a text that can't steer a terminal: names of servers and projects are anybody's."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)
