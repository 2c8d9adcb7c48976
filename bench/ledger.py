"""The ledger: observations kept in a second, beside the bare insert of the rows that this makes.

What `observe` does for each observation: look whether it is known, keep it, note what its source
said last, make the timeline and its spans anew. The limit inserts the rows that the tables hold in
the end into empty ones, in one transaction: `executemany` on SQLite, `COPY` on PostgreSQL.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Engine, Table, create_engine, func, make_url, select

from bench.figures import Aim, Figure
from bench.said import CLOUD, first_sight
from bench.steady import BEFORE, SteadyHistory
from usance.ledger import schema
from usance.ledger.engine import bulk_insert
from usance.ledger.ledger import Ledger
from usance.model.observation import Batch, Observation

BATCH = 1000  # observations in one transaction
TIME_AIM = 10  # times as long as a bare insert
POSTGRES = "USANCE_BENCH_POSTGRES"
"""The variable that names an empty PostgreSQL database: its tables are dropped."""

_TABLES = (schema.observation, schema.report, schema.timeline, schema.span)

Rows = dict[str, list[tuple[Any, ...]]]


def batches(servers: int) -> list[tuple[str, Batch]]:
    """Return what the first look at a few projects says, in batches of one project each."""
    history = SteadyHistory(5, servers // 5, 0)
    by_project: dict[str, list[Observation]] = {}
    for number in range(len(history)):
        said = first_sight(history.life(number), BEFORE - timedelta(seconds=30), BEFORE)
        by_project.setdefault(said[0].resource.project_id, []).extend(said)
    return [
        (project, Batch(tuple(said[start : start + BATCH])))
        for project, said in by_project.items()
        for start in range(0, len(said), BATCH)
    ]


def later(said: Sequence[tuple[str, Batch]]) -> list[tuple[str, Batch]]:
    """Return the same sightings a day later, of servers that have another name: all in order."""
    by = timedelta(days=1)

    def moved(one: Observation) -> Observation:
        return msgspec.structs.replace(
            one,
            at=one.at + by,
            begin=None if one.begin is None else one.begin + by,
            described={"name": f"{one.described['name']}-renamed"},
        )

    return [
        (project, Batch(tuple(moved(one) for one in batch.observations if one.verb.is_sighting)))
        for project, batch in said
    ]


def run(*, quick: bool = False) -> list[Figure]:
    """Measure SQLite, and PostgreSQL where the variable names a database."""
    servers = 1000 if quick else 10_000
    times = 1 if quick else 3
    said = batches(servers)
    with tempfile.TemporaryDirectory(prefix="usance-bench-") as directory:
        figures = _measure("SQLite", sqlite_urls(Path(directory)), said, times)
    url = os.environ.get(POSTGRES)
    if url:
        figures += _measure("PostgreSQL", same(url), said, times)
    return figures


def sqlite_urls(directory: Path) -> Iterator[str]:
    """Yield URLs of files that do not exist yet."""
    directory.mkdir(exist_ok=True)
    number = 0
    while True:
        yield f"sqlite:///{directory}/{number}.sqlite"
        number += 1


def same(url: str) -> Iterator[str]:
    """Yield the same URL again and again."""
    while True:
        yield url


def _measure(name: str, urls: Iterator[str], said: list[tuple[str, Batch]], times: int) -> list[Figure]:
    size = sum(len(batch.observations) for _, batch in said)
    changes = later(said)
    pairs, rates, change_rates = [], [], []
    for _ in range(times):
        url = next(urls)
        with fresh(url) as engine, Ledger.open(url) as ledger:
            mine = _observe(ledger, said)
            rows = rows_of(engine)
            again = _observe(ledger, changes)
        with fresh(next(urls)) as engine:
            bare = insert(engine, rows)
        pairs.append(mine / bare)
        rates.append(size / mine)
        change_rates.append(sum(len(batch.observations) for _, batch in changes) / again)
    case = f"{name}, {size:,} observations of {size // 2:,} new servers"
    return [
        Figure("ledger", case, "observations kept", tuple(rates), "1/s"),
        Figure(
            "ledger", case, "time / bare insert of the rows", tuple(pairs), aim=Aim.AT_MOST, limit=TIME_AIM
        ),
        Figure(
            "ledger",
            f"{name}, {size // 2:,} sightings of known servers",
            "observations kept",
            tuple(change_rates),
            "1/s",
        ),
    ]


class fresh:  # noqa: N801 -- read as a verb phrase in a with statement
    """An engine on a database whose tables of the ledger are made new and are empty."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url)
        if self._url.get_backend_name() == "postgresql":
            self._url = self._url.set(drivername="postgresql+psycopg")

    def __enter__(self) -> Engine:
        self._engine = create_engine(self._url)
        if self._engine.dialect.name == "postgresql":
            with self._engine.begin() as connection:
                connection.exec_driver_sql("DROP SCHEMA public CASCADE")
                connection.exec_driver_sql("CREATE SCHEMA public")
        Ledger.upgrade(self._url.render_as_string(hide_password=False))
        return self._engine

    def __exit__(self, *_: object) -> None:
        self._engine.dispose()


def _observe(ledger: Ledger, said: list[tuple[str, Batch]]) -> float:
    begin = time.perf_counter()
    for project, batch in said:
        kept = ledger.observe(project, CLOUD, batch)
        assert kept.inserted == len(batch.observations)
    return time.perf_counter() - begin


def rows_of(engine: Engine, tables: Sequence[Table] = _TABLES) -> Rows:
    """Return all rows of some tables, as they are to be inserted again."""
    with engine.connect() as connection:
        found = {}
        for table in tables:
            assert connection.execute(select(func.count()).select_from(table)).scalar()
            # As the driver gives them: what goes in again is the text that is stored.
            names = ", ".join(f'"{column.name}"' for column in table.columns)
            query = f'SELECT {names} FROM "{table.name}"'  # noqa: S608 -- names of our own schema
            found[table.name] = [
                tuple(_text(one) for one in row) for row in connection.exec_driver_sql(query)
            ]
        return found


def _text(value: Any) -> Any:
    """Return a JSON value that the driver has decoded as the text that it was."""
    return msgspec.json.encode(value).decode() if isinstance(value, (dict, list)) else value


def insert(engine: Engine, rows: Rows, tables: Sequence[Table] = _TABLES) -> float:
    """Insert rows into empty tables, in one transaction; return how long it took, in seconds."""
    begin = time.perf_counter()
    with engine.begin() as connection:
        for table in tables:
            bulk_insert(connection, table, rows[table.name])
    return time.perf_counter() - begin
