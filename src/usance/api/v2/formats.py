"""In which format an answer goes out: JSON, CSV or Parquet, as the caller asks."""

from __future__ import annotations

import csv
import importlib.util
import io
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, Protocol

import msgspec

from usance.api.errors import RefusedError
from usance.api.v2.columns import Column, Type
from usance.model.spreadsheet import harmless


class Format(StrEnum):
    """A format, by the name that `format` has for it."""

    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"


MEDIA_TYPES: Final = {
    Format.JSON: "application/json",
    Format.CSV: "text/csv",
    Format.PARQUET: "application/vnd.apache.parquet",
}

_MOST_RANGES: Final = 20  # of an Accept header


class Writer(Protocol):
    """Writes rows as they come, piece by piece."""

    def rows(self, rows: Sequence[Any]) -> bytes:
        """Return the next piece, with some more rows."""

    def end(self) -> bytes:
        """Return the last piece."""


def choose(name: str | None, accept: str | None) -> Format:
    """Return the format that a query names, or else the one that the Accept header likes best.

    RefusedError (406) if we don't have it.
    """
    chosen = Format(name) if name is not None else _best(accept or "*/*")
    if chosen is None:
        raise RefusedError(
            406, "there is no answer of an accepted type", hint="accept " + ", ".join(MEDIA_TYPES.values())
        )
    if chosen is Format.PARQUET and importlib.util.find_spec("pyarrow") is None:
        raise RefusedError(
            406,
            "this server can't write Parquet: pyarrow is not installed",
            hint="ask for CSV, or let the operator pip install 'usance[archive]'",
        )
    return chosen


def _best(accept: str) -> Format | None:
    """Return the format of the highest quality; of equal ones, the first in the order of ours."""
    qualities = [_quality(accept, MEDIA_TYPES[one]) for one in Format]
    best = max(qualities)
    return list(Format)[qualities.index(best)] if best > 0 else None


def _quality(accept: str, media_type: str) -> int:
    """Return the quality of a type, in thousandths: that of the most special range that it falls under."""
    found, special = 0, -1
    for one in accept.split(",")[:_MOST_RANGES]:
        name, *options = (part.strip().lower() for part in one.split(";"))
        kind = media_type.partition("/")[0]
        rank = {media_type: 2, f"{kind}/*": 1, "*/*": 0}.get(name, -1)
        if rank > special:
            found, special = _thousandths(options), rank
    return found


def _thousandths(options: Sequence[str]) -> int:
    for one in options:
        name, _, value = one.partition("=")
        if name.strip() == "q":
            whole, _, fraction = value.strip().partition(".")
            digits = (fraction + "000")[:3]
            if whole not in {"0", "1"} or not (digits.isascii() and digits.isdigit()):
                return 0
            return min(1000, 1000 * int(whole) + int(digits))
    return 1000


def writer(format_: Format, columns: Sequence[Column], *, key: str, head: dict[str, Any]) -> Writer:
    """Return what writes an answer; in JSON its rows stand under *key*, after the *head*."""
    if format_ is Format.JSON:
        return JsonWriter(head, key)
    if format_ is Format.CSV:
        return CsvWriter(columns)
    from usance.api.v2.parquet import ParquetWriter  # noqa: PLC0415 - it takes long, and may be missing

    return ParquetWriter(columns)


# --- JSON ------------------------------------------------------------------------------------


class JsonWriter:
    """Writes `{<head>, "<key>": [<rows>]}`."""

    def __init__(self, head: dict[str, Any], key: str) -> None:
        self._before = msgspec.json.encode({**head, key: []})[:-2]

    def rows(self, rows: Sequence[Any]) -> bytes:
        """Return the next piece."""
        if not rows:
            return b""
        piece = self._before + msgspec.json.encode(rows)[1:-1]
        self._before = b","
        return piece

    def end(self) -> bytes:
        """Return the last piece."""
        return (b"" if self._before == b"," else self._before) + b"]}"


# --- CSV -------------------------------------------------------------------------------------


class CsvWriter:
    """Writes CSV as RFC 4180 has it, with a line of headers; no text in it is a formula."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns
        self._begun = False

    def rows(self, rows: Sequence[Any]) -> bytes:
        """Return the next piece."""
        text = io.StringIO(newline="")
        out = csv.writer(text, lineterminator="\r\n")
        if not self._begun:
            out.writerow([one.name for one in self._columns])
            self._begun = True
        out.writerows([_cell(one, row) for one in self._columns] for row in rows)
        return text.getvalue().encode()

    def end(self) -> bytes:
        """Return the last piece: the headers, if there was no row."""
        return b"" if self._begun else self.rows(())


def _cell(column: Column, row: Any) -> str:
    value = column.cell(row)
    if value is None:
        return ""
    if isinstance(value, datetime):
        return iso(value)
    if column.type is Type.SWITCH:
        return "true" if value else "false"
    return harmless(value) if isinstance(value, str) else str(value)


def iso(instant: datetime) -> str:
    """Return an instant in ISO 8601 as everywhere in our answers."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
