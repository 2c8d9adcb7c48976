"""Text that a line of an APEL message can carry, whatever a user called her server.

The receiver splits a message at every `%%`, a record at every line break that Python knows, and
a line at its first colon; the sender decodes it as ASCII and stops for good at anything else.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

MAX_TEXT_BYTES: Final = 255  # VARCHAR(255) in the receiver's schema
NULL_WORDS: Final = frozenset({"", "none", "null"})  # the receiver reads these, in any case, as no value

# Letters that do not decompose into an ASCII letter and a mark, and usual punctuation.
_TRANSLITERATION: Final = str.maketrans(
    {
        "ß": "ss", "ẞ": "SS", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O",
        "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th",
        "ħ": "h", "Ħ": "H", "\u0131": "i", "ŋ": "n", "Ŋ": "N",
        "\u2018": "'", "\u2019": "'", "\u201a": "'", "\u201c": '"', "\u201d": '"', "\u201e": '"',
        "«": '"', "»": '"', "\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2013": "-", "\u2014": "-",
        "\u2212": "-", "\u2044": "/", "\u00d7": "x",
    }
)  # fmt: skip
_SEPARATOR: Final = re.compile("%(?=%)")


def ascii_text(text: str) -> str:
    """Return the text in printable ASCII: letters lose their marks, line breaks and controls become spaces.

    What has no like in ASCII becomes `?`.
    """
    if text.isascii() and text.isprintable():
        return text
    decomposed = unicodedata.normalize("NFKD", text.translate(_TRANSLITERATION))
    return "".join(_ascii_character(character) for character in decomposed)


def _ascii_character(character: str) -> str:
    if " " <= character <= "~":
        return character
    category = unicodedata.category(character)
    if category.startswith("M"):
        return ""  # a mark on the letter before it
    if category.startswith(("C", "Z")):
        return " "
    return "?"


def safe_text(text: str, max_bytes: int = MAX_TEXT_BYTES) -> str:
    """Return the text as a message can carry it: what comes out, the receiver reads unchanged.

    It is printable ASCII without a space at either end, holds no `%%`, and is at most *max_bytes* long.
    """
    safe = ascii_text(text).strip()
    if "%%" in safe:
        safe = _SEPARATOR.sub("% ", safe)
    return safe[:max_bytes].rstrip() if len(safe) > max_bytes else safe


def is_safe_text(text: str, max_bytes: int = MAX_TEXT_BYTES) -> bool:
    """Tell whether a message can carry the text as it is."""
    return (
        len(text) <= max_bytes
        and "%%" not in text
        and text.isascii()
        and text.isprintable()
        and text == text.strip()
    )


def is_null(text: str) -> bool:
    """Tell whether the receiver reads the text as no value at all."""
    return text.strip().lower() in NULL_WORDS
