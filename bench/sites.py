"""Thirty sites and a million servers a day: what one collector and one database have to do.

A sample of the day (:mod:`bench.day`) is heard by one `Ledger.hear` after the other, in batches of what a
collector takes at once. What was measured is multiplied by servers of the day / servers of the sample; the
notes of the figures say so. The ledger holds what was there when the day began, and no years of history.

SQLite, and PostgreSQL where `USANCE_BENCH_POSTGRES` names a database, whose tables are dropped; and a
Citus cluster where `CITUS_URL` names a database on its coordinator (its user makes databases there).
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from sqlalchemy import Engine, create_engine, func, make_url, select, text

from bench import day
from bench.figures import Aim, Figure
from bench.ledger import POSTGRES, fresh
from bench.place import REPOSITORY, directory
from usance.ledger import schema
from usance.ledger.answers import Asked, By
from usance.ledger.ledger import Ledger
from usance.ledger.values import Heard
from usance.model.period import Period

CITUS = "CITUS_URL"
BATCH = 500  # half of what a collector takes at most
PEAK = 5
"""How many times the average a collector should manage: the busiest hour has twice the average, and
what came while the database was away has to be made up for."""

ASKED = 20  # projects
MONTH = Period(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))

_NEXT = day.DAY + timedelta(days=1, hours=12)
_GIB = 1 << 30
_DAY_S = day.DAY_S


class Size(msgspec.Struct, frozen=True):
    """What a table takes, with its indexes."""

    rows: int
    size: int  # in bytes

    def since(self, before: Size) -> Size:
        """Return what came since."""
        return Size(self.rows - before.rows, self.size - before.size)


class Measured(msgspec.Struct, frozen=True):
    """What hearing, summing up and asking took, of the sample."""

    events: int
    busiest: int  # events of the busiest hour
    projects: int
    heard_s: float
    processor_s: float  # of the collector alone
    grown: dict[str, Size]
    summed_up_s: float
    days: int  # of a kind of resource of a project
    month_ms: tuple[float, ...]


def run(*, quick: bool = False) -> list[Figure]:
    """Measure on every engine that is at hand."""
    servers = 20_000 if quick else 100_000
    said = day.sample(servers)
    scratch = directory() / "work"
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="usance-bench-", dir=scratch) as place:
        url = f"sqlite:///{Path(place) / 'ledger.sqlite'}"
        with fresh(url) as engine:
            figures = _figures("SQLite", servers, _measure(url, engine, said))
    postgres, citus = os.environ.get(POSTGRES), os.environ.get(CITUS)
    if postgres:
        with fresh(postgres) as engine:
            figures += _figures("PostgreSQL", servers, _measure(postgres, engine, said))
    if citus:
        with _cluster(citus) as url, _engine(url) as engine:
            figures += _figures("Citus", servers, _measure(url, engine, said))
    return figures


def _measure(url: str, engine: Engine, said: day.Day) -> Measured:
    with Ledger.open(url) as ledger:
        _hear(ledger, day.batches(said.before, BATCH))
        ledger.rollups.roll(day.DAY + timedelta(hours=12))
        batches = list(day.batches(said.during, BATCH))
        before = _sizes(engine)
        begin, processor = time.perf_counter(), time.process_time()
        _hear(ledger, batches)
        heard_s, processor_s = time.perf_counter() - begin, time.process_time() - processor
        begin = time.perf_counter()
        rolled = ledger.rollups.roll(_NEXT)
        summed_up_s = time.perf_counter() - begin
        after = _sizes(engine)
        projects = [project for project, _ in ledger.projects() if project]
        month_ms = tuple(_month(ledger, one) for one in projects[:: max(len(projects) // ASKED, 1)][:ASKED])
    return Measured(
        events=len(said.during),
        busiest=max(Counter(one.at.hour for one in said.during).values()),
        projects=len(projects),
        heard_s=heard_s,
        processor_s=processor_s,
        grown={name: one.since(before[name]) for name, one in after.items()},
        summed_up_s=summed_up_s,
        days=rolled.days,
        month_ms=month_ms,
    )


def _hear(ledger: Ledger, batches: Iterator[Heard] | list[Heard]) -> None:
    for one in batches:
        kept = ledger.hear(one)
        assert kept.inserted == len(one.observations)


def _month(ledger: Ledger, project: str) -> float:
    """Return how long a project's month takes, in milliseconds."""
    begin = time.perf_counter()
    found = list(ledger.questions.usage(Asked(projects=(project,), period=MONTH), by=(By.KIND,), until=_NEXT))
    assert found
    return 1000 * (time.perf_counter() - begin)


# --- what it comes to -------------------------------------------------------------------------


def _figures(name: str, servers: int, found: Measured) -> list[Figure]:
    case = f"{name}, {servers:,} of {day.SERVERS:,} servers a day"
    factor = day.SERVERS / servers
    average = found.events * factor / _DAY_S
    rate = found.events / found.heard_s
    note = (
        f"sites: {found.events:,} events of {servers:,} servers and their volumes in {found.projects}"
        f" projects were heard, x {factor:g} is the day ({day.CLOUDS} clouds, {day.PROJECTS:,} projects);"
        f" / {_DAY_S:,} s is the average. A share of a core is processor time an event x the average;"
        " a share of the time is the average / events kept a second. A year is 365 such days, and nothing"
        " is deleted; messages to a federation come on top."
    )

    def figure(what: str, value: float | tuple[float, ...], unit: str = "") -> Figure:
        values = value if isinstance(value, tuple) else (value,)
        return Figure("sites", case, what, values, unit, note=note)

    total = sum(one.size for one in found.grown.values())
    figures = [
        figure("events a day, of a million servers", found.events * factor),
        figure("events, on average", average, "1/s"),
        figure("events, in the busiest hour", found.busiest * factor / 3600, "1/s"),
        Figure("sites", case, "events kept", (rate,), "1/s", Aim.AT_LEAST, PEAK * average, note),
        figure("processor of the collector, each event", 1e6 * found.processor_s / found.events, "µs"),
        figure("on average: share of one core", 100 * found.processor_s * factor / _DAY_S, "%"),
        figure("on average: share of one collector's time", 100 * average / rate, "%"),
        figure("the day, heard by one collector without a pause", found.heard_s * factor / 3600, "h"),
    ]
    for table, grown in sorted(found.grown.items(), key=lambda pair: -pair[1].size):
        if grown.size > total / 100:
            figures.append(figure(f"{table}: rows a day", grown.rows * factor))
            figures.append(figure(f"{table}: disk a day", grown.size * factor / _GIB, "GiB"))
    return [
        *figures,
        figure("all tables: disk for a server", total / servers, "B"),
        figure("all tables: disk a day", total * factor / _GIB, "GiB"),
        figure("all tables: disk a year", 365 * total * factor / _GIB / 1024, "TiB"),
        figure("days of projects summed up", found.days / found.summed_up_s, "1/s"),
        figure("the day of all projects, summed up", found.summed_up_s * factor / 60, "min"),
        figure("a project's month after it", found.month_ms, "ms"),
    ]


# --- databases --------------------------------------------------------------------------------


def _sizes(engine: Engine) -> dict[str, Size]:
    """Return what each table of the ledger takes."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            query = (
                "SELECT of.tbl_name, sum(page.pgsize) FROM dbstat AS page"
                " JOIN sqlite_master AS of ON of.name = page.name GROUP BY of.tbl_name"
            )
        else:
            query = "SELECT relname, pg_total_relation_size(oid) FROM pg_class WHERE relkind = 'r'"
        sizes = {name: int(size) for name, size in connection.execute(text(query))}
        if (
            engine.dialect.name == "postgresql"
            and connection.execute(text("SELECT 1 FROM pg_extension WHERE extname = 'citus'")).first()
        ):
            query = "SELECT table_name::text, citus_total_relation_size(table_name) FROM citus_tables"
            sizes |= {name: int(size) for name, size in connection.execute(text(query))}
        return {
            name: Size(
                connection.execute(select(func.count()).select_from(table)).scalar_one(), sizes.get(name, 0)
            )
            for name, table in schema.metadata.tables.items()
        }


@contextmanager
def _engine(url: str) -> Iterator[Engine]:
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def _cluster(server_url: str) -> Iterator[str]:
    """Make a ledger on a cluster, as the tests do, and remove it in the end."""
    if str(REPOSITORY / "tests") not in sys.path:
        sys.path.insert(0, str(REPOSITORY / "tests"))
    from service.citus import drop_cluster, make_cluster  # noqa: PLC0415 -- the tests' own, beside us
    from service.postgres import drop_database, new_database  # noqa: PLC0415 -- likewise

    url = new_database(server_url)
    try:
        make_cluster(server_url, url)
        yield url
    finally:
        drop_database(url)
        drop_cluster(server_url, url)
