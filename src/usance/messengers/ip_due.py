"""Which days' public IP records have to be made again, after what was staged before.

Days are measured from the first complete look on: of addresses that were gone by then nobody
knows. Of these, the days are due that were not over when the project was staged last, and all from
the first that a later fact changed. The receiver keeps the record of a month that it loaded last;
so where an earlier day is stated anew, the last one of its month is stated after it once more.
"""

from __future__ import annotations

import logging
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import ClassVar, Final

import msgspec

from usance.ledger.values import StagedRecord
from usance.messengers.making import Asked, Due
from usance.model.period import Period, month_start
from usance.model.resource import ADDRESS_KINDS, FLOATING_IP, PORT, ROUTER_GATEWAY, SERVER
from usance.model.span import Timeline
from usance.records.ip import (
    DAY,
    RECORD_TYPE,
    RESOURCE_KIND,
    Counts,
    IpRecord,
    Measurement,
    Whose,
    count,
    day_name,
    day_of,
    days,
    ip_records,
    key_day,
    key_whose,
    last_day,
    measurement,
    servers_behind,
    user_at,
)

LOG = logging.getLogger(__name__)

_WINDOW: Final = 32
"""Days that are counted in one reading of the timelines."""

_PAGE: Final = 1000  # timelines looked at together

_LATE: Final = timedelta(days=3)
"""So long after its end a server is remembered: an address that led to it is seen until the next look."""


class _Plan(msgspec.Struct, frozen=True):
    """Which days are due of a project."""

    first: datetime  # the first day that may be measured at all
    start: datetime  # the first day that is due
    end: datetime  # the last one
    until: datetime
    untold: bool  # something is known that lies beyond the end


class IpMaker:
    """Makes public IP records: of a project as a whole, day by day."""

    record_type: ClassVar[str] = RECORD_TYPE
    observed: ClassVar[frozenset[str]] = frozenset({FLOATING_IP, PORT, ROUTER_GATEWAY})

    def month_of(self, key: str) -> datetime:
        """Return the first instant of the month that a record key names."""
        return month_start(key_day(key))

    def due(self, asked: Asked) -> Iterator[Due]:
        """Yield what is due, month by month.

        What is yielded at once is staged in one transaction: the last word of a month is never cut
        off from what it corrects.
        """
        plan = _plan(asked)
        if plan is None:
            return
        yield Due((), untold=plan.untold)
        if plan.end < plan.start:
            return
        teller = _Teller(asked)
        before: Counts = {}
        month: list[Due] = []
        for window in _windows(plan):
            counted = _counted(asked, window)
            staged = asked.staged(RESOURCE_KIND, [day_name(one.day) for one in window])
            for when, counts in zip(window, counted, strict=True):
                if when.day >= plan.start:
                    month.append(teller.day(when, counts, before, staged.get(day_name(when.day), {})))
                    if when.day == plan.end or month_start(when.day + DAY) != month_start(when.day):
                        month.append(Due(tuple(teller.last_words())))
                        yield _together(month)
                        month.clear()
                before = counts
        _log_origins(asked, before)


def _together(several: Sequence[Due]) -> Due:
    return Due(
        tuple(record for one in several for record in one.records),
        fine=tuple(key for one in several for key in one.fine),
    )


def _windows(plan: _Plan) -> Iterator[list[Measurement]]:
    """Yield the days that are due, a bounded number at a time.

    The day before them is counted, too: it tells who had addresses and has none now.
    """
    due = days(max(plan.first, plan.start - DAY), plan.end)
    while window := [measurement(day, plan.until) for day in islice(due, _WINDOW)]:
        yield window


class _Teller:
    """Tells what is news, and repeats the last word of a month in which an earlier one was changed."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._stated: dict[Whose, IpRecord] = {}  # of this month: what was staged before, and still is so
        self._told: dict[Whose, datetime] = {}  # of this month: the last day that is news

    def day(
        self, when: Measurement, counts: Counts, before: Counts, staged: Mapping[str, StagedRecord]
    ) -> Due:
        """Return what is to be said of a day."""
        asked = self._asked
        known = {key_whose(key, asked.project_id): one for key, one in staged.items()}
        records = ip_records(
            asked.project_id,
            when,
            counts,
            before,
            asked.context,
            stated=known,
            cloud_id=asked.cloud_id,
        )
        news = []
        for whose, record in records.items():
            last = known.get(whose)
            if last is None or (last.digest != record.digest and last.created_at <= record.created_at):
                news.append(record)
                self._told[whose] = when.day
            else:
                self._stated[whose] = record
        waiting = asked.waiting.get(day_name(when.day), ())
        told = {record.key for record in news} if waiting else ()
        return Due(tuple(news), fine=tuple(key for key in waiting if key not in told))

    def last_words(self) -> list[IpRecord]:
        """Return what has to be repeated of the month that ends here, and forget the month."""
        again = [
            record
            for whose, record in self._stated.items()
            if whose in self._told and self._told[whose] < record.day
        ]
        self._stated.clear()
        self._told.clear()
        return again


def _plan(asked: Asked) -> _Plan | None:
    """Return which days are due; None if none can be."""
    ledger, place = asked.ledger, (asked.project_id, asked.cloud_id)
    looked = ledger.looked(*place, IpMaker.observed)
    if looked is None:
        return None
    first, newest = day_of(looked.first), day_of(looked.last)
    until = _counted_until(asked, newest)
    end = last_day(until)
    start = first
    if asked.watermark:
        before = ledger.looked(*place, IpMaker.observed, revision=asked.watermark)
        changed = _changed_from(asked)
        starts = [first if before is None else day_of(before.last)]
        starts += [day_of(changed)] if changed is not None else []
        starts += [day_of(asked.since)] if asked.since is not None else []
        starts += [key_day(key) for keys in asked.waiting.values() for key in keys]
        start = max(first, min(starts))
    # The next run begins with the day that was looked at last: none between may be left out.
    told = end + DAY if measurement(end, until).is_final else end
    return _Plan(first, start, end, until, untold=newest > told)


def _counted_until(asked: Asked, newest: datetime) -> datetime:
    """Return up to when is counted: what was stated up to an instant is never stated up to an earlier one."""
    names = [day_name(one) for one in days(last_day(asked.until), newest)]
    staged = asked.staged(RESOURCE_KIND, names)
    return max([asked.until, *(one.created_at for records in staged.values() for one in records.values())])


def _changed_from(asked: Asked) -> datetime | None:
    """Return since when anything that counts is different from what it was at the watermark."""
    found: datetime | None = None
    for kind in (*ADDRESS_KINDS, SERVER):
        for changed in asked.ledger.timelines(
            asked.project_id, asked.cloud_id, kind, since_revision=asked.watermark
        ):
            since = changed.changed_from
            if since is not None and (found is None or since < found):
                found = since
    return found


def _counted(asked: Asked, window: Sequence[Measurement]) -> list[Counts]:
    """Return the counts at each instant of a window; timelines are streamed, never held."""
    instants = [one.at for one in window]
    counted: list[Counts] = [{} for _ in window]
    users = _Users(asked, instants)
    for kind in ADDRESS_KINDS:
        timelines = _living(asked, kind, instants, timedelta())
        while page := list(islice(timelines, _PAGE)):
            for one in page:
                count(one, instants, counted, user_of=users, default_user_id=asked.context.default_user_id)
    return counted


def _living(asked: Asked, kind: str, instants: Sequence[datetime], earlier: timedelta) -> Iterator[Timeline]:
    """Yield the timelines of a kind that may have lived at one of the instants, or *earlier* than that."""
    touching = Period(instants[0] - earlier, instants[-1] + DAY)
    for changed in asked.ledger.timelines(
        asked.project_id, asked.cloud_id, kind, since_revision=asked.watermark, touching=touching
    ):
        timeline = changed.timeline
        if timeline.begin <= instants[-1] and (timeline.end is None or timeline.end > touching.start):
            yield timeline


class _Users:
    """The users of the servers behind the addresses of a window; nothing else of a server is kept."""

    def __init__(self, asked: Asked, instants: Sequence[datetime]) -> None:
        self._instants = instants
        wanted: set[str] = set()
        for kind in ADDRESS_KINDS:
            for one in _living(asked, kind, instants, timedelta()):
                wanted |= servers_behind(one)
        self._users: dict[str, list[str | None]] = {}
        for server in _living(asked, SERVER, instants, _LATE) if wanted else ():
            if server.resource.id in wanted:
                found = [user_at(server, instant) for instant in instants]
                # Nova has no way to give a server to somebody else: one entry does for nearly all.
                self._users[server.resource.id] = found[:1] if len(set(found)) == 1 else found

    def __call__(self, server_id: str, instant: datetime) -> str | None:
        """Return the user of a server at one of the instants."""
        found = self._users.get(server_id)
        if not found:
            return None
        return found[0] if len(found) == 1 else found[bisect_left(self._instants, instant)]


def _log_origins(asked: Asked, counts: Counts) -> None:
    """Say what told whose the addresses are that were counted last."""
    tallies = counts.values()
    LOG.info(
        "project %s: of its public addresses %d count for the users of their servers, %d for users whom an"
        " event named, %d for the configured user, and of %d nothing tells whose they are",
        asked.project_id,
        sum(one.by_server for one in tallies),
        sum(one.by_event for one in tallies),
        sum(one.by_default for one in tallies),
        sum(one.by_nobody for one in tallies),
    )
