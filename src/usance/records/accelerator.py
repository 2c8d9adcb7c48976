"""Accelerator records: how long one server had accelerators of one model in one calendar month.

Unlike cloud records they are not cumulative: each states its month (UTC) alone, and a later record
of the same server, month and accelerators replaces it. A server that was resized in the month has
one record for each kind and number of accelerators that it had. Everything here is pure.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from functools import cached_property
from typing import Final
from urllib.parse import quote, unquote

import msgspec

from usance.model import resource
from usance.model.accelerator import Accelerator, accelerators_in
from usance.model.period import Period, epoch_seconds, floor_second, month_of, months
from usance.model.span import LIFE, Timeline
from usance.model.usage import inferred_stretches, overlap
from usance.records.context import RecordContext

RECORD_TYPE: Final = "accelerator"
_COUNTED_BY: Final = frozenset({resource.STATE, resource.ACCELERATORS, LIFE})


class AcceleratorRecord(msgspec.Struct, frozen=True, dict=True):  # the dict keeps what is computed once
    """What one server had of one kind of accelerators in one month. Seconds are whole."""

    server_id: str
    month: datetime  # its first instant
    created_at: (
        datetime  # what is stated ends here: the end of the period, or of the month if that is earlier
    )
    site_name: str
    service_name: str
    cloud_type: str
    project_id: str
    fqan: str | None
    user_name: str | None
    accelerator: Accelerator
    available_s: int  # in which the server had them, without suspended time
    inferred_s: int = 0  # the part of those in which state, accelerators or the life itself are inferred

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
        return record_key(self.server_id, self.month, self.accelerator)

    @cached_property
    def digest(self) -> str:
        """A digest of what is said, whenever it is said: equal as long as there is nothing new to say."""
        said = msgspec.structs.replace(self, created_at=self.month)
        return hashlib.sha256(msgspec.json.encode(said)).hexdigest()[:32]


def record_key(server_id: str, month: datetime, accelerator: Accelerator) -> str:
    """Return the key of a record: `accelerator/<server>/<YYYY-MM>/<type>/<count>/<model>`."""
    what = f"{accelerator.type}/{accelerator.count}/{quote(accelerator.model or '', safe='')}"
    return f"{RECORD_TYPE}/{server_id}/{month.year:04}-{month.month:02}/{what}"


def key_month(key: str) -> datetime:
    """Return the first instant of the month that a record key names."""
    return datetime.strptime(f"{key.rsplit('/', 4)[1]}+0000", "%Y-%m%z")


def key_accelerator(key: str) -> Accelerator:
    """Return the accelerators that a record key names."""
    kind, count, model = key.rsplit("/", 3)[1:]
    return Accelerator(kind, unquote(model) or None, count)


def accelerator_records(
    timeline: Timeline,
    until: datetime,
    context: RecordContext,
    *,
    first_month: datetime | None = None,
) -> list[AcceleratorRecord]:
    """Return a server's records: for each month before *until*, one for each kind that it had then.

    With *first_month* (the first instant of a month), only from that month on. What never launched
    has none. Months that the program before us has told whole stay as it told them.
    """
    if not timeline.launched or timeline.begin >= until:
        return []
    begin = timeline.begin if first_month is None else max(timeline.begin, first_month)
    end = until if timeline.end is None else min(timeline.end, until)
    baseline = context.counted_whole_until
    records = []
    for month in months(begin, end):
        if baseline is None or month.end > baseline:
            held = _held(timeline, Period(month.start, min(month.end, until)), context)
            records += [
                _record(
                    timeline,
                    context,
                    month,
                    until,
                    accelerator=accelerator,
                    available_s=available_s,
                    inferred_s=inferred_s,
                )
                for accelerator, (available_s, inferred_s) in held.items()
            ]
    return records


def withdrawal(timeline: Timeline, key: str, until: datetime, context: RecordContext) -> AcceleratorRecord:
    """Return the record that takes back what was stated under a key: the server had none of them."""
    month, accelerator = month_of(key_month(key)), key_accelerator(key)
    return _record(timeline, context, month, until, accelerator=accelerator, available_s=0, inferred_s=0)


def _held(timeline: Timeline, period: Period, context: RecordContext) -> dict[Accelerator, tuple[int, int]]:
    """Return the seconds of the period in which the server had each kind, and how many are inferred."""
    seconds: dict[Accelerator, tuple[int, int]] = {}
    inferred = inferred_stretches(timeline, period, _COUNTED_BY) if timeline.doubts else []
    first_s, last_s = epoch_seconds(period.start), epoch_seconds(period.end)
    for span in timeline.spans:
        told = span.values.get(resource.ACCELERATORS)  # empty: none
        if not told or span.values.get(resource.STATE) in context.suspended_states:
            continue
        start_s = max(epoch_seconds(span.start), first_s)
        end_s = last_s if span.end is None else min(epoch_seconds(span.end), last_s)
        if start_s < end_s:
            doubtful_s = overlap(inferred, start_s, end_s)
            for one in accelerators_in(str(told), context.accelerator_aliases):
                before = seconds.get(one, (0, 0))
                seconds[one] = before[0] + end_s - start_s, before[1] + doubtful_s
    return seconds


def _record(
    timeline: Timeline,
    context: RecordContext,
    month: Period,
    until: datetime,
    *,
    accelerator: Accelerator,
    available_s: int,
    inferred_s: int,
) -> AcceleratorRecord:
    measured = min(until, month.end)
    users = (one.values.get(resource.USER_ID) for one in reversed(timeline.spans) if one.start < measured)
    user_id = next(users, None)
    return AcceleratorRecord(
        server_id=timeline.resource.id,
        month=month.start,
        created_at=floor_second(measured),
        site_name=context.site_name,
        service_name=context.service_name,
        cloud_type=context.cloud_type,
        project_id=timeline.resource.project_id,
        fqan=context.fqan,
        user_name=context.user_names.get(user_id) if isinstance(user_id, str) else None,
        accelerator=accelerator,
        available_s=available_s,
        inferred_s=inferred_s,
    )
