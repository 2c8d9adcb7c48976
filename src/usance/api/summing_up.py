"""Summing up days beside the API, so that questions about whole days don't read their spans."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

from usance.ledger.ledger import Ledger
from usance.model.errors import LedgerError

LOG = logging.getLogger(__name__)

EVERY_S: Final = 300


@contextmanager
def summing_up(ledger: Ledger, *, every_s: float = EVERY_S) -> Iterator[None]:
    """Sum up, in a thread of its own, the days that are over or have changed: at once, and now and then.

    *ledger* should have no limit of time for a question: a project may be large. Several servers, and
    whoever writes, may do so beside each other. What was summed up when it ends is kept.
    """
    ended = threading.Event()
    thread = threading.Thread(target=_sum_up, args=(ledger, ended, every_s), name="summing-up")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _sum_up(ledger: Ledger, ended: threading.Event, every_s: float) -> None:
    while not ended.is_set():
        try:
            if not ledger.rollups.may_write():
                LOG.info("days are summed up by others: this account may only read")
                return
            done = ledger.rollups.roll(datetime.now(UTC), stop=ended.is_set)
            if done.days:
                LOG.info("summed up %d days of %d projects", done.days, done.projects)
        except LedgerError as error:
            # Nothing is lost: spans say the same, and it is tried again.
            LOG.warning("days could not be summed up: %s", error)
        ended.wait(every_s)
