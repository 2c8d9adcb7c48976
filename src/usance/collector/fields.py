"""Fields of payloads that nobody has checked: each is what it should be, or the message isn't understood.

`null` and the empty text are how services write that a field has no value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from usance.collector.reading import NotUnderstoodError
from usance.model.resource import Value

LONGEST_ID: Final = 255
LONGEST_TEXT: Final = 1024
MOST_ITEMS: Final = 1000
"""How much of a list is read; nothing in OpenStack is attached to more."""

LARGEST: Final = 2**63 - 1
"""The greatest integer that a ledger keeps."""

LONGEST_METADATA: Final = 16 * 1024

# What no database, terminal or format takes: control characters, and halves of characters.
_FORBIDDEN: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def identifier(payload: Mapping[str, Any], name: str) -> str:
    """Return an id that must be there."""
    found = optional_identifier(payload, name)
    if found is None:
        raise NotUnderstoodError(f"`{name}` is missing")
    return found


def optional_identifier(payload: Mapping[str, Any], name: str) -> str | None:
    """Return an id; None if there is none."""
    written = payload.get(name)
    if written is None or written == "":
        return None
    if not isinstance(written, str):
        raise NotUnderstoodError(f"`{name}` is no text, but of the type {type(written).__name__}")
    if not is_id(written):
        raise NotUnderstoodError(f"`{name}` is no id: {written[:40]!r}")
    return written


def is_id(text: str) -> bool:
    """Whether a text can be an id of OpenStack's: not too long, and without blanks and control characters."""
    return 0 < len(text) <= LONGEST_ID and text.isprintable() and " " not in text


def optional_text(payload: Mapping[str, Any], name: str, longest: int = LONGEST_TEXT) -> str | None:
    """Return a text for people, without its control characters, and cut; None if nothing is left of it."""
    written = payload.get(name)
    if written is None or written == "":
        return None
    if not isinstance(written, str):
        raise NotUnderstoodError(f"`{name}` is no text, but of the type {type(written).__name__}")
    # Nearly everything is right as it is, and needs no further call.
    fits = len(written) <= longest and written.isprintable()
    return (written.strip() if fits else clean(written, longest)) or None


def clean(text: str, longest: int = LONGEST_TEXT) -> str:
    """Return a text cut to a length, with a blank for what can't be kept."""
    if len(text) > longest:
        text = text[:longest]
    return (text if text.isprintable() else _FORBIDDEN.sub(" ", text)).strip()


def optional_integer(payload: Mapping[str, Any], name: str, largest: int = LARGEST) -> int | None:
    """Return an amount: a whole number from 0 on, at most what a ledger keeps; None if there is none."""
    written = payload.get(name)
    if written is None or written == "":
        return None
    if isinstance(written, str) and written.isascii() and written.isdigit() and len(written) < 20:
        written = int(written)
    if not isinstance(written, int) or isinstance(written, bool):
        raise NotUnderstoodError(f"`{name}` is no whole number")
    if not 0 <= written <= largest:
        raise NotUnderstoodError(f"`{name}` is no amount: {str(written)[:40]}")
    return written


def integer(payload: Mapping[str, Any], name: str, largest: int = LARGEST) -> int:
    """Return an amount that must be there."""
    found = optional_integer(payload, name, largest)
    if found is None:
        raise NotUnderstoodError(f"`{name}` is missing")
    return found


def section(payload: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return an object inside the payload; an empty one if there is none."""
    inner = payload.get(name)
    if inner is None:
        return {}
    if not isinstance(inner, dict):
        raise NotUnderstoodError(f"`{name}` is no object, but of the type {type(inner).__name__}")
    return inner


def sections(payload: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """Return a list of objects inside the payload; an empty one if there is none."""
    inner = payload.get(name)
    if inner is None or inner == "":
        return []
    if not isinstance(inner, list) or any(not isinstance(one, dict) for one in inner):
        raise NotUnderstoodError(f"`{name}` is no list of objects")
    if len(inner) > MOST_ITEMS:
        raise NotUnderstoodError(f"`{name}` has {len(inner)} items")
    return inner


def metadata_text(payload: Mapping[str, Any], name: str) -> str:
    """Return what users wrote beside a resource, as canonical JSON: an object of texts by texts.

    Services write an empty list for no metadata at all, so any list counts as empty. What is no
    text or number is left out, and so is the rest where it grows too long.
    """
    written = payload.get(name)
    if not written or not isinstance(written, dict):
        return "{}"
    kept: dict[str, Value | float] = {}
    left = LONGEST_METADATA
    for key in sorted(written):
        value = written[key]
        if isinstance(value, str):
            value = clean(value)
        elif not isinstance(value, (int, float)) or not -LARGEST <= value <= LARGEST:
            continue
        label = clean(key)
        left -= len(label) + len(str(value)) + 6  # with its quotes, its colon and its comma
        if left < 0:
            break
        kept[label] = value
    return msgspec.json.encode(kept, order="sorted").decode()
