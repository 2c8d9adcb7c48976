"""The examples below the help of a command."""

from __future__ import annotations


def examples(*lines: str) -> str:
    """Return the examples of a command, as click prints them below its options."""
    # The backspace keeps click from filling the lines that follow into one.
    return "\n".join(("\b", "Examples:", *(f"  {line}" for line in lines)))
