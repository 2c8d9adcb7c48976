"""Storage records: what a volume, snapshot or backup occupied, interval by interval.

The receiver keeps one record under each record id, the last one loaded, and adds capacities up
by interval. So each interval in which nothing that is counted changed has a record of its own, cut
at the beginnings of the calendar months (UTC). Its id is made of what it is about: the resource, the
month, and the place of the interval in that month. A month under way is replaced by a longer
interval under the same id. Everything here is pure.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cached_property
from typing import Final

import msgspec

from usance.model.period import Period, epoch_seconds, floor_second, from_us, month_of, months
from usance.model.resource import SIZE_GIB, USER_ID, VOLUME_TYPE, Resource, Value
from usance.model.span import LIFE, Timeline
from usance.model.track import join
from usance.records.context import RecordContext

RECORD_TYPE: Final = "storage"

_COUNTED: Final = (SIZE_GIB, VOLUME_TYPE, USER_ID)
"""What records tell apart; attachments cut spans, but no record states them."""

_IDS: Final = uuid.uuid5(uuid.NAMESPACE_DNS, "storage-records.usance")


class StorageRecord(msgspec.Struct, frozen=True, dict=True):  # the dict keeps what is computed once
    """What one resource occupied in `[start, end)`; whole seconds, in one calendar month."""

    project_id: str
    cloud_id: str
    resource_kind: str
    resource_id: str
    month: datetime  # its first instant
    number: int  # the place of the interval in the month, from 0
    created_at: datetime  # up to when the month was known: its end, or the end of the period
    start: datetime
    end: datetime  # equal to start in a record that takes back what was stated
    site_name: str
    service_name: str
    fqan: str | None
    size_gib: int | None
    volume_type: str | None = None
    user_id: str | None = None
    user_name: str | None = None
    inferred_s: int = 0  # seconds of the interval in which size, type, user or the life itself are inferred
    unknown: tuple[str, ...] = ()  # attributes that the record needs and that nobody told

    @property
    def is_withdrawal(self) -> bool:
        """Whether it states that there was no such interval."""
        return self.start == self.end

    @cached_property
    def key(self) -> str:
        """What the record is about: a later record with the same key replaces it."""
        return (
            f"{RECORD_TYPE}/{self.resource_kind}/{self.resource_id}"
            f"/{self.month.year:04}-{self.month.month:02}/{self.number}"
        )

    @cached_property
    def record_id(self) -> str:
        """The identity for the receiver: unique for what the record is about, and the same when repeated."""
        return str(uuid.uuid5(_IDS, f"{self.cloud_id}/{self.project_id}/{self.key}"))

    @cached_property
    def digest(self) -> str:
        """A digest of what is said, whenever it is said: equal as long as there is nothing new to say."""
        said = msgspec.structs.replace(self, created_at=self.month)
        return hashlib.sha256(msgspec.json.encode(said)).hexdigest()[:32]


def key_month(key: str) -> datetime:
    """Return the first instant of the month that a record key names."""
    return datetime.strptime(f"{key.rsplit('/', 2)[1]}+0000", "%Y-%m%z")


def key_number(key: str) -> int:
    """Return the place in its month that a record key names."""
    return int(key.rpartition("/")[2])


def storage_records(
    timeline: Timeline,
    until: datetime,
    context: RecordContext,
    *,
    first_month: datetime | None = None,
) -> list[StorageRecord]:
    """Return the records of one resource up to *until*, in order; with *first_month*, those from it on.

    What never came to be (its creation failed) occupied nothing. What was reported before us, up to
    the context's baseline, is not stated again.
    """
    if not timeline.launched:
        return []
    records: list[StorageRecord] = []
    number, month_before = 0, None
    for start_s, end_s, values in _intervals(timeline, until, context.counted_whole_until):
        for month in months(_instant(start_s), _instant(end_s)):
            number = number + 1 if month.start == month_before else 0
            month_before = month.start
            if first_month is not None and month.start < first_month:
                continue
            start, end = max(_instant(start_s), month.start), min(_instant(end_s), month.end)
            records.append(
                _record(
                    timeline,
                    context,
                    month=month,
                    number=number,
                    until=until,
                    start=start,
                    end=end,
                    values=values,
                )
            )
    return records


def withdrawal(timeline: Timeline, key: str, stated_at: datetime, context: RecordContext) -> StorageRecord:
    """Return the record that takes back what was once stated under a key: no length, and no capacity.

    *stated_at* is the `created_at` of what is taken back.
    """
    month = month_of(key_month(key))
    last = timeline.spans[-1].values if timeline.spans else {}
    record = _record(
        timeline,
        context,
        month=month,
        number=key_number(key),
        until=stated_at,
        start=month.start,
        end=month.start,
        values={**last, SIZE_GIB: 0},
    )
    return msgspec.structs.replace(record, inferred_s=0)


def _intervals(
    timeline: Timeline, until: datetime, baseline: datetime | None
) -> Iterator[tuple[int, int, Mapping[str, Value]]]:
    """Yield the stretches, in seconds since 1970, over which nothing that is counted changed."""
    first_s = -(2**62) if baseline is None else epoch_seconds(baseline)
    last_s = epoch_seconds(until)
    held: tuple[int, int, Mapping[str, Value]] | None = None
    for span in timeline.spans:
        start_s = max(epoch_seconds(span.start), first_s)
        end_s = last_s if span.end is None else min(epoch_seconds(span.end), last_s)
        if start_s >= end_s:
            continue
        if held is not None and _same(held[2], span.values):
            held = (held[0], end_s, span.values)
            continue
        if held is not None:
            yield held
        held = (start_s, end_s, span.values)
    if held is not None:
        yield held


def _same(one: Mapping[str, Value], other: Mapping[str, Value]) -> bool:
    return all(one.get(name) == other.get(name) for name in _COUNTED)


def _instant(seconds: int) -> datetime:
    return from_us(seconds * 1_000_000)


def _record(
    timeline: Timeline,
    context: RecordContext,
    *,
    month: Period,
    number: int,
    until: datetime,
    start: datetime,
    end: datetime,
    values: Mapping[str, Value],
) -> StorageRecord:
    resource: Resource = timeline.resource
    user_id = _text(values.get(USER_ID))
    size = values.get(SIZE_GIB)
    size_gib = size if isinstance(size, int) else None
    return StorageRecord(
        project_id=resource.project_id,
        cloud_id=resource.cloud_id,
        resource_kind=resource.kind,
        resource_id=resource.id,
        month=month.start,
        number=number,
        created_at=min(floor_second(until), month.end),
        start=start,
        end=end,
        site_name=context.site_name,
        service_name=context.service_name,
        fqan=context.fqan,
        size_gib=size_gib,
        volume_type=_text(values.get(VOLUME_TYPE)),
        user_id=user_id,
        user_name=_text(context.user_names.get(user_id)) if user_id is not None else None,
        inferred_s=_inferred_s(timeline, start, end),
        unknown=() if size_gib is not None else (SIZE_GIB,),
    )


def _inferred_s(timeline: Timeline, start: datetime, end: datetime) -> int:
    """Return the whole seconds of an interval in which something that it states is inferred."""
    stretches = [
        (floor_second(one.start), None if one.end is None else floor_second(one.end))
        for one in timeline.doubts
        if one.attribute == LIFE or one.attribute in _COUNTED
    ]
    return sum(
        epoch_seconds(last or end) - epoch_seconds(first) for first, last in join(stretches, start, end)
    )


def _text(value: Value | None) -> str | None:
    """Return a text that UTF-8 can carry (a JSON escape can smuggle in half a surrogate pair), or None."""
    if value is None or value == "":
        return None
    return str(value).encode("utf-8", "replace").decode()
