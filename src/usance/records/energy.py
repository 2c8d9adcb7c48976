"""Energy records: what one server used on one UTC day, and how much of the day was measured.

A record is made once its day is over, so that each day is stated once; a late fact about the
server states it again under its key. The energy is what was measured, as it was measured:
nothing is put in for gaps, which are stated as seconds. Everything here is pure.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Final

import msgspec

from usance.model import resource
from usance.model.decimals import canonical_decimal
from usance.model.period import Period, epoch_seconds, floor_second
from usance.model.span import Span, Timeline
from usance.model.usage import usage
from usance.records.context import RecordContext

RECORD_TYPE: Final = "energy"
DELETED: Final = "deleted"
DAY: Final = timedelta(days=1)
_HOUR: Final = timedelta(hours=1)


class EnergyRecord(msgspec.Struct, frozen=True, dict=True):  # the dict keeps what is computed once
    """What one server used on one day. Seconds are whole."""

    server_id: str
    day: datetime  # its first instant
    site_name: str
    service_name: str
    cloud_type: str
    project_id: str
    fqan: str | None
    start: datetime  # the part of the day in which the server lived; whole seconds
    end: datetime
    energy_uwh: int  # microwatt-hours that were measured, rounded once
    sampled_s: int  # seconds of the server's hours for which there were samples
    unsampled_s: int  # seconds of its life on that day for which there were none
    wall_s: int
    suspended_s: int
    cpu_s: int  # vCPUs x seconds, over what counts as wall
    whole_cpu_s: int  # the same over all of the time, suspended or not
    cpu_factor: str  # a decimal number
    finished: bool  # the server ended on that day
    status: str

    @property
    def resource_kind(self) -> str:
        """The energy of a day."""
        return resource.ENERGY

    @property
    def resource_id(self) -> str:
        """Server and day."""
        return f"{self.server_id}/{self.day:%Y-%m-%d}"

    @property
    def created_at(self) -> datetime:
        """The end of the day: all of it is stated, or nothing."""
        return self.day + DAY

    @cached_property
    def key(self) -> str:
        """What the record is about: a later record with the same key replaces it."""
        return f"{RECORD_TYPE}/{self.resource_id}"

    @cached_property
    def digest(self) -> str:
        """A digest of what is said: equal as long as there is nothing new to say."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()[:32]

    @property
    def energy_wh(self) -> str:
        """Watt-hours, a decimal number."""
        return _micro(self.energy_uwh)

    @property
    def work(self) -> str:
        """CPU seconds of the reference CPU, a decimal number."""
        return canonical_decimal(str(self.cpu_s * Decimal(self.cpu_factor))) or "0"

    @property
    def efficiency(self) -> str:
        """The part of its vCPUs' time that the server could use: less than 1 where it was suspended."""
        if not self.whole_cpu_s:
            return "0"
        return _micro((self.cpu_s * 1_000_000 + self.whole_cpu_s // 2) // self.whole_cpu_s)


def _micro(millionths: int) -> str:
    whole, rest = divmod(millionths, 1_000_000)
    return f"{whole}.{rest:06}".rstrip("0").rstrip(".")


def day_of(energy_id: str) -> datetime:
    """Return the first instant of the day that the id of a day's energy, or its record's key, names."""
    return datetime.strptime(f"{energy_id.rpartition('/')[2]}+0000", "%Y-%m-%d%z")


def server_of(energy_id: str) -> str:
    """Return the id of the server that the id of a day's energy names."""
    return energy_id.rpartition("/")[0]


def energy_record(day: Timeline, server: Timeline, context: RecordContext) -> EnergyRecord:
    """Return the record of a day that is over.

    *day* is the timeline of the day's energy. Its hours count from the one in which the server
    began to the one in which it ended, whatever was measured in others; a server that did not live
    on that day used nothing.
    """
    begin = day_of(day.resource.id)
    lived = Period(begin, begin + DAY).clip(server.begin, server.end) if server.launched else None
    period = lived or Period(begin, begin)
    used = usage(server, period, suspended_states=context.suspended_states)
    whole = usage(server, period, suspended_states=())
    energy_uj, sampled_s = _measured(day, lived)
    finished = server.end is not None and begin < server.end <= begin + DAY
    return EnergyRecord(
        server_id=server.resource.id,
        day=begin,
        site_name=context.site_name,
        service_name=context.service_name,
        cloud_type=context.cloud_type,
        project_id=server.resource.project_id,
        fqan=context.fqan,
        start=floor_second(period.start),
        end=floor_second(period.end),
        energy_uwh=(energy_uj + 1800) // 3600,
        sampled_s=sampled_s,
        unsampled_s=max(0, whole.elapsed_s - sampled_s),
        wall_s=used.wall_s,
        suspended_s=used.suspended_s,
        cpu_s=used.vcpu_s,
        whole_cpu_s=whole.vcpu_s,
        cpu_factor=context.cpu_factor,
        finished=finished,
        status=DELETED if finished else _state(server, period.end),
    )


def _measured(day: Timeline, lived: Period | None) -> tuple[int, int]:
    """Return the microjoules of a server's hours, exactly, and the seconds of them that were sampled."""
    energy_uj = sampled_s = 0
    if lived is None:
        return 0, 0
    first, last = _full_hour(lived.start), lived.end
    if last != _full_hour(last):
        last = _full_hour(last) + _HOUR
    for span in day.spans:
        seconds = _seconds(span, first, last)
        energy_uj += _integer(span, resource.POWER_UW) * seconds
        sampled_s += _integer(span, resource.SAMPLED_S) * seconds // 3600
    return energy_uj, sampled_s


def _seconds(span: Span, first: datetime, last: datetime) -> int:
    end = last if span.end is None else min(span.end, last)
    return max(0, epoch_seconds(end) - epoch_seconds(max(span.start, first)))


def _integer(span: Span, attribute: str) -> int:
    value = span.values.get(attribute)
    return value if isinstance(value, int) else 0


def _full_hour(instant: datetime) -> datetime:
    return instant.replace(minute=0, second=0, microsecond=0)


def _state(server: Timeline, at: datetime) -> str:
    """Return the state just before an instant."""
    states = (one.values.get(resource.STATE) for one in reversed(server.spans) if one.start < at)
    return str(next(states, None) or "unknown")
