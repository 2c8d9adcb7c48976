"""Usage by day, as it was summed up: read for whole days, by the database itself.

A day says what its spans say as long as it lies before the project's `rolled_day` and is not
dirty. What lies in other days, or in a part of one, is left to the spans.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec
from sqlalchemy import BigInteger, ColumnElement, Connection, and_, case, exists, func, literal, select

from usance.ledger import schema
from usance.ledger.answers import Asked, By, Window
from usance.ledger.counting import DAY_S, FIRST_DAY, Stretch
from usance.ledger.standing import kinds_of, of_places
from usance.ledger.summing import Sums
from usance.model.resource import SERVER
from usance.model.usage import union

_HALF: Final = 1 << 31
_ZERO: Final = literal(0, BigInteger)

_Place = tuple[str, str]


def whole_days(seconds: Stretch) -> range:
    """Return the days, counted since 1970, that lie in a stretch as a whole."""
    return range(-(-seconds[0] // DAY_S), seconds[1] // DAY_S)


def add_days(connection: Connection, sums: Sums, asked: Asked) -> None:
    """Add what whole days of the period say that are summed up: of each window at once."""
    if sums.window is Window.DAY:
        _add_window(connection, sums, asked, sums.period)
        return
    for window in sums.windows():
        _add_window(connection, sums, asked, window)


def _add_window(connection: Connection, sums: Sums, asked: Asked, window: Stretch) -> None:
    days = whole_days(window)
    if not days:
        return
    table, project = schema.usage_day.c, schema.project.c
    told_apart = {
        By.PROJECT: table.project_id,
        By.CLOUD: table.cloud_id,
        By.KIND: table.kind,
        By.FLAVOR: table.flavor,
        By.STATE: table.state,
    }
    groups: list[ColumnElement[Any]] = [
        told_apart[one] if one in sums.by else literal("") for one in told_apart
    ]
    each_day = sums.window is Window.DAY
    # In the first day of a window every resource is counted, in the others those that are new.
    begins = days.start * DAY_S == window[0]
    is_first = table.day == (days.start if begins else -1)
    counted = table.resources if each_day else case((is_first, table.resources), else_=table.begun)
    suspended = and_(table.kind == SERVER, table.state.in_(sorted(sums.suspended)))
    amounts: list[ColumnElement[int]] = [
        table.seconds,
        case((suspended, table.seconds), else_=_ZERO),
        case((suspended, _ZERO), else_=table.vcpu_s),
        table.ram_mib_s,
        table.disk_gib_s,
        table.size_kib_s,
        table.inferred_s,
        case((suspended, _ZERO), else_=table.inferred_vcpu_s),
        counted,
    ]
    light = connection.dialect.name == "sqlite"
    totals = [total for one in amounts for total in _totals(one, light=light)]
    dirty = schema.dirty_day.c
    is_dirty = exists().where(
        dirty.project_id == table.project_id,
        dirty.cloud_id == table.cloud_id,
        dirty.kind == table.kind,
        dirty.day == table.day,
    )
    query = (
        select(table.day if each_day else _ZERO, *groups, *totals)
        .select_from(
            schema.project.join(
                schema.usage_day,
                and_(project.project_id == table.project_id, project.cloud_id == table.cloud_id),
            )
        )
        .where(
            *of_places(schema.project, asked),
            *of_places(schema.usage_day, asked),
            table.kind.in_(kinds_of(asked)),
            *([] if asked.flavors is None else [table.flavor.in_(sorted(set(asked.flavors)))]),
            *([] if asked.states is None else [table.state.in_(sorted(set(asked.states)))]),
            table.day >= days.start,
            table.day < days.stop,
            table.day < project.rolled_day,
            ~is_dirty,
        )
        .group_by(*([table.day] if each_day else []), *(told_apart[one] for one in By if one in sums.by))
    )
    for day, *values in connection.execute(query):
        group = sums.group(*values[: len(groups)])
        found = values[len(groups) :]
        if found[0] is None:  # the sum of nothing, where nothing is told apart
            continue
        own = sums.sums(group, day * DAY_S if each_day else window[0])
        for position in range(len(amounts)):
            if light:
                own[position] += found[2 * position] * _HALF + found[2 * position + 1]
            else:
                own[position] += int(found[position])


def _totals(column: ColumnElement[int], *, light: bool) -> tuple[ColumnElement[int], ...]:
    """Return the sum of a column; on SQLite, which has no longer integers than those of a row, of halves."""
    if not light:
        return (func.sum(column),)
    half = literal(_HALF, BigInteger)
    return func.sum(column // half), func.sum(column % half)


def not_rolled(connection: Connection, asked: Asked, seconds: Stretch) -> Iterator[tuple[Asked, Stretch]]:
    """Yield the stretches that spans have to tell of, and of which projects, clouds and kinds."""
    table = schema.project
    query = select(table.c.project_id, table.c.cloud_id, table.c.rolled_day).where(*of_places(table, asked))
    days = whole_days(seconds)
    dirty = _dirty(connection, asked, days)
    alike: dict[tuple[str, tuple[str, ...], Stretch], list[str]] = {}
    for project_id, cloud_id, rolled_day in connection.execute(query):
        good = range(max(days.start, FIRST_DAY), min(days.stop, rolled_day or 0))
        by_stretches: dict[tuple[Stretch, ...], list[str]] = {}
        for kind in kinds_of(asked):
            unfit = dirty.get((project_id, cloud_id, kind), ())
            by_stretches.setdefault(tuple(_gaps(seconds, good, unfit)), []).append(kind)
        for stretches, kinds in by_stretches.items():
            for stretch in stretches:
                alike.setdefault((cloud_id, tuple(kinds), stretch), []).append(project_id)
    for (cloud_id, kinds_alike, stretch), projects in alike.items():
        yield (
            msgspec.structs.replace(asked, projects=tuple(projects), clouds=(cloud_id,), kinds=kinds_alike),
            stretch,
        )


def _dirty(connection: Connection, asked: Asked, days: range) -> dict[tuple[str, str, str], list[int]]:
    table = schema.dirty_day
    query = (
        select(table.c.project_id, table.c.cloud_id, table.c.kind, table.c.day)
        .where(
            *of_places(table, asked),
            table.c.kind.in_(kinds_of(asked)),
            table.c.day >= days.start,
            table.c.day < days.stop,
        )
        .order_by(table.c.day)
    )
    found: dict[tuple[str, str, str], list[int]] = {}
    for project_id, cloud_id, kind, day in connection.execute(query):
        found.setdefault((project_id, cloud_id, kind), []).append(day)
    return found


def _gaps(seconds: Stretch, good: range, dirty: Iterable[int]) -> list[Stretch]:
    """Return the stretches of a period that no good day covers."""
    if not good:
        return [seconds]
    ends = (seconds[0], good.start * DAY_S), (good.stop * DAY_S, seconds[1])
    unfit = ((day * DAY_S, (day + 1) * DAY_S) for day in dirty if day in good)
    return union(one for one in (*ends, *unfit) if one[0] < one[1])
