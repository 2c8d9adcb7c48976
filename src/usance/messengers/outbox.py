"""The outbox: staging what a messenger should be told of a project, and delivering it.

Staging is done again safely at any time: a record is staged only if it says something new. So a
run that was killed anywhere is completed by the next one.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Final

import msgspec

from usance.ledger.ledger import Ledger
from usance.ledger.values import Message
from usance.messengers.makers import MAKERS
from usance.messengers.making import Asked, Maker, Reading
from usance.messengers.messenger import Messenger, RefusedError
from usance.messengers.packing import Rendered, pack, render
from usance.messengers.reading_once import ReadOnce
from usance.messengers.registry import find_format
from usance.model.errors import DeliveryError
from usance.records.context import RecordContext

_CHUNK: Final = 1000  # records staged in one transaction, about
_DELIVERED_AT_ONCE: Final = 50  # messages read from the ledger
_UNNOTED_S: Final = 0.2  # a message that was taken waits so long at most to be noted with others


class StageResult(msgspec.Struct, frozen=True):
    """What was staged."""

    records: int = 0
    messages: int = 0
    quarantined: int = 0  # refused by the validator in this run, each kept with its reason

    def beside(self, other: StageResult) -> StageResult:
        """Return both together."""
        return StageResult(
            self.records + other.records,
            self.messages + other.messages,
            self.quarantined + other.quarantined,
        )


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
    record_types: Collection[str] | None = None,
) -> StageResult:
    """Stage what a messenger should be told of a project, up to an instant of the cloud.

    With *since*, the months from its month on are made again for what lived since then; with
    *record_types*, only these of the types that it carries are staged. *now* is when messages are
    staged, by the local clock. A record that fails its validation is held back alone, with the
    reason, and is tried again in each run.
    """
    result = StageResult()
    # Read first: what changes meanwhile is seen again by the next run.
    revision = ledger.revision(project_id, cloud_id)
    for plan in _plans(
        ledger, project_id, cloud_id, messenger, context, until=until, since=since, record_types=record_types
    ):
        result = result.beside(_stage(plan, revision, now))
    return result


def carried(messenger: Messenger, record_types: Collection[str] | None = None) -> list[Maker]:
    """Return the makers of what a messenger carries, of these types, in the order of cASO."""
    return [
        maker
        for maker in MAKERS
        if maker.record_type in messenger.record_types
        and (record_types is None or maker.record_type in record_types)
    ]


def _stage(plan: _Plan, revision: int, now: datetime) -> StageResult:
    messenger, record_type = plan.messenger, plan.maker.record_type
    result = StageResult()
    for chunk in plan.chunks():
        reached = None
        if chunk.last and not plan.untold and revision > plan.watermark:
            reached = (record_type, revision)
        if not (chunk.good or chunk.bad or chunk.fine or reached):
            continue
        messages = list(
            pack(plan.form, chunk.good, max_records=messenger.max_records, max_bytes=messenger.max_bytes)
        )
        plan.ledger.stage(
            *plan.place,
            messenger.name,
            messages,
            [one.quarantine for one in chunk.bad],
            at=now,
            unchanged=chunk.fine,
            watermark=reached,
        )
        result = result.beside(StageResult(len(chunk.good), len(messages), len(chunk.bad)))
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
    record_types: Collection[str] | None = None,
) -> Iterator[Rendered]:
    """Yield what :func:`stage` would stage or hold back, and write nothing."""
    for plan in _plans(
        ledger, project_id, cloud_id, messenger, context, until=until, since=since, record_types=record_types
    ):
        for chunk in plan.chunks():
            yield from chunk.good
            yield from chunk.bad


def _plans(
    ledger: Ledger,
    project_id: str,
    cloud_id: str,
    messenger: Messenger,
    context: RecordContext,
    *,
    until: datetime,
    since: datetime | None,
    record_types: Collection[str] | None,
) -> Iterator[_Plan]:
    """Yield what is due, a plan for each type of record; they read the ledger together."""
    reading = ReadOnce(ledger)
    for maker in carried(messenger, record_types):
        yield _Plan(
            ledger,
            project_id,
            cloud_id,
            messenger,
            context,
            reading=reading,
            maker=maker,
            until=until,
            since=since,
        )


class _Chunk(msgspec.Struct, frozen=True):
    """What becomes of some records."""

    good: list[Rendered]
    bad: list[Rendered]
    fine: list[str]  # keys of records that were held back, and say now what was staged last, or nothing
    last: bool = False  # of its plan: with it the watermark moves


class _Plan:
    """What is due of one project for one messenger, in records of one type."""

    def __init__(
        self,
        ledger: Ledger,
        project_id: str,
        cloud_id: str,
        messenger: Messenger,
        context: RecordContext,
        *,
        reading: Reading,
        maker: Maker,
        until: datetime,
        since: datetime | None,
    ) -> None:
        self.ledger = ledger
        self.place = (project_id, cloud_id)
        self.messenger = messenger
        self.maker = maker
        self.form = find_format(messenger.formats[maker.record_type])
        self.watermark = ledger.messenger_watermark(*self.place, messenger.name, maker.record_type)
        # A messenger may tell less often than there are runs: see `Messenger`.
        counted_until = getattr(messenger, "counted_until", None)
        self.asked = Asked(
            reading,
            project_id,
            cloud_id,
            messenger.name,
            context,
            until=until if counted_until is None else counted_until(until),
            since=since,
            watermark=self.watermark,
            waiting=self._waiting(),
        )
        self.untold = False  # see `Due.untold`

    def _waiting(self) -> dict[str, list[str]]:
        """Return the keys of the type that are held back, by resource id."""
        waiting: dict[str, list[str]] = {}
        for one in self.ledger.quarantined(*self.place, self.messenger.name):
            record = one.quarantine.record
            if record.key.startswith(f"{self.maker.record_type}/"):
                waiting.setdefault(record.resource_id, []).append(record.key)
        return waiting

    def chunks(self) -> Iterator[_Chunk]:
        """Yield what is due, a bounded number of records at a time."""
        chunk = _Chunk([], [], [])
        for due in self.maker.due(self.asked):
            self.untold |= due.untold
            chunk.fine.extend(due.fine)
            for record in due.records:
                rendered = render(self.form, record, self.messenger.max_bytes)
                (chunk.bad if rendered.findings else chunk.good).append(rendered)
            if len(chunk.good) + len(chunk.bad) >= _CHUNK:
                yield chunk
                chunk = _Chunk([], [], [])
        yield msgspec.structs.replace(chunk, last=True)


def deliver(ledger: Ledger, messenger: Messenger, *, now: datetime) -> DeliverResult:
    """Deliver a messenger's messages in the order of their staging, as far as that goes.

    A message is marked after the messenger took it; so what a crash interrupts is sent again,
    under the same identity. A failure stops this messenger, and is kept with the message; one that
    the receiver refuses for good is put aside, and the next ones go on.
    """
    try:
        return _deliver(ledger, messenger, now)
    finally:
        close = getattr(messenger, "close", None)
        if close is not None:
            close()


def _deliver(ledger: Ledger, messenger: Messenger, now: datetime) -> DeliverResult:
    result = DeliverResult()
    marks = _Marks(ledger, now)
    while messages := ledger.pending(messenger.name, limit=_DELIVERED_AT_ONCE):
        try:
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
                    marks.took(message)
                    result = DeliverResult(result.delivered + 1, result.failed, result.reason)
        finally:
            marks.write()
    return result


class _Marks:
    """Notes what a messenger took: where it is quick, for several messages at once."""

    def __init__(self, ledger: Ledger, now: datetime) -> None:
        self._ledger = ledger
        self._now = now
        self._taken: list[Message] = []
        self._since = time.monotonic()

    def took(self, message: Message) -> None:
        """Note a message, at once unless the last note is fresh: a crash repeats what is not noted."""
        self._taken.append(message)
        if time.monotonic() - self._since > _UNNOTED_S:
            self.write()

    def write(self) -> None:
        """Write what is noted into the ledger."""
        if self._taken:
            self._ledger.delivered(*self._taken, at=self._now)
            self._taken.clear()
        self._since = time.monotonic()
