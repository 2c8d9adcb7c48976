"""Amounts as people read them: hours, rounded once, at the edge."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final

import msgspec

from usance.ledger.answers import Amounts

_HOUR_S: Final = 3600


class Measure(msgspec.Struct, frozen=True):
    """An amount, and the unit that people read it in."""

    heading: str
    name: str  # as CSV has it
    of: Callable[[Amounts], int]
    unit: int  # how many of the ledger's units make one

    def read(self, amounts: Amounts, decimals: int) -> Decimal:
        """Return the amount in the unit, rounded."""
        return self.number(self.of(amounts), decimals)

    def number(self, amount: int, decimals: int) -> Decimal:
        """Return so much of the ledger's units in the unit, rounded."""
        return quotient(amount, self.unit, decimals)


HOURS: Final = Measure("hours", "hours", lambda one: one.wall_s, _HOUR_S)
VCPU_HOURS: Final = Measure("vCPU h", "vcpu_hours", lambda one: one.vcpu_s, _HOUR_S)
DISK_HOURS: Final = Measure("disk GiB h", "disk_gib_hours", lambda one: one.disk_gib_s, _HOUR_S)

MEASURES: Final = (
    HOURS,
    Measure("suspended h", "suspended_hours", lambda one: one.suspended_s, _HOUR_S),
    VCPU_HOURS,
    Measure("memory GiB h", "memory_gib_hours", lambda one: one.ram_mib_s, 1024 * _HOUR_S),
    DISK_HOURS,
    Measure("image GiB h", "image_gib_hours", lambda one: one.size_kib_s, 1024 * 1024 * _HOUR_S),
    Measure("inferred h", "inferred_hours", lambda one: one.inferred_s, _HOUR_S),
    Measure("inferred vCPU h", "inferred_vcpu_hours", lambda one: one.inferred_vcpu_s, _HOUR_S),
)


def quotient(numerator: int, denominator: int, decimals: int) -> Decimal:
    """Return a quotient of integers, rounded once to so many decimals; what lies in the middle, to even."""
    whole, rest = divmod(abs(numerator) * 10**decimals, denominator)
    if 2 * rest > denominator or (2 * rest == denominator and whole % 2):
        whole += 1
    sign = "-" if numerator < 0 and whole else ""
    digits = str(whole).rjust(decimals + 1, "0")
    cut = len(digits) - decimals
    return Decimal(f"{sign}{digits[:cut]}.{digits[cut:]}" if decimals else f"{sign}{digits}")
