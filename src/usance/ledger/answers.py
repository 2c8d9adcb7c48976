"""What can be asked of the ledger about usage, and what it answers."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Final, Generic, TypeVar

import msgspec

from usance.model.period import Period
from usance.model.resource import Resource, Value
from usance.model.span import Anomaly, Described

MAX_LIMIT: Final = 10_000
"""The most that one page may hold."""

MOST_DAYS: Final = 3700
"""The most days of a period that is told day by day."""

T = TypeVar("T")


class Asked(msgspec.Struct, frozen=True):
    """Which resources are asked about. Conditions hold together; a default selects everything.

    What nobody is known to own (the project '') is told only where that project is named.
    """

    projects: tuple[str, ...] | None = None  # ids; None: all; an empty tuple: none at all
    clouds: tuple[str, ...] | None = None  # cloud ids; None: all
    kinds: tuple[str, ...] | None = None  # None: all of usance.model.resource.KINDS
    ids: tuple[str, ...] | None = None  # of resources
    period: Period | None = None  # that they touch
    alive: bool | None = None  # True: what has no end (yet); False: what has one
    name: str | None = None  # the last name that is known of them, exactly
    # Of servers, flavors; of volumes, types; the empty text: those that have none. What counts of a
    # resource are its last span's; of spans and usage, their own. None: all.
    flavors: tuple[str, ...] | None = None
    states: tuple[str, ...] | None = None  # of servers, in the same way
    # As it was known at an instant of the writers' clock, resolved to a revision for each project.
    as_of: datetime | None = None


class Sort(enum.StrEnum):
    """In what order resources and spans come; equal ones by project, cloud, kind, id and start."""

    ID = "id"  # by project, cloud, kind, id and start
    BEGIN = "begin"
    END = "end"  # what has no end comes last


class Cursor(msgspec.Struct, frozen=True):
    """A place between two answers. It stays good whatever is written meanwhile.

    It fits the question that gave it, with the same order: any other is refused with ValueError.
    """

    of: str  # the question and its order
    key: tuple[str | int, ...]


class Page(msgspec.Struct, Generic[T], frozen=True):
    """A part of the answers, and where the next one begins."""

    items: tuple[T, ...]
    next: Cursor | None  # None: that was all


class ProjectRow(msgspec.Struct, frozen=True):
    """A project in one cloud, as the ledger knows it."""

    project_id: str
    cloud_id: str
    revision: int  # the last one; 0: nothing is known but that it exists
    name: str | None  # None: nobody has named it
    first_recorded_at: datetime | None  # when the ledger first learnt anything of it, by the writers' clock
    last_recorded_at: datetime | None


class ResourceRow(msgspec.Struct, frozen=True):
    """A resource: its life in one project, and what it is now (or was in the end)."""

    resource: Resource
    name: str | None
    begin: datetime
    end: datetime | None  # None: it has none (yet)
    begin_exact: bool
    end_exact: bool
    launched: bool  # a server that never was counts nothing
    flavor: str | None  # of a server; of a volume, its type
    state: str | None  # of a server
    accounted: dict[str, Value]  # by the names of usance.model.resource
    described: dict[str, Value]  # the last that is known: name, metadata, host, zone ...
    anomalies: tuple[Anomaly, ...]  # what sources say and can't all be so
    revision: int  # in which it became so


class SpanRow(msgspec.Struct, frozen=True):
    """A stretch in which nothing that is accounted of a resource changed."""

    resource: Resource
    name: str | None  # of the resource, as it is known last
    start: datetime
    end: datetime | None  # None while it goes on
    start_exact: bool  # False: it began at this instant or earlier, and was seen later only
    end_exact: bool
    inferred: tuple[str, ...]  # attributes (or LIFE) of which some part of it is inferred, in order
    launched: bool  # a server that never was counts nothing
    accounted: dict[str, Value]
    revision: int  # in which it was written


class LifeRow(msgspec.Struct, frozen=True):
    """The whole life of a resource in one project."""

    resource: ResourceRow
    spans: tuple[SpanRow, ...]
    described: tuple[Described, ...]  # all that was known, by attribute and instant


class What(enum.StrEnum):
    """What became of a span."""

    NEW = "new"
    CHANGED = "changed"  # it begins where one began before, and says something else
    WITHDRAWN = "withdrawn"


class Change(msgspec.Struct, frozen=True):
    """What became of one span in one revision. A span is known by its resource and its start."""

    revision: int
    recorded_at: datetime  # by the writers' clock
    what: What
    span: SpanRow  # as it is from this revision on; of one withdrawn, as it was


class Changes(msgspec.Struct, frozen=True):
    """A part of what became of a project's spans, in the order in which it became so."""

    items: tuple[Change, ...]
    next: Cursor | None  # None: that was all, up to `revision`
    revision: int  # the project's last one when this was read: what comes later has a greater one


class By(enum.StrEnum):
    """What usage can be told apart by."""

    PROJECT = "project"
    CLOUD = "cloud"
    KIND = "kind"
    FLAVOR = "flavor"  # of a server; of a volume, its type
    STATE = "state"  # of a server


class Window(enum.StrEnum):
    """The calendar stretches, in UTC, that usage is cut into."""

    DAY = "day"
    MONTH = "month"


class Amounts(msgspec.Struct, frozen=True):
    """What was used, in whole units.

    Instants are rounded down to whole seconds, then cut to the period and subtracted: so the
    amounts of days add up to those of their month.
    """

    seconds: int = 0  # of existence: wall_s and suspended_s
    suspended_s: int = 0  # in one of the states that were named as suspended
    vcpu_s: int = 0  # over what is not suspended
    ram_mib_s: int = 0
    disk_gib_s: int = 0  # of a server both disks; the size of a volume, snapshot or backup
    size_kib_s: int = 0  # of images
    inferred_s: int = 0  # in which what these amounts are made of is inferred
    inferred_vcpu_s: int = 0

    @property
    def wall_s(self) -> int:
        """Seconds in a state that does not count as suspended."""
        return self.seconds - self.suspended_s

    def __add__(self, other: Amounts) -> Amounts:
        """Add two amounts, field by field."""
        pairs = zip(msgspec.structs.astuple(self), msgspec.structs.astuple(other), strict=True)
        return Amounts(*(one + another for one, another in pairs))


class UsageRow(msgspec.Struct, frozen=True):
    """What one group used in the period, or in one window of it; what it is not told apart by is None."""

    project_id: str | None
    cloud_id: str | None
    kind: str | None
    flavor: str | None  # empty where there is none
    state: str | None  # empty where there is none
    period: Period  # the window, cut to the period
    # Different resources that used at least a second; None where they were not counted.
    resources: int | None
    amounts: Amounts
