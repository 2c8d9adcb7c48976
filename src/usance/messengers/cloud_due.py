"""Which cloud records of a server have to be made again, after what was staged before."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import ClassVar

from usance.ledger.values import Changed, StagedRecord
from usance.messengers.making import Asked, TimelineMaker, first_month, is_news
from usance.model.period import SECOND, floor_second, month_start, next_month
from usance.model.resource import SERVER
from usance.model.span import Timeline
from usance.records.cloud import RECORD_TYPE, CloudRecord, cloud_records, key_month, last_second, withdrawal
from usance.records.context import RecordContext


class CloudMaker(TimelineMaker):
    """Makes cloud records."""

    record_type: ClassVar[str] = RECORD_TYPE
    kinds: ClassVar[tuple[str, ...]] = (SERVER,)
    observed: ClassVar[frozenset[str]] = frozenset({SERVER})

    def records(
        self, asked: Asked, changed: Changed, staged: Mapping[str, StagedRecord], waiting: Collection[str]
    ) -> Iterator[CloudRecord]:
        """Yield the records of one server that say something new."""
        return due_records(changed, staged, asked.until, asked.context, since=asked.since, waiting=waiting)

    def month_of(self, key: str) -> datetime:
        """Return the first instant of the month that a record key names."""
        return key_month(key)

    def counted_until(self, staged: Mapping[str, StagedRecord], until: datetime) -> datetime:
        """Return up to when a server is to be counted."""
        return counted_until(staged, until)


def due_records(
    changed: Changed,
    staged: Mapping[str, StagedRecord],
    until: datetime,
    context: RecordContext,
    *,
    since: datetime | None = None,
    waiting: Collection[str] = (),
) -> Iterator[CloudRecord]:
    """Yield the records of one server that say something new.

    *staged* is what was staged last, by record key, for one messenger; *waiting* are the keys of
    its records in quarantine. Months before the first that may have changed are not made again;
    with *since*, the months from it on are. What was stated up to an instant is never stated anew
    up to an earlier one: the receiver counts on cumulative figures, and a change would be lost.
    """
    timeline = changed.timeline
    until = counted_until(staged, until)
    first = first_month(
        changed, max(map(_covered_until, staged.values()), default=None), since, map(key_month, waiting)
    )
    for record in cloud_records(timeline, until, context, first_month=first):
        if is_news(record, staged.get(record.key)):
            yield record
    if changed.changed_from is not None:
        yield from _withdrawals(timeline, staged, until, context)


def counted_until(staged: Mapping[str, StagedRecord], until: datetime) -> datetime:
    """Return up to when a server is to be counted: *until*, or what was stated before if that is later.

    A record of the last second of a month stands for all of the month. So a period that ends with
    that very second is counted up to the second before it, and the next one takes it along.
    """
    if last_second(until):
        until -= SECOND
    return max([until, *(_covered_until(one) for one in staged.values())])


def _covered_until(staged: StagedRecord) -> datetime:
    """Return up to when a staged record counts: one of the last second of a month, for all of it."""
    return staged.created_at + SECOND if last_second(staged.created_at) else staged.created_at


def _withdrawals(
    timeline: Timeline, staged: Mapping[str, StagedRecord], until: datetime, context: RecordContext
) -> Iterator[CloudRecord]:
    """Yield what takes back the statements for months that the server, as known now, did not touch."""
    begin = floor_second(timeline.begin)
    last = floor_second(until if timeline.end is None else min(timeline.end, until))
    first_month = month_start(begin)
    after = next_month(max(begin, last - SECOND))
    for key, one in staged.items():
        month = key_month(key)
        if not first_month <= month < after:
            record = withdrawal(timeline, month, one.created_at, context)
            if one.digest != record.digest:
                yield record
