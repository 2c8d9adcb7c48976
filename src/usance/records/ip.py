"""Public IP records: how many public addresses a user had in a project, at one instant of each day.

A record is a snapshot, and the receiver keeps one for each user, IP version and month: the last
one that it loaded. So each day (UTC) is measured at its last second, and the day under way at the
end of the period; none of these instants depends on when anybody looked. An address counts if it
was allocated at that instant; one that came and went between two of them does not. Everything here
is pure: timelines, instants and a context go in.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Final

import msgspec

from usance.model.period import MICROSECOND, SECOND
from usance.model.resource import ADDRESSES, FLOATING_IP, SERVER_ID, USER_ID, Value
from usance.model.span import LIFE, Timeline
from usance.records.context import RecordContext

RECORD_TYPE: Final = "ip"
RESOURCE_KIND: Final = "public_ip"
"""What the outbox files these records under: they are about all addresses of a project on a day."""

DAY: Final = timedelta(days=1)
NOBODY: Final = ""


class Measurement(msgspec.Struct, frozen=True, order=True):
    """One instant at which a day is measured."""

    day: datetime  # its first instant
    at: datetime  # whole seconds

    @property
    def is_final(self) -> bool:
        """True for the last second of the day, false for the end of a period within it."""
        return self.at == self.day + DAY - SECOND


class Tally(msgspec.Struct):
    """How many addresses a user had, and what told that they were hers. It grows while they are counted."""

    by_server: int = 0  # she has the server behind the address
    by_event: int = 0  # an event named her as its creator
    by_default: int = 0  # she is the configured one: nothing tells whose the address is
    by_nobody: int = 0  # nothing tells, and nobody is configured
    inferred: int = 0  # of all of them: it is not certain that they were there

    @property
    def total(self) -> int:
        """Return the number of addresses."""
        return self.by_server + self.by_event + self.by_default + self.by_nobody


class Whose(msgspec.Struct, frozen=True, order=True):
    """Whose addresses of which version are counted together."""

    ip_version: int  # 4 or 6
    user_id: str  # NOBODY where nothing tells


Counts = dict[Whose, Tally]
UserOf = Callable[[str, datetime], str | None]
"""Tells the user of a server at an instant, by the server's id; None if that is not known."""


class IpRecord(msgspec.Struct, frozen=True, dict=True):  # the dict keeps what is computed once
    """How many public addresses of one version a user had in a project at one instant."""

    project_id: str
    day: datetime  # its first instant
    created_at: datetime  # MeasurementTime
    is_final: bool  # measured at the day's last second
    ip_version: int
    count: int
    user_id: str
    user_name: str | None
    site_name: str
    service_name: str
    cloud_type: str
    fqan: str | None
    by_server: int = 0
    by_event: int = 0
    by_default: int = 0
    inferred: int = 0
    cloud_id: str = ""

    @property
    def resource_kind(self) -> str:
        """All public addresses of the project."""
        return RESOURCE_KIND

    @property
    def resource_id(self) -> str:
        """The day."""
        return day_name(self.day)

    @cached_property
    def key(self) -> str:
        """What the record is about: a later record with the same key replaces it."""
        return record_key(self.project_id, Whose(self.ip_version, self.user_id), self.day)

    @property
    def record_id(self) -> str:
        """The identity for a reader of several clouds: regions of one Keystone share their projects."""
        return self.key.replace("/", f"/{self.cloud_id}/", 1)

    @cached_property
    def digest(self) -> str:
        """A digest of what is said, whenever it is said: equal as long as there is nothing new to say.

        While the day is under way, that the same is measured an hour later is nothing new, and neither
        is that it is more certain by then.
        """
        said = self if self.is_final else msgspec.structs.replace(self, created_at=self.day, inferred=0)
        return hashlib.sha256(msgspec.json.encode(said)).hexdigest()[:32]


def day_of(instant: datetime) -> datetime:
    """Return the first instant, in UTC, of the day that an instant lies in."""
    return instant.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def day_name(day: datetime) -> str:
    """Return the name of a day in keys."""
    return f"{day.year:04}-{day.month:02}-{day.day:02}"


def day_named(name: str) -> datetime:
    """Return the first instant of the day of a name. Raises ValueError for anything else."""
    return datetime.strptime(f"{name}+0000", "%Y-%m-%d%z")


def last_day(until: datetime) -> datetime:
    """Return the day that is under way, or ends, at the end of a period."""
    return day_of(until - MICROSECOND)


def measurement(day: datetime, until: datetime) -> Measurement:
    """Return when a day is measured that a period touches: at its last second, or when the period ends."""
    return Measurement(day, min(day + DAY - SECOND, until.replace(microsecond=0)))


def days(first: datetime, last: datetime) -> Iterator[datetime]:
    """Yield the days from one to another, both included."""
    while first <= last:
        yield first
        first += DAY


def record_key(project_id: str, whose: Whose, day: datetime) -> str:
    """Return the key of the record of a day."""
    return f"{RECORD_TYPE}/{project_id}/{whose.ip_version}/{whose.user_id}/{day_name(day)}"


def key_day(key: str) -> datetime:
    """Return the first instant of the day that a record key names."""
    return day_named(key.rpartition("/")[2])


def key_whose(key: str, project_id: str) -> Whose:
    """Return whose addresses a record key is about, whatever characters an id has."""
    inner = key.removeprefix(f"{RECORD_TYPE}/{project_id}/").rpartition("/")[0]
    version, _, user_id = inner.partition("/")
    return Whose(int(version), user_id)


def servers_behind(timeline: Timeline) -> set[str]:
    """Return the ids of all servers that ever were behind an address."""
    return {one for span in timeline.spans if (one := _text(span.values, SERVER_ID))}


def user_at(server: Timeline, instant: datetime) -> str | None:
    """Return the user of a server at an instant; before and after its life, the first or last one."""
    found: str | None = None
    for span in server.spans:
        if found is not None and span.start > instant:
            break
        found = _text(span.values, USER_ID) or found
    return found


def count(
    timeline: Timeline,
    instants: Sequence[datetime],
    into: Sequence[Counts],
    *,
    user_of: UserOf,
    default_user_id: str | None,
) -> None:
    """Add the addresses of one floating IP, port or gateway to the counts at each instant (ordered)."""
    for span in timeline.spans:
        first = bisect_left(instants, span.start)
        last = len(instants) if span.end is None else bisect_left(instants, span.end)
        versions = [6 if ":" in one else 4 for one in _text(span.values, ADDRESSES).split()]
        for place in range(first, last) if versions else ():
            user_id, origin = _whose(span.values, instants[place], user_of, default_user_id)
            doubtful = _is_doubtful(timeline, instants[place])
            for version in versions:
                tally = into[place].setdefault(Whose(version, user_id), Tally())
                setattr(tally, origin, getattr(tally, origin) + 1)
                tally.inferred += doubtful


def _whose(
    values: Mapping[str, Value], instant: datetime, user_of: UserOf, default_user_id: str | None
) -> tuple[str, str]:
    """Return the user of an address, and the field of a tally that says what told it."""
    server_id = _text(values, SERVER_ID)
    if server_id and (user_id := user_of(server_id, instant)):
        return user_id, "by_server"
    if user_id := _text(values, USER_ID):
        return user_id, "by_event"
    if default_user_id:
        return default_user_id, "by_default"
    return NOBODY, "by_nobody"


def _is_doubtful(timeline: Timeline, instant: datetime) -> bool:
    """Tell whether it is only inferred that the addresses were there at an instant.

    A floating IP has its address from its creation to its end.
    """
    unsure = {LIFE} if timeline.resource.kind == FLOATING_IP else {LIFE, ADDRESSES}
    return any(
        doubt.attribute in unsure and doubt.start <= instant and (doubt.end is None or instant < doubt.end)
        for doubt in timeline.doubts
    )


def ip_records(
    project_id: str,
    when: Measurement,
    counts: Counts,
    before: Counts,
    context: RecordContext,
    *,
    stated: Collection[Whose] = (),
    cloud_id: str = "",
) -> dict[Whose, IpRecord]:
    """Return the records of one day.

    *before* are the counts of the day before: who had addresses then, and has none now, is said to
    have none, once, so that the receiver's last word of the month is the right one. So is who was
    *stated* to have some today.
    """
    fallen = {one for one in before if before[one].total and one.user_id != NOBODY}
    found = {}
    for whose in sorted({*(one for one in counts if counts[one].total), *fallen, *stated}):
        tally = counts.get(whose) or Tally()
        found[whose] = IpRecord(
            project_id=project_id,
            day=when.day,
            created_at=when.at,
            is_final=when.is_final,
            ip_version=whose.ip_version,
            count=tally.total,
            user_id=whose.user_id,
            user_name=context.user_names.get(whose.user_id) if whose.user_id else None,
            site_name=context.site_name,
            service_name=context.service_name,
            cloud_type=context.cloud_type,
            fqan=context.fqan,
            by_server=tally.by_server,
            by_event=tally.by_event,
            by_default=tally.by_default,
            inferred=tally.inferred,
            cloud_id=cloud_id,
        )
    return found


def _text(values: Mapping[str, Value], attribute: str) -> str:
    value = values.get(attribute)
    return value if isinstance(value, str) else ""
