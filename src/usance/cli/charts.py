"""Charts: where their bars lie. How they look is said in the page."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Final

import msgspec

from usance.cli.amounts import DISK_HOURS, HOURS, VCPU_HOURS, Measure
from usance.cli.columns import printable
from usance.cli.reporting import Report, labels, window_name
from usance.ledger.answers import By, Window
from usance.model.period import Period

_MOST_BARS: Final = 12  # of groups; the rest is one more
_WIDTH: Final = 720
_LABEL: Final = 220  # of it, for the names of groups
_NUMBER: Final = 110  # of it, for the numbers
_ROW: Final = 26  # the height of one
_HEIGHT: Final = 180  # of a chart over time
_LONGEST_NAME: Final = 30


class Bar(msgspec.Struct, frozen=True):
    """One bar: what it says, and where it lies."""

    name: str
    number: Decimal
    x: int
    y: int
    width: int
    height: int


class Chart(msgspec.Struct, frozen=True):
    """Bars beneath a title, in a frame."""

    title: str
    lying: bool  # the bars lie; else they stand, one beside the other in the order of time
    width: int
    height: int
    bars: tuple[Bar, ...]


def charts(report: Report) -> list[Chart]:
    """Return the charts of a report: its greatest groups, and the course of time."""
    measure = next((one for one in (VCPU_HOURS, HOURS, DISK_HOURS) if one.of(report.total)), None)
    if measure is None:
        return []
    return [one for one in (_of_groups(report, measure), _of_time(report, measure)) if one is not None]


def _of_groups(report: Report, measure: Measure) -> Chart | None:
    if not report.by:
        return None
    sums: dict[str, int] = {}
    for row in report.rows:
        told = labels(report, row)[: -1 if report.window is not None else None]
        if By.PROJECT in report.by:
            told = (told[1] or told[0], *told[2:])  # the name, where there is one
        name = ", ".join(printable(one or "none") for one in told)
        sums[name] = sums.get(name, 0) + measure.of(row.amounts)
    ordered = sorted(((number, name) for name, number in sums.items() if number > 0), reverse=True)
    shown = [(name, number) for number, name in ordered[:_MOST_BARS]]
    rest = sum(number for number, _ in ordered[_MOST_BARS:])
    if rest:
        shown.append((f"{len(ordered) - _MOST_BARS} others", rest))
    if len(shown) < 2:
        return None
    most = max(number for _, number in shown)
    room = _WIDTH - _LABEL - _NUMBER
    bars = tuple(
        Bar(
            name=name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…",
            number=measure.number(number, 2),
            x=_LABEL,
            y=place * _ROW + 4,
            width=max(number * room // most, 1),
            height=_ROW - 8,
        )
        for place, (name, number) in enumerate(shown)
    )
    heading = f"{measure.heading}, the greatest" if rest else measure.heading
    return Chart(title=heading, lying=True, width=_WIDTH, height=len(bars) * _ROW, bars=bars)


def _of_time(report: Report, measure: Measure) -> Chart | None:
    """Return the course of time; a window in which nothing was used has a place, too."""
    window = report.window
    if window is None:
        return None
    sums = dict.fromkeys(_windows(report.period, window), 0)
    for row in report.rows:
        sums[window_name(window, row.period)] += measure.of(row.amounts)
    most = max(sums.values())
    if len(sums) < 2 or len(sums) > _WIDTH or most <= 0:
        return None
    bars = []
    for place, (name, number) in enumerate(sums.items()):
        left, right = place * _WIDTH // len(sums), (place + 1) * _WIDTH // len(sums)
        height = max(number * _HEIGHT // most, 0)
        bars.append(
            Bar(
                name=name,
                number=measure.number(number, 2),
                x=left,
                y=_HEIGHT - height,
                width=max(right - left - (1 if right - left > 3 else 0), 1),
                height=height,
            )
        )
    title = f"{measure.heading} by {window.value}"
    return Chart(title=title, lying=False, width=_WIDTH, height=_HEIGHT, bars=tuple(bars))


def _windows(period: Period, window: Window) -> Iterator[str]:
    if window is Window.MONTH:
        yield from (window_name(window, month) for month in period.months())
        return
    day = period.start.replace(hour=0, minute=0, second=0, microsecond=0)
    while day < period.end:
        yield window_name(window, Period(day, day))
        day += timedelta(days=1)
