"""Sending without observing: what is in the queues on disk, and what waits for `ams` and `stomp`."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from usance.config.settings import QueueSettings, Settings
from usance.extraction.lock import run_lock
from usance.extraction.publishing import deliver_staged
from usance.extraction.report import MessengerResult
from usance.ledger.ledger import Ledger
from usance.messengers.registry import find_messengers
from usance.model.errors import UsanceError
from usance.sending.publishing import PublishReport, QueueReport, publish
from usance.sending.queues import open_queue

LOG = logging.getLogger(__name__)

SENDING: Final = frozenset({"ams", "stomp"})
"""The messengers that send by themselves; all others hand over to somebody else."""


class OutgoingReport(msgspec.Struct, frozen=True):
    """What became of what was to be sent."""

    queues: tuple[QueueReport, ...]
    messengers: tuple[MessengerResult, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def exit_status(self) -> int:
        """As that of the queues; 1 if a messenger still has messages."""
        waiting = any(one.pending or one.error for one in self.messengers)
        status = PublishReport(self.queues).exit_status
        return 1 if waiting and status == 0 else status


def send_all(
    settings: Settings, queues: Sequence[QueueSettings] | None = None, *, dry_run: bool = False
) -> OutgoingReport:
    """Send what is in *queues*, or in all queues that are configured and in the outbox, too.

    Raises ConfigurationError for what makes sending impossible, LockHeldError if an extraction,
    which delivers by itself, is under way.
    """
    results = _outbox(settings, dry_run=dry_run) if queues is None else ()
    chosen = settings.publish.queues if queues is None else tuple(queues)
    if queues is None and not any(_waiting(one) for one in chosen):
        # Nothing is to be sent, so nothing needs a certificate; yet it is said where was looked.
        empty = tuple(QueueReport(str(one.path), one.destination) for one in chosen if one.path.is_dir())
        return OutgoingReport(empty, results)
    report = publish(msgspec.structs.replace(settings.publish, queues=chosen), dry_run=dry_run)
    shown = tuple(one for one in report.queues if queues is not None or _says_something(one))
    return OutgoingReport(shown, results, report.warnings)


def _waiting(queue: QueueSettings) -> bool:
    try:
        return bool(open_queue(queue.path, queue.path_type).names())
    except UsanceError:
        return True  # who empties it says what is wrong, and goes on with the others


def _says_something(report: QueueReport) -> bool:
    return bool(report.sent or report.dead or report.left or report.error)


def _outbox(settings: Settings, *, dry_run: bool) -> tuple[MessengerResult, ...]:
    chosen = [one for one in settings.messengers if one.name in SENDING]
    if not chosen:
        return ()
    messengers = find_messengers(chosen)
    results: list[MessengerResult] = []
    opened = Ledger.rehearse if dry_run else Ledger.open
    with (
        run_lock(settings.lock_dir, timeout_s=settings.lock_timeout_s),
        opened(settings.ledger_url) as ledger,
    ):
        for messenger in messengers:
            if dry_run:
                states = {one.messenger: one.pending for one in ledger.status().messengers}
                results.append(MessengerResult(messenger.name, pending=states.get(messenger.name, 0)))
            else:
                results.append(deliver_staged(ledger, messenger, (), datetime.now(UTC)))
    return tuple(results)
