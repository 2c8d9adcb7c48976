"""What a flavor says that is accounted: its size, its benchmark, its accelerators."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from usance.config.settings import FlavorKeys
from usance.http.errors import one_line
from usance.model.resource import (
    ACCELERATORS,
    BENCHMARK_TYPE,
    BENCHMARK_VALUE,
    DISK_GIB,
    EPHEMERAL_GIB,
    FLAVOR,
    RAM_MIB,
    VCPUS,
    Value,
)
from usance.sources.nova_rows import FlavorRow

LOG = logging.getLogger(__name__)

LONGEST = 255
_LARGEST_INTEGER = 2**53
_LARGEST_BENCHMARK = Decimal(10) ** 12
_MOST_DECIMALS = 12


class FlavorReader:
    """Reads flavors; what is wrong with one is said once, and left out."""

    def __init__(self, keys: FlavorKeys) -> None:
        self._keys = keys
        self._warned: set[str] = set()

    def attributes(self, flavor: FlavorRow | None) -> dict[str, Value]:
        """Return the accounted attributes that the flavor asserts; none for a flavor that is not known."""
        if flavor is None:
            return {}
        found: dict[str, Value] = {}
        name = flavor.original_name or flavor.name
        if name:
            found[FLAVOR] = name[:LONGEST]
        ephemeral = flavor.ephemeral if flavor.ephemeral is not None else flavor.old_ephemeral
        numbers = (
            (VCPUS, flavor.vcpus),
            (RAM_MIB, flavor.ram),
            (DISK_GIB, flavor.disk),
            (EPHEMERAL_GIB, ephemeral),
        )
        found |= {what: n for what, n in numbers if n is not None and 0 <= n < _LARGEST_INTEGER}
        if flavor.extra_specs:
            found |= self._benchmark(flavor.extra_specs, name or "?")
            accelerators = self._accelerators(flavor.extra_specs)
            if accelerators:
                found[ACCELERATORS] = accelerators
        return found

    def _benchmark(self, properties: Mapping[str, Any], flavor: str) -> dict[str, Value]:
        kind = _first(properties, self._keys.benchmark_type)
        written = _first(properties, self._keys.benchmark_value)
        found: dict[str, Value] = {} if kind is None else {BENCHMARK_TYPE: kind}
        if written is None:
            return found
        number = canonical_decimal(written)
        if number is None:
            if flavor not in self._warned:
                self._warned.add(flavor)
                LOG.warning(
                    "flavor %s: the benchmark value %s is no number, and is left out",
                    one_line(flavor),
                    one_line(written),
                )
            return found
        found[BENCHMARK_VALUE] = number
        return found

    def _accelerators(self, properties: Mapping[str, Any]) -> str | None:
        named = {
            "type": self._keys.accelerator_type,
            "vendor": self._keys.accelerator_vendor,
            "model": self._keys.accelerator_model,
            "number": self._keys.accelerator_number,
        }
        found = {
            what: text for what, key in named.items() if (text := _first(properties, (key,))) is not None
        }
        return msgspec.json.encode(found, order="sorted").decode() if found else None


def canonical_decimal(text: str) -> str | None:
    """Return a decimal number as its shortest string; None for what is no sensible number."""
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        return None
    if not number.is_finite() or not 0 <= number < _LARGEST_BENCHMARK:
        return None
    exponent = number.normalize().as_tuple().exponent
    if not isinstance(exponent, int) or -exponent > _MOST_DECIMALS:
        return None
    return f"{number.normalize():f}"


def _first(properties: Mapping[str, Any], keys: tuple[str, ...]) -> str | None:
    """Return the first of the properties that is there, as text."""
    for key in keys:
        value = properties.get(key)
        if isinstance(value, (str, int)) and not isinstance(value, bool) and str(value).strip():
            return str(value).strip()[:LONGEST]
    return None
