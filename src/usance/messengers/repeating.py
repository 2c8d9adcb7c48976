"""Stating a month again: what was sent, or what should have been, as is known now or was known once."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

import msgspec

from usance.ledger.ledger import Ledger
from usance.ledger.values import Changed, Looked, NewMessage, NewRecord, Quarantine, StagedRecord, Statement
from usance.messengers.making import Asked, Maker
from usance.messengers.messenger import Messenger
from usance.messengers.outbox import StageResult, carried
from usance.messengers.packing import Rendered, pack, render
from usance.messengers.registry import find_format
from usance.model.period import EPOCH, SECOND, Period
from usance.records.context import RecordContext

_CHUNK: Final = 1000  # records staged in one transaction, about


class Repetition(msgspec.Struct, frozen=True):
    """What is stated again of one project."""

    project_id: str
    cloud_id: str
    context: RecordContext
    until: datetime  # of what is counted now
    months: tuple[Period, ...] = ()  # whole calendar months; none: all
    as_of: datetime | None = None  # as it was said, or known, on that day; None: as it is known now
    record_types: frozenset[str] | None = None  # None: all that a messenger carries

    def holds(self, month: datetime) -> bool:
        """Tell whether a month, by its first instant, is to be stated."""
        return not self.months or any(one.start == month for one in self.months)


class Again(msgspec.Struct, frozen=True):
    """A record that is stated again."""

    staged: NewRecord
    text: str
    format: str
    reason: str | None = None  # why it can't be


def repeated(ledger: Ledger, messenger: Messenger, asked: Repetition) -> Iterator[Again]:
    """Yield the records of some months anew, whatever was staged before.

    As of a day, those that had been delivered by then come as the bytes that they were, and the
    others are made of what was known then; all in the order of the instants up to which they state,
    for some receivers keep what came last.
    """
    for maker in carried(messenger, asked.record_types):
        if asked.as_of is None:
            yield from _anew(ledger, messenger, maker, asked, {})
            continue
        sent = _sent(ledger, messenger, maker, asked, asked.as_of)
        found = [Again(one.record, one.text, one.format) for one in sent.values()]
        found += _anew(ledger, messenger, maker, asked, sent)
        yield from sorted(found, key=lambda one: one.staged.created_at)


def _anew(
    ledger: Ledger, messenger: Messenger, maker: Maker, asked: Repetition, sent: Mapping[str, Statement]
) -> Iterator[Again]:
    """Yield the records that are made anew, but for those that were sent."""
    for rendered in _made(ledger, messenger, maker, asked):
        if rendered.record.key not in sent:
            reason = "; ".join(str(one) for one in rendered.findings) or None
            yield Again(rendered.staged, rendered.text, messenger.formats[maker.record_type], reason)


def stage_again(ledger: Ledger, messenger: Messenger, asked: Repetition, *, now: datetime) -> StageResult:
    """Stage what is stated again. Watermarks stay where they are: what is new goes out as ever."""
    result = StageResult()
    found = repeated(ledger, messenger, asked)
    while chunk := list(islice(found, _CHUNK)):
        good = [one for one in chunk if one.reason is None]
        bad = [Quarantine(one.staged, one.reason, one.text) for one in chunk if one.reason is not None]
        messages = list(_messages(messenger, good))
        ledger.stage(asked.project_id, asked.cloud_id, messenger.name, messages, bad, at=now)
        result = result.beside(StageResult(len(good), len(messages), len(bad)))
    return result


def _messages(messenger: Messenger, records: Sequence[Again]) -> Iterator[NewMessage]:
    """Pack records, by format: a messenger may have had another one when they were sent."""
    for name in sorted({one.format for one in records}):
        yield from pack(
            find_format(name),
            [one for one in records if one.format == name],
            max_records=messenger.max_records,
            max_bytes=messenger.max_bytes,
        )


def _sent(
    ledger: Ledger, messenger: Messenger, maker: Maker, asked: Repetition, as_of: datetime
) -> dict[str, Statement]:
    """Return the last statement of each record that was delivered as of a day, by key."""
    since = min((one.start for one in asked.months), default=EPOCH)
    found: dict[str, Statement] = {}
    for one in ledger.past.delivered(
        asked.project_id,
        asked.cloud_id,
        messenger.name,
        maker.record_type,
        since=since,
        until=as_of,
    ):
        if asked.holds(maker.month_of(one.record.key)):
            found[one.record.key] = one
    return found


def _made(ledger: Ledger, messenger: Messenger, maker: Maker, asked: Repetition) -> Iterator[Rendered]:
    """Yield the records of the months, made anew."""
    if asked.as_of is None:
        reading: _Now | _Then = _Now(ledger)
    else:
        revision = ledger.past.revision_at(asked.project_id, asked.cloud_id, asked.as_of)
        reading = _Then(ledger, revision)
    form = find_format(messenger.formats[maker.record_type])
    until = min(asked.until, max((one.end for one in asked.months), default=asked.until))
    since = min((one.start for one in asked.months), default=EPOCH)
    for due in maker.due(
        Asked(
            reading,
            asked.project_id,
            asked.cloud_id,
            messenger.name,
            asked.context,
            until=until,
            since=min(since, until),
        )
    ):
        for record in due.records:
            if asked.holds(maker.month_of(record.key)):
                yield render(form, record, messenger.max_bytes)


class _Now:
    """The ledger as it is, as if nothing had been staged."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def timelines(
        self,
        project_id: str,
        cloud_id: str,
        kind: str,
        *,
        since_revision: int = 0,  # noqa: ARG002 - what is stated again need not have changed
        touching: Period | None = None,
    ) -> Iterator[Changed]:
        """Yield the timelines that live in a period, each as if it were new."""
        newest = self._ledger.revision(project_id, cloud_id)
        for one in self._ledger.timelines(
            project_id, cloud_id, kind, since_revision=newest, touching=_closed(touching)
        ):
            yield Changed(one.timeline, one.revision, one.timeline.begin)

    def staged(self, *_asked: object, **_also: object) -> dict[str, dict[str, StagedRecord]]:
        """Return nothing."""
        return {}

    def looked(
        self, project_id: str, cloud_id: str, kinds: Collection[str], *, revision: int | None = None
    ) -> Looked | None:
        """Return since when, and when last, all of these kinds were looked at."""
        return self._ledger.looked(project_id, cloud_id, kinds, revision=revision)


class _Then(_Now):
    """The ledger as it was at a revision."""

    def __init__(self, ledger: Ledger, revision: int) -> None:
        super().__init__(ledger)
        self._past = ledger.past
        self._revision = revision

    def looked(
        self,
        project_id: str,
        cloud_id: str,
        kinds: Collection[str],
        *,
        revision: int | None = None,  # noqa: ARG002 - as above
    ) -> Looked | None:
        """Return since when, and when last, all of these kinds had been looked at."""
        return self._ledger.looked(project_id, cloud_id, kinds, revision=self._revision)

    def timelines(
        self,
        project_id: str,
        cloud_id: str,
        kind: str,
        *,
        since_revision: int = 0,  # noqa: ARG002 - as above
        touching: Period | None = None,
    ) -> Iterator[Changed]:
        """Yield the timelines that lived in a period, each as if it were new."""
        for one in self._past.timelines(
            project_id, cloud_id, kind, revision=self._revision, touching=_closed(touching)
        ):
            yield Changed(one, self._revision, one.begin)


def _closed(touching: Period | None) -> Period:
    """Return the period with what ended at its first instant: an end closes the month before it."""
    if touching is None:
        return Period(EPOCH, EPOCH + timedelta(days=365_000))
    return Period(max(touching.start - SECOND, EPOCH), touching.end)
