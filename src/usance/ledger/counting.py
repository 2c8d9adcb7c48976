"""What a span amounts to: integers, by the rules of :mod:`usance.model.usage`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, NamedTuple

import msgspec

from usance.ledger.engine import clean
from usance.ledger.rows import values_of
from usance.model.period import EPOCH, MICROSECOND, epoch_seconds
from usance.model.resource import (
    BACKUP,
    DISK_GIB,
    EPHEMERAL_GIB,
    FLAVOR,
    IMAGE,
    RAM_MIB,
    SERVER,
    SIZE_GIB,
    SIZE_KIB,
    SNAPSHOT,
    STATE,
    VCPUS,
    VOLUME,
    VOLUME_TYPE,
    Value,
)
from usance.model.span import LIFE, Doubt
from usance.model.usage import union

SECOND_US: Final = timedelta(seconds=1) // MICROSECOND
DAY_S: Final = 86400
DAY_US: Final = DAY_S * SECOND_US

FIRST_DAY: Final = (datetime(2010, 1, 1, tzinfo=UTC) - EPOCH).days
"""Earlier days are never summed up: there was no OpenStack, so what claims to be from then is an error."""

_LONGEST: Final = 255  # characters of a flavor or state: what OpenStack takes, and an index
_NOTHING: Final = "[]"
_doubts = msgspec.json.Decoder(tuple[Doubt, ...])

# What the amounts of a kind are made of: where one of these is inferred, so are they.
_COUNTED_BY: Final[Mapping[str, frozenset[str]]] = {
    SERVER: frozenset({LIFE, STATE, VCPUS}),
    VOLUME: frozenset({LIFE, SIZE_GIB}),
    SNAPSHOT: frozenset({LIFE, SIZE_GIB}),
    BACKUP: frozenset({LIFE, SIZE_GIB}),
    IMAGE: frozenset({LIFE, SIZE_KIB}),
}
_LIFE_ALONE: Final = frozenset({LIFE})

Stretch = tuple[int, int]
"""Whole seconds since 1970: from the first on, up to the second."""


class Measures(NamedTuple):
    """What is counted of a span each second."""

    flavor: str  # of a server; of a volume, its type; empty where there is none
    state: str  # of a server
    vcpus: int
    ram_mib: int
    disk_gib: int
    size_kib: int
    known: bool  # False: what matters most of this kind is not known, so that all of it is inferred


@lru_cache(maxsize=20_000)
def measures(kind: str, accounted: str) -> Measures:
    """Return what is counted of a span, given the text that the ledger keeps of it."""
    values = values_of(accounted)
    if kind == SERVER:
        vcpus = _number(values, VCPUS)
        disk_gib = (_number(values, DISK_GIB) or 0) + (_number(values, EPHEMERAL_GIB) or 0)
        ram_mib = _number(values, RAM_MIB) or 0
        return Measures(
            _word(values, FLAVOR), _word(values, STATE), vcpus or 0, ram_mib, disk_gib, 0, vcpus is not None
        )
    if kind == IMAGE:
        size_kib = _number(values, SIZE_KIB)
        return Measures("", "", 0, 0, 0, size_kib or 0, size_kib is not None)
    if kind in _COUNTED_BY:
        size_gib = _number(values, SIZE_GIB)
        return Measures(_word(values, VOLUME_TYPE), "", 0, 0, size_gib or 0, 0, size_gib is not None)
    return Measures("", "", 0, 0, 0, 0, known=True)


def _number(values: Mapping[str, Value], attribute: str) -> int | None:
    value = values.get(attribute)
    return value if isinstance(value, int) else None


def _word(values: Mapping[str, Value], attribute: str) -> str:
    value = values.get(attribute)
    return "" if value is None else clean(str(value))[:_LONGEST]


def inferred(kind: str, doubts: str, within: Stretch) -> list[Stretch]:
    """Return the stretches in which amounts of a kind are inferred, given a timeline's doubts as text."""
    if doubts == _NOTHING:
        return []
    first, last = within
    counted_by = _COUNTED_BY.get(kind, _LIFE_ALONE)
    found = (
        (max(epoch_seconds(one.start), first), last if one.end is None else min(epoch_seconds(one.end), last))
        for one in _doubts.decode(doubts)
        if one.attribute in counted_by
    )
    return union((start, end) for start, end in found if start < end)
