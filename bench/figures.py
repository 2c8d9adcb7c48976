"""What a benchmark found out: figures with an aim, printed as one table and kept as JSON."""

from __future__ import annotations

import enum
import statistics
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table


class Aim(enum.StrEnum):
    """On which side of its aim a figure should lie."""

    AT_LEAST = "≥"
    AT_MOST = "≤"


class Figure(msgspec.Struct, frozen=True):
    """One figure of a benchmark.

    `value` is the median of `values`, each of which comes from one repetition: a ratio is made of
    two runs of the same repetition, never of two medians. Without an aim it is shown beside the others.
    """

    benchmark: str  # "extract", "scale", ...
    case: str  # "10 x 500 servers, 10 ms"
    what: str  # "time of cASO / time of Usance"
    values: tuple[float, ...]
    unit: str = ""
    aim: Aim | None = None
    limit: float | None = None
    note: str = ""

    @property
    def value(self) -> float:
        """The median of the repetitions."""
        return statistics.median(self.values)

    @property
    def met(self) -> bool | None:
        """Say whether the aim is met; None without one."""
        if self.aim is None or self.limit is None:
            return None
        return self.value >= self.limit if self.aim is Aim.AT_LEAST else self.value <= self.limit


def shortened(value: float) -> str:
    """Return a number with three digits that count; whole numbers from 100 on are not rounded further."""
    if value == int(value) and abs(value) < 10:
        return str(int(value))
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def show(figures: Sequence[Figure], console: Console | None = None) -> None:
    """Print the figures as one table."""
    table = Table(title="Benchmarks: medians, and the ratios of paired runs")
    for heading in ("benchmark", "case", "what"):
        table.add_column(heading, overflow="fold")
    for heading in ("median", "least", "most", "aim"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("met")
    for one in figures:
        aim = "" if one.aim is None or one.limit is None else f"{one.aim} {shortened(one.limit)}"
        met = {True: "yes", False: "NO", None: ""}[one.met]
        spread = (
            ("", "") if len(one.values) == 1 else (shortened(min(one.values)), shortened(max(one.values)))
        )
        median = f"{shortened(one.value)} {one.unit}".rstrip()
        table.add_row(one.benchmark, one.case, one.what, median, *spread, aim, met)
    (console or Console(width=150)).print(table)
    for note in dict.fromkeys(one.note for one in figures if one.note):
        print(f"* {note}")


def keep(figures: Sequence[Figure], directory: Path, name: str) -> Path:
    """Write the figures as JSON, under the name of what was run and the time; return the file."""
    directory.mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC)
    path = directory / f"{name}-{now:%Y%m%dT%H%M%SZ}.json"
    content = {
        "made_at": now,
        "figures": [{**msgspec.to_builtins(one), "value": one.value, "met": one.met} for one in figures],
    }
    path.write_bytes(msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n")
    return path
