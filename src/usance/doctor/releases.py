"""Which OpenStack a cloud runs, told by the highest microversion of its Nova, and what an old one costs.

The table is that of Nova's "REST API Version History". Two releases may share a microversion.
"""

from __future__ import annotations

import enum
from typing import Final

import msgspec

Version = tuple[int, int]


class Release(enum.IntEnum):
    """The releases of OpenStack since Nova has microversions, in order."""

    KILO = enum.auto()
    LIBERTY = enum.auto()
    MITAKA = enum.auto()
    NEWTON = enum.auto()
    OCATA = enum.auto()
    PIKE = enum.auto()
    QUEENS = enum.auto()
    ROCKY = enum.auto()
    STEIN = enum.auto()
    TRAIN = enum.auto()
    USSURI = enum.auto()
    VICTORIA = enum.auto()
    WALLABY = enum.auto()
    XENA = enum.auto()
    YOGA = enum.auto()
    ZED = enum.auto()
    ANTELOPE = enum.auto()
    BOBCAT = enum.auto()
    CARACAL = enum.auto()
    DALMATIAN = enum.auto()
    EPOXY = enum.auto()
    FLAMINGO = enum.auto()
    GAZPACHO = enum.auto()
    LATER = enum.auto()

    @property
    def title(self) -> str:
        """What people call it."""
        number = _NUMBERS.get(self)
        if self is Release.LATER:
            return f"{number} or later"
        return f"{number} {self.name.title()}" if number else self.name.title()


_NUMBERS: Final = {
    Release.ANTELOPE: "2023.1",
    Release.BOBCAT: "2023.2",
    Release.CARACAL: "2024.1",
    Release.DALMATIAN: "2024.2",
    Release.EPOXY: "2025.1",
    Release.FLAMINGO: "2025.2",
    Release.GAZPACHO: "2026.1",
    Release.LATER: "2026.2",
}

_HIGHEST: Final[tuple[tuple[Version, tuple[Release, ...]], ...]] = (
    ((2, 3), (Release.KILO,)),
    ((2, 12), (Release.LIBERTY,)),
    ((2, 25), (Release.MITAKA,)),
    ((2, 38), (Release.NEWTON,)),
    ((2, 42), (Release.OCATA,)),
    ((2, 53), (Release.PIKE,)),
    ((2, 60), (Release.QUEENS,)),
    ((2, 65), (Release.ROCKY,)),
    ((2, 72), (Release.STEIN,)),
    ((2, 79), (Release.TRAIN,)),
    ((2, 87), (Release.USSURI, Release.VICTORIA)),
    ((2, 88), (Release.WALLABY,)),
    ((2, 90), (Release.XENA, Release.YOGA)),
    ((2, 93), (Release.ZED,)),
    ((2, 95), (Release.ANTELOPE, Release.BOBCAT)),
    ((2, 96), (Release.CARACAL, Release.DALMATIAN)),
    ((2, 100), (Release.EPOXY, Release.FLAMINGO)),
    ((2, 103), (Release.GAZPACHO,)),
)


def releases_of(highest: Version) -> tuple[Release, ...]:
    """Return the releases that a Nova whose highest microversion is this may be of.

    One between two releases is of those that led to the later one.
    """
    return next((found for most, found in _HIGHEST if highest <= most), (Release.LATER,))


def titles(releases: tuple[Release, ...]) -> str:
    """Return the releases as people call them."""
    return " or ".join(one.title for one in releases)


class Cost(msgspec.Struct, frozen=True):
    """What is lost where a service does not offer a microversion."""

    version: Version
    sentence: str


NOVA_COSTS: Final = (
    Cost((2, 21), "the actions of deleted servers are not told: what happened after the last look is lost"),
    Cost((2, 47), "flavors are not embedded in servers: those that were deleted since have no size"),
    Cost((2, 58), "actions do not tell when they ended: states begin when an action began"),
    Cost((2, 69), "servers of a cell that is down are left out without a word"),
)

CINDER_COSTS: Final = (
    Cost((3, 41), "snapshots do not tell their users"),
    Cost((3, 56), "backups do not tell their users"),
)


def lost(highest: Version, costs: tuple[Cost, ...]) -> list[str]:
    """Return what an API of this version does not do for us, with the version that would."""
    return [f"{one.sentence} (since {dotted(one.version)})" for one in costs if highest < one.version]


def dotted(version: Version) -> str:
    """Return a version as it is written."""
    return f"{version[0]}.{version[1]}"
