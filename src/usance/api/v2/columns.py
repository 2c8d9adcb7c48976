"""Answers as tables: which columns the rows of each kind have, for CSV and Parquet."""

from __future__ import annotations

import enum
from collections.abc import Callable
from operator import attrgetter
from typing import Any, Final

import msgspec

from usance.model.resource import (
    ACCELERATORS,
    ADDRESSES,
    ATTACHMENTS,
    BENCHMARK_TYPE,
    BENCHMARK_VALUE,
    DISK_GIB,
    EPHEMERAL_GIB,
    IMAGE_ID,
    PORT_ID,
    POWER_UW,
    RAM_MIB,
    SAMPLED_S,
    SERVER_ID,
    SIZE_GIB,
    SIZE_KIB,
    USER_ID,
    VCPUS,
)


class Type(enum.Enum):
    """What a cell holds, if anything."""

    TEXT = "text"
    INTEGER = "integer"
    AMOUNT = "amount"  # an integer that may be longer than 64 bits
    SWITCH = "switch"
    INSTANT = "instant"


class Column(msgspec.Struct, frozen=True):
    """One column, and where its cells come from."""

    name: str
    type: Type
    cell: Callable[[Any], Any]  # of a row; None: empty


def _plain(type_: Type, *names: str) -> tuple[Column, ...]:
    return tuple(Column(name, type_, attrgetter(name)) for name in names)


def _words(name: str) -> Column:
    of = attrgetter(name)
    return Column(name, Type.TEXT, lambda row: " ".join(of(row)))


def _json(name: str) -> Column:
    of = attrgetter(name)
    return Column(name, Type.TEXT, lambda row: msgspec.json.encode(of(row), order="sorted").decode())


def _accounted(type_: Type, *names: str) -> tuple[Column, ...]:
    def column(name: str) -> Column:
        return Column(name, type_, lambda row: row.accounted.get(name))

    return tuple(column(name) for name in names)


def _in_span(column: Column) -> Column:
    return Column(column.name, column.type, lambda row: column.cell(row.span))


_RESOURCE: Final = _plain(Type.TEXT, "project_id", "cloud_id", "kind", "id", "name")

# The flavor (of a volume: its type) and the state have columns of their own.
_ACCOUNTED: Final = (
    *_accounted(Type.TEXT, USER_ID),
    *_accounted(Type.INTEGER, VCPUS, RAM_MIB, DISK_GIB, EPHEMERAL_GIB),
    *_accounted(Type.TEXT, ACCELERATORS, IMAGE_ID, BENCHMARK_TYPE, BENCHMARK_VALUE),
    *_accounted(Type.INTEGER, SIZE_GIB, SIZE_KIB),
    *_accounted(Type.TEXT, ATTACHMENTS, ADDRESSES, PORT_ID, SERVER_ID),
    *_accounted(Type.INTEGER, POWER_UW, SAMPLED_S),
)

PROJECT: Final = (
    *_plain(Type.TEXT, "project_id", "cloud_id", "name"),
    *_plain(Type.INTEGER, "revision"),
    *_plain(Type.INSTANT, "first_recorded_at", "last_recorded_at"),
)

RESOURCE: Final = (
    *_RESOURCE,
    *_plain(Type.INSTANT, "begin", "end"),
    *_plain(Type.SWITCH, "begin_exact", "end_exact", "launched"),
    *_plain(Type.TEXT, "flavor", "state"),
    *_ACCOUNTED,
    _json("described"),
    _json("anomalies"),
    *_plain(Type.INTEGER, "revision"),
)

SPAN: Final = (
    *_RESOURCE,
    *_plain(Type.INSTANT, "start", "end"),
    *_plain(Type.INTEGER, "seconds"),
    *_plain(Type.SWITCH, "start_exact", "end_exact"),
    _words("inferred"),
    *_plain(Type.SWITCH, "launched"),
    *_plain(Type.TEXT, "flavor", "state"),
    *_ACCOUNTED,
    *_plain(Type.INTEGER, "revision"),
)

CHANGE: Final = (
    *_plain(Type.INTEGER, "revision"),
    *_plain(Type.INSTANT, "recorded_at"),
    *_plain(Type.TEXT, "what"),
    *(_in_span(one) for one in SPAN if one.name != "revision"),
)

USAGE: Final = (
    *_plain(Type.TEXT, "project_id", "cloud_id", "kind", "flavor", "state"),
    *_plain(Type.INSTANT, "start", "end"),
    *_plain(Type.INTEGER, "resources", "seconds", "wall_s", "suspended_s"),
    *_plain(Type.AMOUNT, "vcpu_s", "ram_mib_s", "disk_gib_s", "size_kib_s"),
    *_plain(Type.INTEGER, "inferred_s"),
    *_plain(Type.AMOUNT, "inferred_vcpu_s"),
)
