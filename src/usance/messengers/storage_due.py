"""Which storage records of a volume, snapshot or backup have to be made again."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import ClassVar

from usance.ledger.values import Changed, StagedRecord
from usance.messengers.making import Asked, TimelineMaker, first_month, is_news
from usance.model.resource import BACKUP, SNAPSHOT, VOLUME
from usance.records.context import RecordContext
from usance.records.storage import RECORD_TYPE, StorageRecord, key_month, storage_records, withdrawal


class StorageMaker(TimelineMaker):
    """Makes storage records."""

    record_type: ClassVar[str] = RECORD_TYPE
    kinds: ClassVar[tuple[str, ...]] = (VOLUME, SNAPSHOT, BACKUP)
    observed: ClassVar[frozenset[str]] = frozenset({VOLUME, SNAPSHOT, BACKUP})

    def records(
        self, asked: Asked, changed: Changed, staged: Mapping[str, StagedRecord], waiting: Collection[str]
    ) -> Iterator[StorageRecord]:
        """Yield the records of one resource that say something new."""
        return due_records(changed, staged, asked.until, asked.context, since=asked.since, waiting=waiting)

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
) -> Iterator[StorageRecord]:
    """Yield the records of one resource that say something new.

    *staged* is what was staged last, by record key, for one messenger; *waiting* are the keys of
    its records in quarantine. Months before the first that may have changed are not made again;
    with *since*, the months from it on are. What was stated under a key that is no more is
    taken back.
    """
    stated = max((one.created_at for one in staged.values()), default=None)
    until = until if stated is None else max(until, stated)
    first = first_month(changed, stated, since, map(key_month, waiting))
    made: set[str] = set()
    for record in storage_records(changed.timeline, until, context, first_month=first):
        made.add(record.key)
        if is_news(record, staged.get(record.key)):
            yield record
    for key, before in staged.items():
        if key not in made and (first is None or key_month(key) >= first):
            taken_back = withdrawal(changed.timeline, key, before.created_at, context)
            if before.digest != taken_back.digest:
                yield taken_back
