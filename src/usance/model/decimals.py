"""Decimal numbers as text: one spelling for each, and never a float."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Final

LARGEST: Final = Decimal(10) ** 12
MOST_DECIMALS: Final = 12


def canonical_decimal(text: str) -> str | None:
    """Return a decimal number as its shortest string; None for what is no sensible number.

    Sensible is what is neither negative nor endless, below 10^12, and has at most 12 decimals.
    """
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        return None
    if not number.is_finite() or not 0 <= number < LARGEST:
        return None
    exponent = number.normalize().as_tuple().exponent
    if not isinstance(exponent, int) or -exponent > MOST_DECIMALS:
        return None
    return f"{number.normalize():f}"
