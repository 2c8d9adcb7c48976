"""What makes the records of one type, and the frame that those made of timelines share.

A maker says, for one messenger and one project, which records state something new. It reads the
ledger and nothing else; what it yields is rendered, checked and staged by the outbox.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import ClassVar, Final, Protocol

import msgspec

from usance.ledger.values import Changed, Looked, StagedRecord
from usance.model.period import SECOND, Period, floor_second, month_start
from usance.records.context import RecordContext
from usance.records.record import Record

_PAGE: Final = 1000  # timelines looked at together


class Reading(Protocol):
    """What makers read: the ledger as it is, or as it was."""

    def timelines(
        self,
        project_id: str,
        cloud_id: str,
        kind: str,
        *,
        since_revision: int = 0,
        touching: Period | None = None,
    ) -> Iterator[Changed]:
        """Yield the timelines that changed after a revision or live in a period, in the order of ids."""
        ...

    def staged(
        self, project_id: str, cloud_id: str, messenger: str, kind: str, resource_ids: Sequence[str]
    ) -> dict[str, dict[str, StagedRecord]]:
        """Return what was staged last of resources of a kind, by resource id and record key."""
        ...

    def looked(
        self, project_id: str, cloud_id: str, kinds: Collection[str], *, revision: int | None = None
    ) -> Looked | None:
        """Return since when, and when last, all of these kinds were looked at; None if they never were."""
        ...


class Asked(msgspec.Struct, frozen=True):
    """What one messenger is to be told of one project, in records of one type."""

    ledger: Reading
    project_id: str
    cloud_id: str
    messenger: str  # its name
    context: RecordContext
    until: datetime  # what is counted ends here, at an instant of the cloud
    since: datetime | None = None  # records of what lived since then are made again
    watermark: int = 0  # the revision up to which the project was staged
    waiting: Mapping[str, Collection[str]] = {}  # keys that are held back, by resource id

    def staged(self, kind: str, resource_ids: Sequence[str]) -> dict[str, dict[str, StagedRecord]]:
        """Return what was staged last of some resources, by resource id and record key."""
        return self.ledger.staged(self.project_id, self.cloud_id, self.messenger, kind, resource_ids)


class Due(msgspec.Struct, frozen=True):
    """What is due of one resource."""

    records: tuple[Record, ...]
    # Keys that were held back, and say now what was staged last, or nothing.
    fine: tuple[str, ...] = ()
    # True if something is known of the resource that lies beyond `until`, and is its end: then
    # nothing but its revision will bring it up again, so the watermark must stay before it.
    untold: bool = False


class Maker(Protocol):
    """Makes the records of one type."""

    record_type: ClassVar[str]
    observed: ClassVar[frozenset[str]]
    """The kinds of resource that must have been observed completely before records are made."""

    def due(self, asked: Asked) -> Iterator[Due]:
        """Yield what is due, resource by resource; memory stays bounded."""
        ...

    def month_of(self, key: str) -> datetime:
        """Return the first instant of the month that a record key names."""
        ...


class TimelineMaker(ABC):
    """Makes records that are each about one resource, of its timeline."""

    record_type: ClassVar[str]
    kinds: ClassVar[tuple[str, ...]]
    observed: ClassVar[frozenset[str]]

    @abstractmethod
    def records(
        self, asked: Asked, changed: Changed, staged: Mapping[str, StagedRecord], waiting: Collection[str]
    ) -> Iterable[Record]:
        """Yield the records of one resource that state something new.

        *staged* is what was staged last, by record key, of this type; *waiting* are the keys of its
        records in quarantine.
        """

    @abstractmethod
    def month_of(self, key: str) -> datetime:
        """Return the first instant of the month that a record key names."""

    def counted_until(self, staged: Mapping[str, StagedRecord], until: datetime) -> datetime:
        """Return up to when a resource is to be counted: never less far than was stated before."""
        return max([until, *(one.created_at for one in staged.values())])

    def due(self, asked: Asked) -> Iterator[Due]:
        """Yield what is due, resource by resource."""
        touching = self._touching(asked)
        prefix = f"{self.record_type}/"
        for kind in self.kinds:
            timelines = asked.ledger.timelines(
                asked.project_id, asked.cloud_id, kind, since_revision=asked.watermark, touching=touching
            )
            while page := list(islice(timelines, _PAGE)):
                staged = asked.staged(kind, [changed.timeline.resource.id for changed in page])
                for changed in page:
                    mine = staged.get(changed.timeline.resource.id, {})
                    yield self._due(
                        asked, changed, {k: one for k, one in mine.items() if k.startswith(prefix)}
                    )

    def _due(self, asked: Asked, changed: Changed, staged: Mapping[str, StagedRecord]) -> Due:
        timeline = changed.timeline
        waiting = asked.waiting.get(timeline.resource.id, ())
        records = tuple(self.records(asked, changed, staged, waiting))
        told = {record.key for record in records} if waiting else ()
        return Due(
            records,
            fine=tuple(key for key in waiting if key not in told),
            untold=timeline.end is not None and timeline.end > self.counted_until(staged, asked.until),
        )

    def _touching(self, asked: Asked) -> Period:
        """Return the period whose resources may have something to tell although they did not change."""
        starts = [asked.until - SECOND]
        if asked.since is not None:
            starts.append(min(asked.since, asked.until))
        starts += [self.month_of(key) for keys in asked.waiting.values() for key in keys]
        return Period(min(starts), asked.until)


def is_news(record: Record, staged: StagedRecord | None) -> bool:
    """Tell whether a record says something else than what was staged, and states no less far."""
    return staged is None or (staged.digest != record.digest and staged.created_at <= record.created_at)


def first_month(
    changed: Changed,
    covered_until: datetime | None,
    since: datetime | None,
    waiting: Iterable[datetime],
) -> datetime | None:
    """Return the first month of a resource whose records are made again; None for all since its creation.

    *covered_until* is up to when was stated before, None if nothing was. Months before the first
    that may have changed are left alone; with *since*, the months from it on are made again, and
    so are those that are *waiting* in quarantine.
    """
    if covered_until is None:
        return None
    months = [month_start(covered_until), *waiting]
    if changed.changed_from is not None:
        # Instants are cut to seconds, and an end on the boundary belongs to the month before it.
        months.append(month_start(floor_second(changed.changed_from) - SECOND))
    if since is not None:
        months.append(month_start(since))
    return min(months)
