"""Accelerators: what a flavor's properties mean, as the accounted attribute holds them.

A flavor can say in four ways that its servers have accelerators: by the properties that cASO made
(`Accelerator:Type` and its like), by PCI aliases (`pci_passthrough:alias = a100:2`), by resource
classes of Placement (`resources:VGPU = 1`) and by a device profile of Cyborg
(`accel:device_profile`). The ledger keeps what the properties say; what that means is worked out
here, when records are made, so that a table of aliases completed later also counts for the past.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Final

import msgspec

from usance.model.decimals import canonical_decimal

GPU: Final = "GPU"
FPGA: Final = "FPGA"
OTHER: Final = "Other"
TYPES: Final = (GPU, FPGA, OTHER)
"""What the receiver of accelerator records knows."""

RESOURCE_CLASSES: Final[Mapping[str, str]] = {"VGPU": GPU, "PGPU": GPU, "FPGA": FPGA}
"""The standard resource classes of Placement that are accelerators (os-resource-classes), and their type."""

_CUSTOM: Final = "CUSTOM_"


class AcceleratorAlias(msgspec.Struct, frozen=True):
    """What the operator says that a PCI alias, resource class, trait or device profile is."""

    type: str  # one of TYPES
    model: str | None = None  # with its vendor: "NVIDIA A100"


Aliases = Mapping[str, AcceleratorAlias | None]
"""By name; None for what is no accelerator (a network card may have a PCI alias, too)."""


class Told(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a flavor's properties say of accelerators, as they say it."""

    type: str | None = None
    vendor: str | None = None
    model: str | None = None
    number: str | None = None
    pci: str | None = None  # "a100:2,v100:1"
    resources: dict[str, str] = {}  # amounts by resource class
    traits: tuple[str, ...] = ()  # that are required, in alphabetical order
    profile: str | None = None  # of Cyborg

    def __bool__(self) -> bool:
        return bool(
            self.type
            or self.vendor
            or self.model
            or self.number
            or self.pci
            or self.resources
            or self.profile
        )

    @property
    def text(self) -> str:
        """The accounted attribute: equal for flavors that say the same."""
        return msgspec.json.encode(self, order="sorted").decode()


class Accelerator(msgspec.Struct, frozen=True, order=True):
    """So many accelerators of one type and model."""

    type: str  # one of TYPES
    model: str | None
    count: str  # a decimal number, as its shortest string; empty if a problem is in its way
    problem: str = ""  # why it can't be counted


_told = msgspec.json.Decoder(Told)


def accelerators_in(text: str, aliases: Aliases) -> tuple[Accelerator, ...]:
    """Return the accelerators that the accounted attribute tells, each type and model once, in order.

    Properties that count the accelerators stand for all of them: aliases beside them name the same
    devices. A count of 0 is none. What can't be counted comes with its problem.
    """
    try:
        told = _told.decode(text)
    except msgspec.DecodeError:
        return (Accelerator(OTHER, None, "", "what the flavor says can't be read"),)
    described = any((told.type, told.vendor, told.model))
    if told.number is not None or (described and not (told.pci or told.resources or told.profile)):
        found = [_by_properties(told)]
    else:
        found = [
            *_by_pci(told.pci or "", aliases),
            *_by_resources(told, aliases),
            *_by_profile(told, aliases),
        ]
    return _summed(found)


def unknown_aliases(text: str, aliases: Aliases) -> list[str]:
    """Return the PCI aliases that the table does not name, and that therefore count nothing."""
    told = _told.decode(text)
    names = (part.partition(":")[0].strip() for part in (told.pci or "").split(","))
    return [name for name in names if name and name not in aliases]


def accelerator_type(text: str) -> str:
    """Return the type that a text means, whatever its case; what is not known is `Other`."""
    return next((known for known in TYPES if known.lower() == text.strip().lower()), OTHER)


def _by_properties(told: Told) -> Accelerator:
    model = " ".join(part for part in (told.vendor, told.model) if part) or None
    kind = OTHER if told.type is None else accelerator_type(told.type)
    if told.type is None:
        return Accelerator(kind, model, "", "the flavor does not tell their type")
    return _counted(AcceleratorAlias(kind, model), told.number)


def _by_pci(text: str, aliases: Aliases) -> Iterator[Accelerator]:
    """Yield what PCI aliases stand for; Nova writes them `alias:count`, with commas between them."""
    for part in text.split(","):
        name, _, number = part.partition(":")
        alias = aliases.get(name.strip())
        if alias is not None:
            yield _counted(alias, number)


def _by_resources(told: Told, aliases: Aliases) -> Iterator[Accelerator]:
    for name, number in sorted(told.resources.items()):
        if name in aliases:
            alias = aliases[name]
            if alias is not None:
                yield _counted(alias, number)
        elif name in RESOURCE_CLASSES:
            yield _counted(_by_trait(RESOURCE_CLASSES[name], told.traits, aliases), number)


def _by_trait(kind: str, traits: Iterable[str], aliases: Aliases) -> AcceleratorAlias:
    """Return type and model: a trait of the table tells both, another one of the site's the model."""
    for trait in traits:
        alias = aliases.get(trait)
        if alias is not None:
            return alias
    own = next((one for one in traits if one.startswith(_CUSTOM) and one not in aliases), None)
    return AcceleratorAlias(kind, None if own is None else own.removeprefix(_CUSTOM).replace("_", " "))


def _by_profile(told: Told, aliases: Aliases) -> Iterator[Accelerator]:
    """Yield one of what a device profile stands for; the flavor does not tell what is in it."""
    if told.profile:
        alias = aliases.get(told.profile, AcceleratorAlias(OTHER, told.profile))
        if alias is not None:
            yield _counted(alias, "1")


def _counted(alias: AcceleratorAlias, number: str | None) -> Accelerator:
    if number is None:
        return Accelerator(alias.type, alias.model, "", "the flavor does not tell how many there are")
    count = canonical_decimal(number)
    if count is None:
        return Accelerator(alias.type, alias.model, "", f"{number[:80]!r} is no number of accelerators")
    return Accelerator(alias.type, alias.model, count)


def _summed(found: Iterable[Accelerator]) -> tuple[Accelerator, ...]:
    """Return each type and model once."""
    total: dict[tuple[str, str | None], Accelerator] = {}
    for one in found:
        place = (one.type, one.model)
        before = total.get(place)
        if before is None or one.problem:
            total[place] = one
        elif not before.problem:
            count = canonical_decimal(str(Decimal(before.count) + Decimal(one.count)))
            total[place] = Accelerator(one.type, one.model, count or before.count)
    held = (one for one in total.values() if one.count != "0")
    return tuple(sorted(held, key=lambda one: (one.type, one.model or "", one.count)))
