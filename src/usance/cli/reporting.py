"""What a report says: figures of groups, with the names of projects, in every form but the page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from functools import reduce
from operator import add
from typing import Final

import msgspec

from usance.cli.amounts import MEASURES, Measure
from usance.cli.columns import Cell, Columns
from usance.ledger.answers import Amounts, By, UsageRow, Window
from usance.model.period import Period

_SHOWN_DECIMALS: Final = 2
_CSV_DECIMALS: Final = 6


class Report(msgspec.Struct, frozen=True):
    """The figures of a period."""

    period: Period  # that was asked about, up to the present at most
    made_at: datetime
    as_of: datetime | None
    by: frozenset[By]
    window: Window | None
    suspended_states: tuple[str, ...]
    rows: tuple[UsageRow, ...]
    names: dict[str, str]  # of projects, by id

    def name(self, row: UsageRow) -> str | None:
        """Return the name of a row's project."""
        return self.names.get(row.project_id or "")

    @property
    def total(self) -> Amounts:
        """The amounts of all rows."""
        return reduce(add, (row.amounts for row in self.rows), Amounts())

    @property
    def resources(self) -> int | None:
        """How many resources all rows have; None where one may be in several of them."""
        counts = [row.resources for row in self.rows]
        if self.window is not None or self.by & {By.FLAVOR, By.STATE} or None in counts:
            return None
        return sum(one for one in counts if one is not None)


def iso(instant: datetime) -> str:
    """Return an instant in ISO 8601, in UTC."""
    return instant.isoformat().replace("+00:00", "Z")


def title(report: Report) -> str:
    """Return what a report is about, in one line."""
    first, last = (f"{one:%Y-%m-%d %H:%M:%S}" for one in (report.period.start, report.period.end))
    known = "" if report.as_of is None else f", as known at {report.as_of:%Y-%m-%d %H:%M:%S}"
    return f"Usage from {first} to {last} (UTC){known}"


def measures_of(report: Report) -> tuple[Measure, ...]:
    """Return the measures of which a report says anything."""
    return tuple(one for one in MEASURES if any(one.of(row.amounts) for row in report.rows))


# --- tables ----------------------------------------------------------------------------------


def headings(report: Report, measures: Sequence[Measure]) -> tuple[str, ...]:
    """Return the headings of a table for people."""
    told_apart = [heading for one in By if one in report.by for heading in _HEADINGS[one]]
    window = [] if report.window is None else [report.window.value]
    counted = ["resources"] if _is_counted(report) else []
    return (*told_apart, *window, *counted, *(one.heading for one in measures))


_HEADINGS: Final = {
    By.PROJECT: ("project", "name"),
    By.CLOUD: ("cloud",),
    By.KIND: ("kind",),
    By.FLAVOR: ("flavor",),
    By.STATE: ("state",),
}


def _is_counted(report: Report) -> bool:
    return any(row.resources is not None for row in report.rows)


def labels(report: Report, row: UsageRow) -> tuple[str | None, ...]:
    """Return what tells a row apart, in the order of the headings."""
    found: list[str | None] = []
    if By.PROJECT in report.by:
        found += [row.project_id, report.name(row)]
    of = ((By.CLOUD, row.cloud_id), (By.KIND, row.kind), (By.FLAVOR, row.flavor), (By.STATE, row.state))
    found += [value for one, value in of if one in report.by]
    if report.window is not None:
        found.append(window_name(report.window, row.period))
    return tuple(found)


def window_name(window: Window, period: Period) -> str:
    """Return the name of a day or month."""
    return f"{period.start:%Y-%m-%d}" if window is Window.DAY else f"{period.start:%Y-%m}"


def numbers(
    report: Report, amounts: Amounts, resources: int | None, measures: Sequence[Measure]
) -> tuple[int | Decimal | None, ...]:
    """Return the figures of a row, in the order of the headings."""
    counted = (resources,) if _is_counted(report) else ()
    return (*counted, *(one.read(amounts, _SHOWN_DECIMALS) for one in measures))


def table(report: Report) -> Columns:
    """Return a table for people; its last row is the sum of those before it."""
    measures = measures_of(report)
    rows: list[tuple[Cell, ...]] = [
        (*labels(report, row), *numbers(report, row.amounts, row.resources, measures)) for row in report.rows
    ]
    names = headings(report, measures)
    if len(rows) > 1:
        total = numbers(report, report.total, report.resources, measures)
        before = len(names) - len(total)
        rows.append((*("total" if place == 0 else None for place in range(before)), *total))
    return Columns(title(report), names, tuple(rows))


def csv_columns(report: Report) -> Columns:
    """Return a table for programs: the same columns whatever is told apart."""
    names = ("project_id", "project", "cloud_id", "kind", "flavor", "state", "start", "end", "resources")
    rows = tuple(
        (
            row.project_id,
            report.name(row),
            row.cloud_id,
            row.kind,
            row.flavor,
            row.state,
            iso(row.period.start),
            iso(row.period.end),
            row.resources,
            *(one.read(row.amounts, _CSV_DECIMALS) for one in MEASURES),
        )
        for row in report.rows
    )
    return Columns(title(report), (*names, *(one.name for one in MEASURES)), rows)


# --- JSON ------------------------------------------------------------------------------------


def json_pieces(report: Report) -> Iterator[str]:
    """Yield the report as JSON, in pieces: amounts are integers, however long."""
    head = {
        "start": iso(report.period.start),
        "end": iso(report.period.end),
        "made_at": iso(report.made_at),
        "as_of": None if report.as_of is None else iso(report.as_of),
        "by": sorted(one.value for one in report.by),
        "window": None if report.window is None else report.window.value,
        "suspended_states": list(report.suspended_states),
    }
    yield json.dumps(head, indent=2, ensure_ascii=False)[:-2] + ',\n  "usage": ['
    for place, row in enumerate(report.rows):
        yield f"{',' if place else ''}\n    {json.dumps(_plain(report, row), ensure_ascii=False)}"
    yield "\n  ]\n}\n"


def _plain(report: Report, row: UsageRow) -> dict[str, str | int | None]:
    return {
        "project_id": row.project_id,
        "project": report.name(row),
        "cloud_id": row.cloud_id,
        "kind": row.kind,
        "flavor": row.flavor,
        "state": row.state,
        "start": iso(row.period.start),
        "end": iso(row.period.end),
        "resources": row.resources,
        "wall_s": row.amounts.wall_s,
        **msgspec.structs.asdict(row.amounts),
    }
