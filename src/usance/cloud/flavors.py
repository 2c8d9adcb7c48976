"""What a flavor says that is accounted: its size, its benchmark, its accelerators."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import msgspec

from usance.config.settings import FlavorKeys
from usance.http.errors import one_line
from usance.model.accelerator import RESOURCE_CLASSES, Told, accelerators_in, unknown_aliases
from usance.model.decimals import canonical_decimal
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

LOG = logging.getLogger(__name__)

NOTHING: Final = ""
"""Asserted of what a flavor does not have."""

LONGEST = 255
_LARGEST_INTEGER = 2**53
_MOST_NAMED = 16  # resource classes and traits of one flavor

# Numbered and named groups count like the unnumbered one (Placement, "granular resource requests").
_RESOURCE: Final = re.compile(r"resources(?:\d+|_[A-Za-z0-9_-]{1,64})?:(?P<name>[A-Z0-9_]{1,255})")
_TRAIT: Final = re.compile(r"trait(?:\d+|_[A-Za-z0-9_-]{1,64})?:(?P<name>[A-Z0-9_]{1,255})")


class FlavorRow(msgspec.Struct):
    """A flavor: embedded in a server (2.47 and later), or as `GET /flavors/<id>` answers it."""

    id: str | None = None
    original_name: str | None = None
    name: str | None = None
    vcpus: int | None = None
    ram: int | None = None  # MiB
    disk: int | None = None  # GiB, of the root disk
    ephemeral: int | None = None  # GiB
    old_ephemeral: int | None = msgspec.field(default=None, name="OS-FLV-EXT-DATA:ephemeral")
    extra_specs: dict[str, Any] | None = None  # None where the policy hides them


class FlavorReader:
    """Reads flavors; what is wrong with one is said once, and left out."""

    def __init__(self, keys: FlavorKeys, say: Callable[[str], None] | None = None) -> None:
        """*say* is told what is wrong, instead of the log."""
        self._keys = keys
        self._say = say or (lambda sentence: LOG.warning("%s", sentence))
        self._warned: set[str] = set()
        self._warned_of: set[str | tuple[str, str]] = set()

    def attributes(self, flavor: FlavorRow | None) -> dict[str, Value]:
        """Return the accounted attributes that the flavor asserts; none for a flavor that is not known.

        Where its properties may be seen, a benchmark or accelerators that it does not have are the
        empty text: what nobody asserts would live on from the flavor that the server had before.
        """
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
        if flavor.extra_specs is not None:
            found |= self._benchmark(flavor.extra_specs, name or "?")
            found[ACCELERATORS] = self._accelerators(flavor.extra_specs, name or "?") or NOTHING
        return found

    def _benchmark(self, properties: Mapping[str, Any], flavor: str) -> dict[str, Value]:
        kind = _first(properties, self._keys.benchmark_type)
        written = _first(properties, self._keys.benchmark_value)
        found: dict[str, Value] = {BENCHMARK_TYPE: kind or NOTHING, BENCHMARK_VALUE: NOTHING}
        if written is None:
            return found
        number = canonical_decimal(written)
        if number is None:
            if flavor not in self._warned:
                self._warned.add(flavor)
                self._say(
                    f"flavor {one_line(flavor)}: the benchmark value {one_line(written)} is no number,"
                    " and is left out"
                )
            return found
        found[BENCHMARK_VALUE] = number
        return found

    def _accelerators(self, properties: Mapping[str, Any], flavor: str) -> str | None:
        keys = self._keys
        resources = dict(self._resources(properties))
        told = Told(
            type=_first(properties, (keys.accelerator_type,)),
            vendor=_first(properties, (keys.accelerator_vendor,)),
            model=_first(properties, (keys.accelerator_model,)),
            number=_first(properties, (keys.accelerator_number,)),
            pci=_first(properties, ("pci_passthrough:alias",)),
            resources=resources,
            traits=_required_traits(properties) if resources else (),
            profile=_first(properties, ("accel:device_profile",)),
        )
        if not told:
            return None
        self._warn_of(told.text, flavor)
        return told.text

    def _resources(self, properties: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Yield the amounts of the resource classes that are accelerators, or that the table names."""
        amounts: dict[str, int] = {}
        for key in sorted(properties):
            found = _RESOURCE.fullmatch(key)
            if found and (found["name"] in RESOURCE_CLASSES or found["name"] in self._keys.aliases):
                amount = _first(properties, (key,)) or ""
                if amount.isascii() and amount.isdigit() and len(amount) < 10:  # Nova takes nothing else
                    amounts[found["name"]] = amounts.get(found["name"], 0) + int(amount)
        return ((name, str(amount)) for name, amount in list(amounts.items())[:_MOST_NAMED] if amount)

    def _warn_of(self, told: str, flavor: str) -> None:
        """Say once of each flavor what of its accelerators can't be counted."""
        if (flavor, told) in self._warned_of:
            return
        self._warned_of.add((flavor, told))
        for one in accelerators_in(told, self._keys.aliases):
            if one.problem:
                self._say(
                    f"flavor {one_line(flavor)}: its accelerators can't be counted: {one_line(one.problem)}"
                )
        for name in unknown_aliases(told, self._keys.aliases):
            if name not in self._warned_of:
                self._warned_of.add(name)
                self._say(
                    f"flavor {one_line(flavor)}: [accelerator] aliases does not name the PCI alias"
                    f" {one_line(name)}, so it counts nothing"
                )


def _required_traits(properties: Mapping[str, Any]) -> tuple[str, ...]:
    found = {
        match["name"]
        for key, value in properties.items()
        if value == "required" and (match := _TRAIT.fullmatch(key))
    }
    return tuple(sorted(found)[:_MOST_NAMED])


def _first(properties: Mapping[str, Any], keys: tuple[str, ...]) -> str | None:
    """Return the first of the properties that is there, as text."""
    for key in keys:
        value = properties.get(key)
        if isinstance(value, (str, int)) and not isinstance(value, bool) and str(value).strip():
            return str(value).strip()[:LONGEST]
    return None
