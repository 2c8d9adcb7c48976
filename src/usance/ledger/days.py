"""Usage by day, as it was summed up: read for whole days, by the database itself.

A day says what its spans say as long as it lies before the project's `rolled_day` and is not
dirty. What lies in other days, or in a part of one, is left to the spans.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from typing import Any, Final

import msgspec
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    case,
    exists,
    func,
    literal,
    select,
)
from sqlalchemy.exc import DBAPIError

from usance.ledger import schema
from usance.ledger.answers import Asked, By, Window
from usance.ledger.counting import DAY_S, FIRST_DAY, Stretch
from usance.ledger.standing import kinds_of, of_places
from usance.ledger.summing import Sums
from usance.model.resource import SERVER
from usance.model.usage import union

_HALF: Final = literal(1 << 31, BigInteger)
_ZERO: Final = literal(0, BigInteger)

_Place = tuple[str, str]


class Coverage(msgspec.Struct, frozen=True):
    """How far the days of some projects are summed up, and which of them are not to be believed."""

    rolled: dict[_Place, int]  # the day before which they are; 0: none
    dirty: dict[tuple[str, str, str], list[int]]  # by project, cloud and kind, in order


def whole_days(seconds: Stretch) -> range:
    """Return the days, counted since 1970, that lie in a stretch as a whole."""
    return range(-(-seconds[0] // DAY_S), seconds[1] // DAY_S)


def coverage(connection: Connection, asked: Asked, seconds: Stretch) -> Coverage:
    """Return what is summed up of a period."""
    table, dirty = schema.project, schema.dirty_day
    days = whole_days(seconds)
    places = select(table.c.project_id, table.c.cloud_id, table.c.rolled_day).where(*of_places(table, asked))
    unfit = (
        select(dirty.c.project_id, dirty.c.cloud_id, dirty.c.kind, dirty.c.day)
        .where(
            *of_places(dirty, asked),
            dirty.c.kind.in_(kinds_of(asked)),
            dirty.c.day >= days.start,
            dirty.c.day < days.stop,
        )
        .order_by(dirty.c.day)
    )
    rolled = {(one, cloud): day or 0 for one, cloud, day in connection.execute(places)}
    found: dict[tuple[str, str, str], list[int]] = {}
    for project_id, cloud_id, kind, day in connection.execute(unfit):
        found.setdefault((project_id, cloud_id, kind), []).append(day)
    return Coverage(rolled, found)


# --- what is summed up -----------------------------------------------------------------------


def add_days(connection: Connection, sums: Sums, asked: Asked, cover: Coverage) -> None:
    """Add what whole days of the period say that are summed up: of each window at once."""
    if sums.window is Window.DAY:
        _add_window(connection, sums, asked, cover, sums.period)
        return
    for window in sums.windows():
        _add_window(connection, sums, asked, cover, window)


def _add_window(connection: Connection, sums: Sums, asked: Asked, cover: Coverage, window: Stretch) -> None:
    """Add the days of a window.

    Nearly all projects are summed up to one day, and none of their days is dirty: these are asked for
    plainly, by the primary key. Of the others the database compares each row with what is known of it.
    """
    days = whole_days(window)
    if not days or not cover.rolled:
        return
    stops = {place: min(day, days.stop) for place, day in cover.rolled.items()}
    [(common, _)] = Counter(stops.values()).most_common(1)
    odd = {project_id for (project_id, _), stop in stops.items() if stop != common}
    odd |= {key[0] for key, dirty in cover.dirty.items() if any(day in days for day in dirty)}
    even = {project_id for project_id, _ in cover.rolled} - odd
    clouds = {cloud_id for _, cloud_id in cover.rolled}
    query = _sums_of(sums, days, begins=days.start * DAY_S == window[0])
    if even and common > days.start:
        _add(connection, sums, query.where(*_these(asked, even, clouds, range(days.start, common))), window)
    if odd:
        _add(connection, sums, query.where(*_these(asked, odd, clouds, days), *_is_good()), window)


def _sums_of(sums: Sums, days: range, *, begins: bool) -> Select[Any]:
    """Return the query for groups, whose columns are a day, what tells them apart, and eight amounts.

    *begins* says that the first of the days begins the window.
    """
    table = schema.usage_day.c
    told_apart = {
        By.PROJECT: table.project_id,
        By.CLOUD: table.cloud_id,
        By.KIND: table.kind,
        By.FLAVOR: table.flavor,
        By.STATE: table.state,
    }
    each_day = sums.window is Window.DAY
    # In the first day of a window every resource is counted, in the others those that are new.
    is_first = table.day == (days.start if begins else -1)
    counted = table.resources if each_day else case((is_first, table.resources), else_=table.begun)
    # Which states count as suspended is decided here: to ask of each row takes the database longer.
    by = sums.by | {By.KIND, By.STATE} if sums.suspended else sums.by
    groups = [told_apart[one] if one in by else literal("") for one in By]
    return select(
        table.day if each_day else _ZERO,
        *groups,
        table.seconds,
        table.vcpu_s,
        table.ram_mib_s,
        table.disk_gib_s,
        table.size_kib_s,
        table.inferred_s,
        table.inferred_vcpu_s,
        counted,
    ).group_by(*([table.day] if each_day else []), *(told_apart[one] for one in By if one in by))


def _these(
    asked: Asked, projects: Collection[str], clouds: Collection[str], days: range
) -> Iterator[ColumnElement[bool]]:
    """Yield the conditions for days of projects, in the order of the primary key."""
    table = schema.usage_day.c
    yield table.project_id.in_(sorted(projects))
    yield table.cloud_id.in_(sorted(clouds))
    yield table.kind.in_(kinds_of(asked))
    yield table.day >= days.start
    yield table.day < days.stop
    if asked.flavors is not None:
        yield table.flavor.in_(sorted(set(asked.flavors)))
    if asked.states is not None:
        yield table.state.in_(sorted(set(asked.states)))


def _is_good() -> tuple[ColumnElement[bool], ...]:
    """Return the conditions that a day says what its spans say."""
    table, project, dirty = schema.usage_day.c, schema.project.c, schema.dirty_day.c
    here = (project.project_id == table.project_id, project.cloud_id == table.cloud_id)
    is_dirty = exists().where(
        dirty.project_id == table.project_id,
        dirty.cloud_id == table.cloud_id,
        dirty.kind == table.kind,
        dirty.day == table.day,
    )
    return exists().where(*here, project.rolled_day > table.day), ~is_dirty


def _add(connection: Connection, sums: Sums, query: Select[Any], window: Stretch) -> None:
    """Add the sums of a query that :func:`_sums_of` made."""
    day, *columns = query.selected_columns
    groups, amounts = columns[: len(By)], columns[len(By) :]
    plain = query.with_only_columns(day, *groups, *(func.sum(one) for one in amounts))
    try:
        found = [tuple(row) for row in connection.execute(plain)]
    except DBAPIError as error:
        if "integer overflow" not in str(error.orig):
            raise
        # SQLite's sums are no longer than its integers: these are those of both halves of each number.
        halves = [func.sum(half) for one in amounts for half in (one // _HALF, one % _HALF)]
        found = [
            (*row[: len(By) + 1], *_joined(row[len(By) + 1 :]))
            for row in connection.execute(query.with_only_columns(day, *groups, *halves))
        ]
    for of_day, project_id, cloud_id, kind, flavor, state, *values in found:
        if values[0] is None:  # the sum of nothing, where nothing is told apart
            continue
        seconds, vcpu, ram, disk, size, inferred, inferred_vcpu, resources = map(int, values)
        suspended = kind == SERVER and state in sums.suspended
        start = of_day * DAY_S if sums.window is Window.DAY else window[0]
        sums.add(
            sums.group(project_id, cloud_id, kind, flavor, state),
            start,
            (
                seconds,
                seconds if suspended else 0,
                0 if suspended else vcpu,
                ram,
                disk,
                size,
                inferred,
                0 if suspended else inferred_vcpu,
                resources,
            ),
        )


def _joined(halves: Iterable[int]) -> list[int]:
    each = list(halves)
    return [high * (1 << 31) + low for high, low in zip(each[::2], each[1::2], strict=True)]


# --- what is not -----------------------------------------------------------------------------


def not_covered(asked: Asked, seconds: Stretch, cover: Coverage) -> Iterator[tuple[Asked, Stretch]]:
    """Yield the stretches that spans have to tell of, and of which projects, clouds and kinds."""
    days = whole_days(seconds)
    alike: dict[tuple[str, tuple[str, ...], Stretch], list[str]] = {}
    for (project_id, cloud_id), rolled_day in cover.rolled.items():
        good = range(max(days.start, FIRST_DAY), min(days.stop, rolled_day))
        by_stretches: dict[tuple[Stretch, ...], list[str]] = {}
        for kind in kinds_of(asked):
            unfit = cover.dirty.get((project_id, cloud_id, kind), ())
            by_stretches.setdefault(tuple(_gaps(seconds, good, unfit)), []).append(kind)
        for stretches, kinds in by_stretches.items():
            for stretch in stretches:
                alike.setdefault((cloud_id, tuple(kinds), stretch), []).append(project_id)
    for (cloud_id, kinds_alike, stretch), projects in alike.items():
        yield (
            msgspec.structs.replace(asked, projects=tuple(projects), clouds=(cloud_id,), kinds=kinds_alike),
            stretch,
        )


def _gaps(seconds: Stretch, good: range, dirty: Iterable[int]) -> list[Stretch]:
    """Return the stretches of a period that no good day covers."""
    if not good:
        return [seconds]
    ends = (seconds[0], good.start * DAY_S), (good.stop * DAY_S, seconds[1])
    unfit = ((day * DAY_S, (day + 1) * DAY_S) for day in dirty if day in good)
    return union(one for one in (*ends, *unfit) if one[0] < one[1])
