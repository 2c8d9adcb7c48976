"""What a spreadsheet makes of a text: one that begins as a formula is run, whoever wrote it."""

from __future__ import annotations

from typing import Final

_FORMULA: Final = frozenset(
    "=+-@\t\r\n\N{FULLWIDTH EQUALS SIGN}\N{FULLWIDTH PLUS SIGN}"
    "\N{FULLWIDTH HYPHEN-MINUS}\N{FULLWIDTH COMMERCIAL AT}"
)


def harmless(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula: one that might be has an apostrophe before."""
    return f"'{text}" if text[:1] in _FORMULA and text else text
