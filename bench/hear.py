"""Hearing: events of many projects kept in a second, beside the bare insert of the rows that this makes.

A busy cloud's notifications, as a collector hands them over: servers that are created, stopped,
started, resized and deleted in many projects, mostly in order, one in twenty twice. The limit inserts
the rows that the tables hold in the end into empty ones, in one transaction.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.figures import Aim, Figure
from bench.heard import batches, stream
from bench.ledger import POSTGRES, fresh, insert, rows_of, same, sqlite_urls
from usance.ledger import schema
from usance.ledger.ledger import Ledger
from usance.ledger.values import Heard

RATE_AIM = 10_000  # events in a second: that of the way from the broker into the ledger
BATCH = 2000

_TABLES = (
    schema.observation,
    schema.timeline,
    schema.timeline_history,
    schema.span,
    schema.span_history,
)


def run(*, quick: bool = False) -> list[Figure]:
    """Measure SQLite, and PostgreSQL where the variable names a database."""
    events = 6000 if quick else 40_000
    times = 1 if quick else 3
    figures = []
    with tempfile.TemporaryDirectory(prefix="usance-bench-") as directory:
        for projects in (100, 1000):
            heard = batches(stream(events, projects), BATCH)
            case = f"{events:,} events of {projects:,} projects"
            figures += _measure(f"SQLite, {case}", sqlite_urls(Path(directory) / str(projects)), heard, times)
            url = os.environ.get(POSTGRES)
            if url:
                figures += _measure(f"PostgreSQL, {case}", same(url), heard, times)
    return figures


def _measure(case: str, urls: Iterator[str], heard: Sequence[Heard], times: int) -> list[Figure]:
    size = sum(len(one.observations) for one in heard)
    rates, processors, ratios = [], [], []
    for _ in range(times):
        url = next(urls)
        with fresh(url) as engine, Ledger.open(url) as ledger:
            begin, cpu = time.perf_counter(), time.process_time()
            for one in heard:
                ledger.hear(one)
            mine = time.perf_counter() - begin
            processors.append(1e6 * (time.process_time() - cpu) / size)
            rows = rows_of(engine, _TABLES)
        with fresh(next(urls)) as engine:
            ratios.append(mine / insert(engine, rows, _TABLES))
        rates.append(size / mine)
    return [
        Figure("hear", case, "events kept", tuple(rates), "1/s", Aim.AT_LEAST, RATE_AIM),
        Figure("hear", case, "processor of the collector, each event", tuple(processors), "µs"),
        Figure("hear", case, "time / bare insert of the rows", tuple(ratios)),
    ]
