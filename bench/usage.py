"""Usage, asked of a ledger that has ten million spans: a month of a project, of all, pages, the past day.

The ledger is made by bulk: a year of servers that are created, stopped, started, resized and deleted, a fifth
of them alive at the end, and volumes. Then a process of its own asks, so that its memory is that of
asking. The present is a moment of the last day: days before it are summed up, it is not.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from sqlalchemy import Engine, create_engine, make_url

from bench.child import measure
from bench.figures import Aim, Figure
from bench.ledger import POSTGRES
from bench.place import directory
from usance.ledger import schema
from usance.ledger.answers import Asked, By, Sort, Window
from usance.ledger.engine import Row, bulk_insert
from usance.ledger.ledger import Ledger
from usance.model.period import Period, to_us

SPANS, QUICK_SPANS = 10_000_000, 300_000
PROJECT_SPANS = 10_000
"""How many spans a project has: a thousand projects in the long form."""

MONTH_AIM_MS = 50
MEMORY_AIM_MIB = 200
ASKED = 40  # projects that are asked about, one after the other

BEGIN = datetime(2025, 11, 1, tzinfo=UTC)
NOW = datetime(2026, 10, 31, 14, 30, tzinfo=UTC)
CLOSED = Period(datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 10, 1, tzinfo=UTC))
CURRENT = Period(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))
CLOUD = "region1"
SUSPENDED = ("suspended", "shelved")

_FLAVORS = [
    (f"m1.{name}", vcpus) for name, vcpus in (("small", 1), ("medium", 2), ("large", 4), ("huge", 16))
]
_DAY_US = 86_400_000_000


class Answers(msgspec.Struct, frozen=True):
    """What the asking process found: milliseconds of each question."""

    summed_up_s: float
    days: int
    times: dict[str, list[float]]


def run(*, quick: bool = False) -> list[Figure]:
    """Measure SQLite, and PostgreSQL where the variable names a database."""
    spans = QUICK_SPANS if quick else SPANS
    with tempfile.TemporaryDirectory(prefix="usance-bench-", dir=_scratch()) as place:
        figures = _measure("SQLite", f"sqlite:///{place}/ledger.sqlite", spans)
    url = os.environ.get(POSTGRES)
    if url:
        figures += _measure("PostgreSQL", url, spans)
    return figures


def _scratch() -> Path:
    made = directory() / "work"
    made.mkdir(parents=True, exist_ok=True)
    return made


def _measure(name: str, url: str, spans: int) -> list[Figure]:
    case = f"{name}, {spans:,} spans of {spans // PROJECT_SPANS:,} projects"
    begin = time.perf_counter()
    made = build(url, spans)
    built = time.perf_counter() - begin
    log = directory() / "work" / f"usage-{name.lower()}.log"
    took = measure([sys.executable, "-m", "bench.usage", url], log=log, cwd=Path(__file__).parent.parent)
    found = msgspec.json.decode(took.output.strip().splitlines()[-1], type=Answers)
    figures = [
        Figure("usage", case, "spans inserted", (made / built,), "1/s"),
        Figure("usage", case, "days of projects summed up", (found.days / found.summed_up_s,), "1/s"),
        Figure("usage", case, "peak memory", (took.peak_rss_mib,), "MiB", Aim.AT_MOST, MEMORY_AIM_MIB),
    ]
    for what, times in found.times.items():
        aim = {"aim": Aim.AT_MOST, "limit": MONTH_AIM_MS} if what.startswith("a project's month") else {}
        figures.append(Figure("usage", case, what, tuple(times), "ms", **aim))
    return figures


# --- the ledger ------------------------------------------------------------------------------


def build(url: str, spans: int) -> int:
    """Make a ledger of so many spans at a URL, whose tables are dropped; return how many it has."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    engine = create_engine(parsed)
    if engine.dialect.name == "postgresql":
        with engine.begin() as connection:
            connection.exec_driver_sql("DROP SCHEMA public CASCADE")
            connection.exec_driver_sql("CREATE SCHEMA public")
    Ledger.upgrade(url)
    made = 0
    for number in range(spans // PROJECT_SPANS):
        made += _build_project(engine, number)
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")
    engine.dispose()
    return made


def _build_project(engine: Engine, number: int) -> int:
    dice = random.Random(number)  # noqa: S311 -- repeatable
    project_id = f"{dice.getrandbits(128):032x}"
    timelines: list[Row] = []
    spans: list[Row] = []
    while len(spans) < PROJECT_SPANS:
        timeline, own = _life(dice, project_id)
        timelines.append(timeline)
        spans += own
    with engine.begin() as connection:
        bulk_insert(connection, schema.project, [(project_id, CLOUD, 1, None)])
        bulk_insert(connection, schema.revision, [(project_id, CLOUD, 1, to_us(NOW))])
        bulk_insert(connection, schema.timeline, timelines)
        bulk_insert(connection, schema.span, spans)
    return len(spans)


def _life(dice: random.Random, project_id: str) -> tuple[Row, list[Row]]:
    """Return the row of a timeline, and those of its spans."""
    now_us = to_us(NOW)
    is_server = dice.random() < 0.8
    one_id = "-".join(f"{dice.getrandbits(bits):0{bits // 4}x}" for bits in (32, 16, 16, 16, 48))
    key = (project_id, CLOUD, "server" if is_server else "volume", one_id)
    begin = to_us(BEGIN) + dice.randrange((NOW - BEGIN) // timedelta(microseconds=1))
    end: int | None = begin + round(dice.expovariate(1 / 20) * _DAY_US)
    if dice.random() < 0.15 or (end is not None and end > now_us):
        end = None
    cuts = [begin]
    changes = dice.choice((1, 2, 4, 8)) if is_server else dice.choice((0, 2))
    cuts += sorted(dice.randrange(begin, end or now_us) for _ in range(changes))
    user = f"{dice.randrange(50):032x}"
    flavor, vcpus = dice.choice(_FLAVORS)
    rows: list[Row] = []
    for position, (start, stop) in enumerate(zip(cuts, [*cuts[1:], end], strict=True)):
        if start == stop:
            continue
        if is_server and dice.random() < 0.05:
            flavor, vcpus = dice.choice(_FLAVORS)
        state = "building" if position == 0 else "active" if position % 2 else "stopped"
        accounted = (
            f'{{"disk_gib":20,"ephemeral_gib":0,"flavor":"{flavor}","image_id":"{user}",'
            f'"ram_mib":{vcpus * 4096},"state":"{state}","user_id":"{user}","vcpus":{vcpus}}}'
            if is_server
            else f'{{"attachments":"[]","size_gib":{vcpus * 100},"user_id":"{user}","volume_type":"ssd"}}'
        )
        rows.append((*key, start, stop, accounted, 1))
    doubts = "[]"
    if dice.random() < 0.05 and rows:
        until = datetime.fromtimestamp(rows[0][4] // 1_000_000 + 1800, UTC).isoformat()
        first = datetime.fromtimestamp(rows[0][4] // 1_000_000, UTC).isoformat()
        doubts = f'[{{"attribute":"state","start":"{first}","end":"{until}"}}]'
    described = f'[{{"attribute":"name","since":"2026-01-01T00:00:00Z","value":"web-{one_id[:8]}"}}]'
    timeline = (
        *key,
        begin,
        end,
        True,
        True,
        is_server,
        doubts,
        "[]",
        described,
        1,
        1,
        end or cuts[-1],
        False,
        "{}",
    )
    return timeline, rows


# --- the asking process ----------------------------------------------------------------------


def ask(url: str) -> Answers:
    """Sum up all days, then ask."""
    with Ledger.open(url) as ledger:
        questions = ledger.questions
        projects = [one.project_id for one in questions.projects()]
        asked = projects[:: max(len(projects) // ASKED, 1)][:ASKED]
        times: dict[str, list[float]] = {}

        def each(what: str, question: Callable[[str], object]) -> None:
            times[what] = [_milliseconds(lambda one=one: question(one)) for one in asked]

        def usage(period: Period, project: str | None = None, **how: object) -> object:
            which = Asked(projects=None if project is None else (project,), period=period)
            return list(questions.usage(which, until=NOW, suspended_states=SUSPENDED, **how))

        each("a project's month, nothing summed up", lambda one: usage(CLOSED, one, by=(By.KIND,)))
        begin = time.perf_counter()
        days = ledger.rollups.roll(NOW).days
        summed_up = time.perf_counter() - begin
        each("a project's month, closed", lambda one: usage(CLOSED, one, by=(By.KIND,)))
        each("a project's month, the present one", lambda one: usage(CURRENT, one, by=(By.KIND,)))
        each(
            "a project's month, the present one, by flavor and day",
            lambda one: usage(CURRENT, one, by=(By.KIND, By.FLAVOR), window=Window.DAY),
        )
        each(
            "a project's month by flavor, servers counted",
            lambda one: usage(CLOSED, one, by=(By.FLAVOR,), count_resources=True),
        )
        each("page of 100 resources", lambda one: questions.resources(Asked(projects=(one,))))
        each(
            "page of 100 resources of a month, by end",
            lambda one: questions.resources(Asked(projects=(one,), period=CLOSED), sort=Sort.END),
        )
        each(
            "page of 100 spans of a month", lambda one: questions.spans(Asked(projects=(one,), period=CLOSED))
        )
        each("page of 100 changes", lambda one: questions.changes(one, CLOUD))
        each("page of 100 resources of all", lambda _: questions.resources(Asked()))
        whole: dict[str, Callable[[], object]] = {
            "all projects' month, closed": lambda: usage(CLOSED, by=(By.PROJECT,)),
            "all projects' month, closed, by project and flavor": lambda: usage(
                CLOSED, by=(By.PROJECT, By.FLAVOR)
            ),
            "all projects' month, closed, in one sum": lambda: usage(CLOSED, by=(By.KIND,)),
            "all projects' month, the present one": lambda: usage(CURRENT, by=(By.PROJECT,)),
        }
        for what, question in whole.items():
            times[what] = [_milliseconds(question) for _ in range(3)]
    return Answers(summed_up, days, times)


def _milliseconds(question: Callable[[], object]) -> float:
    begin = time.perf_counter()
    question()
    return (time.perf_counter() - begin) * 1000


if __name__ == "__main__":
    print(msgspec.json.encode(ask(sys.argv[1])).decode())
