"""The outbox: staging what a messenger should be told of a project, and delivering it.

Staging is done again safely at any time: a record is staged only if it says something new. So a
run that was killed anywhere is completed by the next one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Final

import msgspec

from usance.ledger.ledger import Ledger
from usance.ledger.values import Changed, StagedRecord
from usance.messengers.due import counted_until, due_records
from usance.messengers.messenger import Messenger, RefusedError
from usance.messengers.packing import Rendered, pack, render
from usance.messengers.registry import find_format
from usance.model.errors import DeliveryError
from usance.model.period import SECOND, Period
from usance.model.resource import SERVER
from usance.records.cloud import RECORD_TYPE, key_month, key_server_id
from usance.records.context import RecordContext

_CHUNK: Final = 1000  # servers looked at, and about as many records staged, in one transaction
_DELIVERED_AT_ONCE: Final = 50  # messages read from the ledger


class StageResult(msgspec.Struct, frozen=True):
    """What was staged."""

    records: int = 0
    messages: int = 0
    quarantined: int = 0  # refused by the validator in this run, each kept with its reason


class DeliverResult(msgspec.Struct, frozen=True):
    """What was delivered."""

    delivered: int = 0  # messages
    failed: int = 0  # messages that were refused for good, and the one that stopped the messenger
    reason: str | None = None  # why the messenger stopped, or refused the last one


def stage(
    ledger: Ledger,
    project_id: str,
    cloud_id: str,
    messenger: Messenger,
    context: RecordContext,
    *,
    until: datetime,
    since: datetime | None = None,
    now: datetime,
) -> StageResult:
    """Stage what a messenger should be told of a project's servers, up to an instant of the cloud.

    With *since*, the months from its month on are made again for the servers that lived since
    then. *now* is when messages are staged, by the local clock. A record that fails its validation
    is held back alone, with the reason, and is tried again in each run.
    """
    # Read first: what changes meanwhile is seen again by the next run.
    revision = ledger.revision(project_id, cloud_id)
    plan = _Plan(ledger, project_id, cloud_id, messenger, context, until=until, since=since)
    result = StageResult()
    for chunk in plan.chunks():
        if not (chunk.good or chunk.bad or chunk.fine):
            continue
        messages = list(
            pack(plan.form, chunk.good, max_records=messenger.max_records, max_bytes=messenger.max_bytes)
        )
        ledger.stage(
            project_id,
            cloud_id,
            messenger.name,
            messages,
            [one.quarantine for one in chunk.bad],
            at=now,
            unchanged=chunk.fine,
        )
        result = StageResult(
            result.records + len(chunk.good),
            result.messages + len(messages),
            result.quarantined + len(chunk.bad),
        )
    if not plan.untold and revision > plan.watermark:
        ledger.stage(project_id, cloud_id, messenger.name, (), at=now, watermark=revision)
    return result


def records_that_would_go(
    ledger: Ledger,
    project_id: str,
    cloud_id: str,
    messenger: Messenger,
    context: RecordContext,
    *,
    until: datetime,
    since: datetime | None = None,
) -> Iterator[Rendered]:
    """Yield what :func:`stage` would stage or hold back, and write nothing."""
    for chunk in _Plan(ledger, project_id, cloud_id, messenger, context, until=until, since=since).chunks():
        yield from chunk.good
        yield from chunk.bad


class _Chunk(msgspec.Struct, frozen=True):
    """What becomes of some records."""

    good: list[Rendered]
    bad: list[Rendered]
    fine: list[str]  # keys of records that were held back, and say now what was staged last, or nothing


class _Plan:
    """What is due of one project for one messenger."""

    def __init__(
        self,
        ledger: Ledger,
        project_id: str,
        cloud_id: str,
        messenger: Messenger,
        context: RecordContext,
        *,
        until: datetime,
        since: datetime | None,
    ) -> None:
        self.ledger = ledger
        self.place = (project_id, cloud_id)
        self.messenger = messenger
        self.context = context
        self.until = until
        self.since = since
        self.form = find_format(messenger.format)
        self.watermark = ledger.messenger_watermark(project_id, cloud_id, messenger.name)
        self.waiting: dict[str, list[str]] = {}  # keys that are held back, by server
        for one in ledger.quarantined(project_id, cloud_id, messenger.name):
            record = one.quarantine.record
            if record.resource_kind == SERVER:
                self.waiting.setdefault(record.resource_id, []).append(record.key)
        # True once something is known of a server that lies beyond `until`, and is its end: then
        # nothing but its revision will bring it up again, so the watermark must stay before it.
        self.untold = False

    def chunks(self) -> Iterator[_Chunk]:
        """Yield what is due, a bounded number of records at a time."""
        if RECORD_TYPE not in self.messenger.record_types or self.form.record_type != RECORD_TYPE:
            return
        timelines = self.ledger.timelines(
            *self.place, SERVER, since_revision=self.watermark, touching=self._touching()
        )
        while page := list(islice(timelines, _CHUNK)):
            yield from self._page(page)

    def _touching(self) -> Period:
        """Return the period whose servers may have something to tell although they did not change."""
        starts = [self.until - SECOND]
        if self.since is not None:
            starts.append(min(self.since, self.until))
        starts += [key_month(key) for keys in self.waiting.values() for key in keys]
        return Period(min(starts), self.until)

    def _page(self, page: Sequence[Changed]) -> Iterator[_Chunk]:
        staged = self._staged(page)
        chunk = _Chunk([], [], [])
        for changed in page:
            self._add(chunk, changed, staged.get(changed.timeline.resource.id, {}))
            if len(chunk.good) + len(chunk.bad) >= _CHUNK:
                yield chunk
                chunk = _Chunk([], [], [])
        yield chunk

    def _staged(self, page: Sequence[Changed]) -> dict[str, dict[str, StagedRecord]]:
        ids = [changed.timeline.resource.id for changed in page]
        by_server: dict[str, dict[str, StagedRecord]] = {}
        for key, one in self.ledger.staged(*self.place, self.messenger.name, SERVER, ids).items():
            by_server.setdefault(key_server_id(key), {})[key] = one
        return by_server

    def _add(self, chunk: _Chunk, changed: Changed, staged: dict[str, StagedRecord]) -> None:
        timeline = changed.timeline
        waiting = self.waiting.get(timeline.resource.id, ())
        if timeline.end is not None and timeline.end > counted_until(staged, self.until):
            self.untold = True
        told = set()
        for record in due_records(
            changed, staged, self.until, self.context, since=self.since, waiting=waiting
        ):
            told.add(record.key)
            rendered = render(self.form, record, self.messenger.max_bytes)
            (chunk.bad if rendered.findings else chunk.good).append(rendered)
        chunk.fine.extend(key for key in waiting if key not in told)


def deliver(ledger: Ledger, messenger: Messenger, *, now: datetime) -> DeliverResult:
    """Deliver a messenger's messages in the order of their staging, as far as that goes.

    A message is marked after the messenger took it; so what a crash interrupts is sent again,
    under the same identity. A failure stops this messenger, and is kept with the message; one that
    the receiver refuses for good is put aside, and the next ones go on.
    """
    result = DeliverResult()
    while messages := ledger.pending(messenger.name, limit=_DELIVERED_AT_ONCE):
        for message in messages:
            try:
                messenger.send(message)
            except RefusedError as error:
                ledger.dead(message, str(error), at=now)
                result = DeliverResult(result.delivered, result.failed + 1, str(error))
            except DeliveryError as error:
                ledger.failed(message, str(error), at=now)
                return DeliverResult(result.delivered, result.failed + 1, str(error))
            except Exception as error:  # noqa: BLE001 - a fault of one messenger must not hold back the others
                reason = f"The messenger {messenger.name} has a fault: {type(error).__name__}: {error}"
                ledger.failed(message, reason, at=now)
                return DeliverResult(result.delivered, result.failed + 1, reason)
            else:
                ledger.delivered(message, at=now)
                result = DeliverResult(result.delivered + 1, result.failed, result.reason)
    return result
