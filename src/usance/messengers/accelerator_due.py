"""Which accelerator records of a server have to be made again, after what was staged before."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import ClassVar

from usance.ledger.values import Changed, StagedRecord
from usance.messengers.making import Asked, TimelineMaker, first_month, is_news
from usance.model.resource import ACCELERATORS, SERVER
from usance.records.accelerator import (
    RECORD_TYPE,
    AcceleratorRecord,
    accelerator_records,
    key_month,
    withdrawal,
)
from usance.records.context import RecordContext


class AcceleratorMaker(TimelineMaker):
    """Makes accelerator records, of the servers' timelines."""

    record_type: ClassVar[str] = RECORD_TYPE
    kinds: ClassVar[tuple[str, ...]] = (SERVER,)
    observed: ClassVar[frozenset[str]] = frozenset({SERVER})

    def records(
        self, asked: Asked, changed: Changed, staged: Mapping[str, StagedRecord], waiting: Collection[str]
    ) -> Iterator[AcceleratorRecord]:
        """Yield the records of one server that say something new."""
        if staged or any(span.values.get(ACCELERATORS) for span in changed.timeline.spans):
            yield from due_records(
                changed, staged, asked.until, asked.context, since=asked.since, waiting=waiting
            )

    def month_of(self, key: str) -> datetime:
        """Return the first instant of the month that a record key names."""
        return key_month(key)


def due_records(
    changed: Changed,
    staged: Mapping[str, StagedRecord],
    until: datetime,
    context: RecordContext,
    *,
    since: datetime | None = None,
    waiting: Collection[str] = (),
) -> Iterator[AcceleratorRecord]:
    """Yield the records of one server that say something new.

    *staged* is what was staged last, by record key, for one messenger; *waiting* are the keys of
    its records in quarantine. Months before the first that may have changed are not made again;
    with *since*, the months from it on are. Each month stands alone; what was stated of one and is
    not so any more (a late fact, another table of aliases) is stated again, as no time at all.
    """
    stated = max((one.created_at for one in staged.values()), default=None)
    until = until if stated is None else max(until, stated)
    first = first_month(changed, stated, since, map(key_month, waiting))
    made = set()
    for record in accelerator_records(changed.timeline, until, context, first_month=first):
        made.add(record.key)
        if is_news(record, staged.get(record.key)):
            yield record
    for key, before in staged.items():
        if key not in made and (first is None or key_month(key) >= first):
            record = withdrawal(changed.timeline, key, until, context)
            if is_news(record, before):
                yield record
