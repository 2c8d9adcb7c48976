"""Cloud records: what one server used from its creation to the end of a month, as APEL counts it.

APEL keeps one record for each server and month, the last one loaded, and takes a month's usage as
the difference between its cumulative figures and those of the latest earlier record of the server.
So a server has one record for each calendar month that it touched, and each of them is cumulative
since the creation. Everything here is pure: a timeline, a period and a context go in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Final

import msgspec

from usance.model import resource
from usance.model.period import SECOND, Period, epoch_seconds, floor_second, month_of, month_start, months
from usance.model.resource import Value
from usance.model.span import Span, Timeline
from usance.model.usage import usage
from usance.records.context import RecordContext

RECORD_TYPE: Final = "cloud"
STARTED: Final = "started"
COMPLETED: Final = "completed"
UNKNOWN: Final = "unknown"

# What a server that still exists is said to be. The words are those that sites have published
# with cASO, and so is it that a stopped server (SHUTOFF) which exists counts as started.
STATUS_OF_STATE: Final[Mapping[str, str]] = {
    "building": STARTED,
    "active": STARTED,
    "rescued": STARTED,
    "resized": STARTED,
    "stopped": STARTED,
    "paused": "paused",
    "suspended": "suspended",
    "shelved": "suspended",
    "shelved_offloaded": "suspended",
    "error": "error",
}


class CloudRecord(msgspec.Struct, frozen=True, dict=True):  # the dict keeps what is computed once
    """What one server used since its creation, up to `until`, and as what it is filed. Seconds are whole."""

    server_id: str
    month: datetime  # first instant of the month in which it is filed
    # RecordCreateTime: the end of the period or the last second of the month, whichever is earlier.
    created_at: datetime
    until: datetime  # what is counted lies in [start, until); whole seconds
    site_name: str
    service_name: str
    cloud_type: str
    project_id: str
    status: str
    start: datetime
    end: datetime | None  # None unless the server ended
    wall_s: int
    suspended_s: int
    cpu_s: int  # vCPUs x seconds, over what counts as wall
    inferred_s: int  # seconds in which the state, the vCPUs or the life itself are inferred
    inferred_cpu_s: int
    most_vcpus: int  # the most that it ever had up to here
    # Of the last span up to here; None where it was never known.
    vcpus: int | None
    ram_mib: int | None
    disk_gib: int | None  # root and ephemeral
    fqan: str | None
    user_id: str | None = None
    user_name: str | None = None
    name: str | None = None
    image: str | None = None
    public_ips: int = 0
    benchmark_type: str | None = None
    benchmark: str | None = None  # a decimal number
    unknown: tuple[str, ...] = ()  # attributes that the record needs and that nobody told

    @property
    def resource_kind(self) -> str:
        """A server."""
        return resource.SERVER

    @property
    def resource_id(self) -> str:
        """The server's id."""
        return self.server_id

    @cached_property
    def key(self) -> str:
        """What the record is about: a later record with the same key replaces it."""
        return record_key(self.server_id, self.month)

    @cached_property
    def digest(self) -> str:
        """A digest of what is said, whenever it is said: equal as long as there is nothing new to say."""
        said = msgspec.structs.replace(self, created_at=self.month)
        return hashlib.sha256(msgspec.json.encode(said)).hexdigest()[:32]


def record_key(server_id: str, month: datetime) -> str:
    """Return the key of a server's record for a month."""
    return f"{RECORD_TYPE}/{server_id}/{_month_name(month)}"


def key_month(key: str) -> datetime:
    """Return the first instant of the month that a record key names."""
    return _month_named(key.rpartition("/")[2])


@lru_cache(maxsize=1200)  # a century of them
def _month_name(month: datetime) -> str:
    return f"{month.year:04}-{month.month:02}"


@lru_cache(maxsize=1200)
def _month_named(name: str) -> datetime:
    return datetime.strptime(f"{name}+0000", "%Y-%m%z")


def cloud_records(
    timeline: Timeline,
    until: datetime,
    context: RecordContext,
    *,
    first_month: datetime | None = None,
) -> list[CloudRecord]:
    """Return a server's records: one for each month that it touched before *until*, in order.

    With *first_month* (the first instant of a month), only from that month on. A server that
    never launched has none; neither has what ended before the context's baseline: more than a second
    before it, for Nova cuts the end to its second, and cASO may have left out what ended in the one
    after its last run. Completed once more, it counts the same.
    """
    begin = floor_second(timeline.begin)
    ended = timeline.end is not None and timeline.end <= until
    last = floor_second(timeline.end if ended and timeline.end is not None else until)
    if not timeline.launched or timeline.begin >= until or not (last > begin or ended):
        return []
    baseline = context.counted_whole_until
    if baseline is not None and (until <= baseline or (ended and last <= baseline - SECOND)):
        return []
    records = []
    first = begin if first_month is None else max(begin, first_month)
    for month in months(first, max(last, begin + SECOND)):
        if baseline is not None and month.end <= baseline:
            continue
        end_here = ended and last <= month.end
        measured = min(last, month.end)
        records.append(
            _record(
                timeline,
                context,
                month=month,
                measured=measured,
                created_at=min(floor_second(until), month.end - SECOND),
                # An end on the boundary closes the month before it, and is filed by its EndTime.
                end=max(min(measured, month.end - SECOND), begin) if end_here else None,
                closed=measured == month.end,
            )
        )
    return records


def withdrawal(
    timeline: Timeline, month: datetime, stated_at: datetime, context: RecordContext
) -> CloudRecord:
    """Return the record that takes back what was once stated for a month which the server did not touch.

    The receiver knows no deletion; a record of that month with the cumulative figures of the
    month before makes its difference zero. It can't be `completed`: then it would be filed by its
    EndTime, in another month. *stated_at* is the RecordCreateTime of what is taken back.
    """
    whole = month_of(month)
    begin = floor_second(timeline.begin)
    measured = whole.end if timeline.end is None else min(floor_second(timeline.end), whole.end)
    return _record(
        timeline,
        context,
        month=whole,
        measured=max(measured, begin) if timeline.launched else begin,
        created_at=floor_second(stated_at),
        end=None,
        closed=False,
        status=UNKNOWN,
    )


def _record(
    timeline: Timeline,
    context: RecordContext,
    *,
    month: Period,
    measured: datetime,
    created_at: datetime,
    end: datetime | None,
    closed: bool,
    status: str | None = None,
) -> CloudRecord:
    used = usage(
        timeline,
        Period(timeline.begin, max(measured, timeline.begin)),
        suspended_states=context.suspended_states,
        counted_whole_until=context.counted_whole_until,
    )
    spans = _spans_until(timeline, measured)
    last = spans[-1].values if spans else {}
    vcpus = [_integer(span.values, resource.VCPUS) for span in spans]
    user_id = _text(last, resource.USER_ID)
    image_id = _text(last, resource.IMAGE_ID)
    if status is None:
        status = _status(last, ended=end is not None, closed=closed)
    return CloudRecord(
        server_id=timeline.resource.id,
        month=month.start,
        created_at=created_at,
        until=measured,
        site_name=context.site_name,
        service_name=context.service_name,
        cloud_type=context.cloud_type,
        project_id=timeline.resource.project_id,
        status=status,
        start=floor_second(timeline.begin),
        end=end,
        wall_s=used.wall_s,
        suspended_s=used.suspended_s,
        cpu_s=used.vcpu_s,
        inferred_s=used.inferred_s,
        inferred_cpu_s=used.inferred_vcpu_s,
        most_vcpus=max((count for count in vcpus if count is not None), default=0),
        vcpus=vcpus[-1] if vcpus else None,
        ram_mib=_integer(last, resource.RAM_MIB),
        disk_gib=_disk_gib(last),
        fqan=context.fqan,
        user_id=user_id,
        user_name=_text_or_none(context.user_names.get(user_id)) if user_id is not None else None,
        name=_text_or_none(timeline.describe("name", measured)),
        image=_text_or_none(context.image_uris.get(image_id, image_id)) if image_id is not None else None,
        public_ips=_public_ips(timeline, measured),
        benchmark_type=_text(last, resource.BENCHMARK_TYPE),
        benchmark=_text(last, resource.BENCHMARK_VALUE),
        unknown=_unknown(last, vcpus),
    )


def _status(last: Mapping[str, Value], *, ended: bool, closed: bool) -> str:
    """Return the status: of a month that is over it is `started`, whatever the state was."""
    if ended:
        return COMPLETED
    if closed:
        return STARTED
    return STATUS_OF_STATE.get(str(last.get(resource.STATE, "")), UNKNOWN)


def _spans_until(timeline: Timeline, measured: datetime) -> tuple[Span, ...]:
    """Return the spans that begin, by whole seconds, before an instant; the first one in any case."""
    spans = timeline.spans
    # They are ordered; of a life that goes on, all of them begin before.
    if len(spans) < 2 or floor_second(spans[-1].start) < measured:  # the first one stays
        return spans
    return tuple(
        span for place, span in enumerate(spans) if place == 0 or floor_second(span.start) < measured
    )


def _unknown(last: Mapping[str, Value], vcpus: list[int | None]) -> tuple[str, ...]:
    """Name what the record needs and nobody told: vCPUs of every span, memory and disk of the last."""
    missing = [] if vcpus and None not in vcpus else [resource.VCPUS]
    missing += [name for name in (resource.RAM_MIB, resource.DISK_GIB) if _integer(last, name) is None]
    return tuple(missing)


def _disk_gib(values: Mapping[str, Value]) -> int | None:
    root = _integer(values, resource.DISK_GIB)
    return None if root is None else root + (_integer(values, resource.EPHEMERAL_GIB) or 0)


def _public_ips(timeline: Timeline, measured: datetime) -> int:
    count = timeline.describe("public_ip_count", measured)
    return count if isinstance(count, int) else 0


def _integer(values: Mapping[str, Value], attribute: str) -> int | None:
    value = values.get(attribute)
    return value if isinstance(value, int) else None


def _text(values: Mapping[str, Value], attribute: str) -> str | None:
    return _text_or_none(values.get(attribute))


def _text_or_none(value: Value | None) -> str | None:
    """Return a text that UTF-8 can carry (a JSON escape can smuggle in half a surrogate pair), or None."""
    if value is None or value == "":
        return None
    text = str(value)
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def lifetime_s(record: CloudRecord) -> int:
    """Return the whole seconds from the creation to where the record counts."""
    return epoch_seconds(record.until) - epoch_seconds(record.start)


def last_second(instant: datetime) -> bool:
    """Tell whether an instant is the last second of a calendar month, as which the month's end is filed."""
    if instant.second != 59:  # nearly none gets further
        return False
    return month_start(instant + SECOND) == instant + SECOND
