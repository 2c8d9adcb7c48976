"""Several accounts of one resource, held against each other: pure.

What the ledger has is one timeline; what that becomes with all that a fresh look tells is another.
Where the two differ, the ledger lacks something. So the rules of the timeline decide what contradicts
what: an action and an event with one request id are one change, timed by the event; a sighting that
an exact claim explains changes nothing; and once the ledger has what the look told, nothing differs.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

import msgspec

from usance.model.observation import Verb
from usance.model.period import Period
from usance.model.resource import ADDRESSES, FLAVOR, SIZE_GIB, STATE, Value
from usance.model.span import Timeline
from usance.reconcile.account import Account, Side, is_heard, side_of
from usance.reconcile.gaps import APART, BEGIN, END, MISSING, Gap, gaps, value_at

_TOLD_BY_EVENTS: Final = frozenset({STATE, FLAVOR, SIZE_GIB, ADDRESSES})

LIVES: Final = "lives"
"""Said of the end of what has none."""


class Difference(msgspec.Struct, frozen=True):
    """One thing that is so by one side, and otherwise or not known by another.

    What the sides say is the value at `start`; of a begin or an end its instant; of what is missing
    its life; None where a side says nothing.
    """

    project_id: str
    cloud_id: str
    kind: str
    id: str
    what: str  # "missing", "begin", "end", or an accounted attribute
    start: datetime  # since when it makes a difference
    end: datetime | None  # until when; None: it goes on
    ledger: Value | None  # what the ledger has
    push: Value | None
    pull: Value | None
    audit: Value | None
    lacking: Side  # the side that lacks it, or whose word does not count
    # Nobody can tell when it happened: after this, and at `start` at the latest.
    not_before: datetime | None = None
    in_ledger: bool = False  # the ledger has it; only push never told it

    @property
    def apart_s(self) -> int | None:
        """For how many whole seconds it makes a difference; None: it goes on."""
        return None if self.end is None else (self.end - self.start) // timedelta(seconds=1)


def lacking(account: Account, period: Period) -> list[Difference]:
    """Return what the ledger lacks of a resource in a period, and the fresh look tells.

    Beside it, where push and pull date a begin or an end differently and push's word counts, as
    long as the ledger has not heard pull's.
    """
    found = [
        _difference(account, gap, Side.PUSH)
        for gap in gaps(account.ledger, account.whole, expected=_expected(account))
        if gap.is_in(period)
    ]
    if account.fresh:
        found += [_difference(account, gap, Side.PULL) for gap in _disputes(account) if gap.is_in(period)]
    return sorted(found, key=_order)


def unheard(account: Account, period: Period) -> list[Difference]:
    """Return what push never told of a resource, and the ledger has from pull or from audits.

    A resource that push says nothing of counts only if something happened to it in the period:
    what began before anybody listened, and goes on, nobody could hear.
    """
    if account.push is None and not _happens(account.ledger, period):
        return []
    found = [
        _difference(account, gap, Side.PUSH, in_ledger=True)
        for gap in gaps(account.push, account.ledger, expected=_expected(account))
        if gap.is_in(period)
    ]
    return sorted(found, key=_order)


def _expected(account: Account) -> frozenset[str]:
    """Return what is told of a resource by events, if any came: who heard of its end alone lacks it."""
    return _TOLD_BY_EVENTS if any(is_heard(one.source) for one in account.known) else frozenset()


def _order(one: Difference) -> tuple[datetime, str]:
    return one.start, one.what


def _happens(life: Timeline | None, period: Period) -> bool:
    """Whether a life begins, changes or ends in a period."""
    if life is None:
        return False
    instants = (life.begin, life.end, *(span.start for span in life.spans))
    return any(one is not None and period.start <= one <= period.end for one in instants)


def _disputes(account: Account) -> Iterator[Gap]:
    """Yield a begin or an end that both sides date, differently, where push's counts.

    What the ledger has heard from both it has decided.
    """
    push, pull, whole, before = account.push, account.pull, account.whole, account.pull_before
    if push is None or pull is None or whole is None:
        return
    moved = any(one.verb in (Verb.ENTERED, Verb.LEFT) for one in account.said)
    if push.begin_exact and pull.begin_exact and not moved:
        known = None if before is None else before.begin
        yield from _dispute(BEGIN, push.begin, pull.begin, whole.begin, known)
    if push.end_exact and pull.end_exact and not moved and not _is_one_deletion(account):
        known = None if before is None else before.end
        yield from _dispute(END, push.end, pull.end, whole.end, known)


def _dispute(
    what: str,
    push: datetime | None,
    pull: datetime | None,
    counts: datetime | None,
    known: datetime | None,
) -> Iterator[Gap]:
    if push is None or pull is None or counts is None:
        return
    news = known is None or abs(known - pull) > APART
    if news and abs(push - pull) > APART >= abs(push - counts):
        yield Gap(what, min(push, pull), max(push, pull))


def _is_one_deletion(account: Account) -> bool:
    """Whether an action and an event of one request tell the end: then one is timed by the other."""
    requests: dict[Side, set[str]] = {side: set() for side in Side}
    for one in account.said:
        if one.verb is Verb.DELETED and one.occurrence is not None:
            requests[side_of(one.source)].add(one.occurrence)
    return not requests[Side.PUSH].isdisjoint(requests[Side.PULL])


def _difference(account: Account, gap: Gap, side: Side, *, in_ledger: bool = False) -> Difference:
    """Return a gap with what each side says there."""
    return Difference(
        project_id=account.resource.project_id,
        cloud_id=account.resource.cloud_id,
        kind=account.resource.kind,
        id=account.resource.id,
        what=gap.what,
        start=gap.start,
        end=gap.end,
        ledger=_says(account.ledger, gap),
        push=_says(account.push, gap),
        pull=_says(account.pull, gap),
        audit=_says(account.audit, gap),
        lacking=side,
        not_before=gap.not_before,
        in_ledger=in_ledger,
    )


def _says(life: Timeline | None, gap: Gap) -> Value | None:
    if life is None:
        return None
    begin, end = _written(life.begin), LIVES if life.end is None else _written(life.end)
    if gap.what == MISSING:
        return f"{begin} to {end}" if life.end is not None else f"{begin}, {LIVES}"
    if gap.what == BEGIN:
        return begin
    return end if gap.what == END else value_at(life, gap.what, gap.start)


def _written(instant: datetime) -> str:
    """Return an instant, which is in UTC, as text."""
    return instant.isoformat().replace("+00:00", "Z")
