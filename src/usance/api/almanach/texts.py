"""What ids, texts and amounts may be: pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, Final

LONGEST_ID: Final = 255
LONGEST_TEXT: Final = 1024
LONGEST_METADATA: Final = 16 * 1024
MOST_ATTACHMENTS: Final = 1000
LARGEST: Final = 2**63 - 1
"""The greatest integer that a ledger keeps."""

FIRST: Final = datetime(1900, 1, 1, tzinfo=UTC)
BEYOND: Final = datetime(2200, 1, 1, tzinfo=UTC)
"""Nothing lived before the first, nor in the second: at the ends of the calendar nobody can count."""

# What no database, terminal or format takes: control characters, and halves of characters.
_FORBIDDEN: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def is_identifier(value: Any) -> bool:
    """Whether something can be the id of a resource or project."""
    return isinstance(value, str) and 0 < len(value) <= LONGEST_ID and value.isprintable()


def clean(text: str) -> str:
    """Return a text with a blank for what can't be kept."""
    return _FORBIDDEN.sub(" ", text)


def is_in_reach(instant: datetime) -> bool:
    """Whether a resource can have lived then."""
    return FIRST <= instant < BEYOND
