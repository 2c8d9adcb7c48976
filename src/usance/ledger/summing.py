"""Usage, summed up over spans: exact, whatever is asked, in the time that the spans take."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, Text, and_, cast, or_, select, union_all

from usance.ledger.answers import Amounts, By, UsageRow, Window
from usance.ledger.counting import DAY_S, SECOND_US, Stretch, inferred, measures
from usance.ledger.engine import hold_patience
from usance.ledger.schema import RESOURCE_KEY
from usance.ledger.standing import Standing
from usance.model.period import Period, epoch_seconds, from_us, month_of
from usance.model.resource import SERVER
from usance.model.usage import overlap

_ROWS: Final = 2000  # that are fetched at once

Group = tuple[str | None, str | None, str | None, str | None, str | None]
"""Project, cloud, kind, flavor and state; None for what is not told apart."""

_SECONDS, _SUSPENDED, _VCPU, _RAM, _DISK, _SIZE, _INFERRED, _INFERRED_VCPU, _RESOURCES, _BEGUN = range(10)


class Sums:
    """Amounts by group and window, while they are added up."""

    def __init__(
        self, period: Stretch, by: Collection[By], window: Window | None, suspended: Collection[str]
    ) -> None:
        self.period = period
        self.by = frozenset(by)
        self.window = window
        self.suspended = frozenset(suspended)
        self.starts = list(_starts(period, window))  # of the windows
        self._sums: dict[tuple[Group, int], list[int]] = {}

    def windows(self) -> Iterator[Stretch]:
        """Yield the windows, cut to the period, in order."""
        ends = [*self.starts[1:], self.period[1]]
        yield from zip(self.starts, ends, strict=True)

    def group(self, project_id: str, cloud_id: str, kind: str, flavor: str, state: str) -> Group:
        """Return the group that something belongs to."""
        by = self.by
        return (
            project_id if By.PROJECT in by else None,
            cloud_id if By.CLOUD in by else None,
            kind if By.KIND in by else None,
            flavor if By.FLAVOR in by else None,
            state if By.STATE in by else None,
        )

    def sums(self, group: Group, window_start: int) -> list[int]:
        """Return the ten sums of a group in a window, to be added to."""
        key = (group, window_start)
        found = self._sums.get(key)
        if found is None:
            found = self._sums[key] = [0] * 10
        return found

    def add(self, group: Group, window_start: int, amounts: Iterable[int]) -> None:
        """Add amounts to those of a group in a window: eight of them, and the number of resources."""
        own = self.sums(group, window_start)
        for position, amount in enumerate(amounts):
            own[position] += amount

    def add_span(self, row: Any, stretch: Stretch, seen: set[tuple[Group, int]] | None) -> None:
        """Add the part of a span that lies in a stretch of the period.

        A resource is counted in each window with the span that holds its first second in the
        window, or, with *seen* (the groups and windows in which it was met), in each group.
        """
        project_id, cloud_id, kind, _, start_us, end_us, accounted, begin_us, doubts = row
        first_s, last_s = stretch
        start_s = max(start_us // SECOND_US, first_s)
        end_s = last_s if end_us is None else min(end_us // SECOND_US, last_s)
        if start_s >= end_s:
            return
        begin_s = begin_us // SECOND_US
        of = measures(kind, accounted)
        doubtful = inferred(kind, doubts, stretch)
        group = self.group(project_id, cloud_id, kind, of.flavor, of.state)
        suspended = kind == SERVER and of.state in self.suspended
        position = bisect_right(self.starts, start_s) - 1
        while start_s < end_s:
            window_s = self.starts[position]
            position += 1
            until_s = end_s if position == len(self.starts) else min(end_s, self.starts[position])
            seconds = until_s - start_s
            inferred_s = seconds if not of.known else overlap(doubtful, start_s, until_s) if doubtful else 0
            sums = self.sums(group, window_s)
            sums[_SECONDS] += seconds
            if suspended:
                sums[_SUSPENDED] += seconds
            else:
                sums[_VCPU] += seconds * of.vcpus
                sums[_INFERRED_VCPU] += inferred_s * of.vcpus
            sums[_RAM] += seconds * of.ram_mib
            sums[_DISK] += seconds * of.disk_gib
            sums[_SIZE] += seconds * of.size_kib
            sums[_INFERRED] += inferred_s
            sums[_BEGUN] += start_s <= begin_s < until_s
            if seen is None:
                sums[_RESOURCES] += start_s <= max(begin_s, window_s) < until_s
            elif (group, window_s) not in seen:
                seen.add((group, window_s))
                sums[_RESOURCES] += 1
            start_s = until_s

    def items(self) -> Iterator[tuple[Group, int, list[int]]]:
        """Yield each group, the begin of a window, and the sums: of amounts, of resources, of those begun."""
        for (group, start), sums in self._sums.items():
            yield group, start, sums

    def rows(self, *, counted: bool) -> Iterator[UsageRow]:
        """Yield what was added up, in order, and forget it."""
        ends = dict(self.windows())
        for (group, start), sums in sorted(self._sums.items(), key=_order):
            yield UsageRow(
                *group,
                period=Period(from_us(start * SECOND_US), from_us(ends[start] * SECOND_US)),
                resources=sums[_RESOURCES] if counted else None,
                amounts=Amounts(*sums[:_RESOURCES]),
            )
        self._sums = {}


def _order(item: tuple[tuple[Group, int], list[int]]) -> tuple[tuple[str, ...], int]:
    (group, start), _ = item
    return tuple(one or "" for one in group), start


def _starts(period: Stretch, window: Window | None) -> Iterator[int]:
    first, last = period
    yield first
    if window is Window.DAY:
        yield from range((first // DAY_S + 1) * DAY_S, last, DAY_S)
    elif window is Window.MONTH:
        start = month_of(from_us(first * SECOND_US)).end
        while (seconds := epoch_seconds(start)) < last:
            yield seconds
            start = month_of(start).end


# --- the spans -------------------------------------------------------------------------------


def add_spans(
    connection: Connection,
    sums: Sums,
    standing: Standing,
    conditions: Iterable[ColumnElement[bool]],
    stretch: Stretch,
    *,
    each_group: bool = False,
) -> None:
    """Add what fulfils the conditions (of its timeline) and lies in a stretch of the period.

    With *each_group* a resource is counted in every group that it is in, else in its first one.
    """
    query = spans_in(standing, conditions, stretch)
    if each_group:
        every = query.subquery()
        query = select(every).order_by(*(every.c[name] for name in RESOURCE_KEY))
    found = connection.execute(query, execution_options={"yield_per": _ROWS})
    seen: set[tuple[Group, int]] | None = set() if each_group else None
    current: Any = None
    for number, row in enumerate(found):
        if number % _ROWS == 0:
            hold_patience(connection)
        if seen is not None and row[:4] != current:
            current = row[:4]
            seen.clear()
        sums.add_span(row, stretch, seen)


def spans_in(standing: Standing, conditions: Iterable[ColumnElement[bool]], stretch: Stretch) -> Any:
    """Return the query for spans of what counts, each with its timeline, that touch a stretch.

    What still lives and what has ended are asked for apart: each goes by an index.
    """
    timelines, spans = standing.timelines, standing.spans
    first_us, last_us = stretch[0] * SECOND_US, stretch[1] * SECOND_US
    query: Select[Any] = (
        select(
            *(timelines.c[name] for name in RESOURCE_KEY),
            spans.c.start_at,
            spans.c.end_at,
            cast(spans.c.accounted, Text),
            timelines.c.begin_at,
            cast(timelines.c.doubts, Text),
        )
        .select_from(
            timelines.join(spans, and_(*(timelines.c[name] == spans.c[name] for name in RESOURCE_KEY)))
        )
        .where(
            *conditions,
            or_(timelines.c.kind != SERVER, timelines.c.launched),
            timelines.c.begin_at < last_us,
            spans.c.start_at < last_us,
            or_(spans.c.end_at.is_(None), spans.c.end_at > first_us),
        )
    )
    return union_all(query.where(timelines.c.end_at.is_(None)), query.where(timelines.c.end_at > first_us))


def seconds_of(period: Period, until: datetime) -> Stretch:
    """Return the whole seconds of a period, up to an instant at most."""
    first = epoch_seconds(period.start)
    return first, max(first, epoch_seconds(min(period.end, until)))
