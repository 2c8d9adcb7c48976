"""The API over a ledger of many spans: how long a question takes, and how many are answered in a second.

`usance serve` runs as a process of its own over the ledger that :mod:`bench.usage` makes, all days of it
summed up. One client asks it one question after the other, each in turn with the bare SQL that reads the same
rows in a connection that is open: that is the limit. Then several clients ask at once. All of them share the
processors with the server and with the database.
"""

from __future__ import annotations

import os
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx2
import msgspec
from sqlalchemy import Connection, create_engine, make_url, text

from bench.figures import Aim, Figure
from bench.ledger import POSTGRES
from bench.place import directory
from bench.usage import CLOSED, CLOUD, CURRENT, MONTH_AIM_MS, NOW, PROJECT_SPANS, QUICK_SPANS, SPANS, build
from usance.ledger.ledger import Ledger
from usance.model.period import Period, to_us

ASKED = 100  # projects that are asked about, one after the other
CLIENTS = 8
FOR_S = 5.0

_LIMIT = 100
_DAY_US = 86_400_000_000


class Question(msgspec.Struct, frozen=True):
    """A question, and the SQL that reads what answers it; `:project` is whose."""

    what: str
    path: str
    query: dict[str, str]
    sql: str
    values: dict[str, Any] = {}
    aim_ms: float | None = None


def _month(period: Period) -> dict[str, str]:
    return {"start": period.start.isoformat(), "end": period.end.isoformat()}


_DAYS = {"first": to_us(CLOSED.start) // _DAY_US, "last": to_us(CLOSED.end) // _DAY_US}
_MOMENTS = {"start": to_us(CLOSED.start), "end": to_us(CLOSED.end), "limit": _LIMIT + 1}

QUESTIONS = (
    Question(
        "a project's month",
        "usage",
        _month(CLOSED) | {"group_by": "kind"},
        "SELECT kind, sum(seconds), sum(vcpu_s), sum(ram_mib_s), sum(disk_gib_s), sum(size_kib_s),"
        " sum(inferred_s), sum(inferred_vcpu_s), sum(resources) FROM usage_day"
        " WHERE project_id = :project AND day >= :first AND day < :last GROUP BY kind",
        _DAYS,
        MONTH_AIM_MS,
    ),
    Question(
        "a project's present month, by flavor and day",
        "usage",
        _month(CURRENT) | {"group_by": "kind,flavor,day"},
        "SELECT kind, flavor, day, sum(seconds), sum(vcpu_s), sum(ram_mib_s), sum(disk_gib_s),"
        " sum(inferred_s) FROM usage_day WHERE project_id = :project AND day >= :first"
        " GROUP BY kind, flavor, day",
        {"first": to_us(CURRENT.start) // _DAY_US},
        MONTH_AIM_MS,
    ),
    Question(
        "a page of 100 spans of a month",
        "spans",
        _month(CLOSED) | {"limit": str(_LIMIT)},
        "SELECT s.*, t.begin_at, t.end_at, t.launched, t.doubts, t.described FROM timeline t JOIN span s"
        " USING (project_id, cloud_id, kind, resource_id) WHERE project_id = :project AND start_at < :end"
        " AND (s.end_at > :start OR s.end_at IS NULL) ORDER BY cloud_id, kind, resource_id, start_at"
        " LIMIT :limit",
        _MOMENTS,
    ),
    Question(
        "a page of 100 resources",
        "resources",
        {"limit": str(_LIMIT)},
        "SELECT t.*, s.accounted FROM timeline t LEFT JOIN span s ON s.project_id = t.project_id"
        " AND s.cloud_id = t.cloud_id AND s.kind = t.kind AND s.resource_id = t.resource_id"
        " AND s.end_at IS NOT DISTINCT FROM t.end_at WHERE t.project_id = :project"
        " ORDER BY t.cloud_id, t.kind, t.resource_id LIMIT :limit",
        {"limit": _LIMIT + 1},
    ),
    Question(
        "a page of changes, 100 resources",
        "changes",
        {"limit": str(_LIMIT), "cloud_id": CLOUD},
        "SELECT * FROM span WHERE project_id = :project AND (kind, resource_id) IN (SELECT kind, resource_id"
        " FROM timeline WHERE project_id = :project ORDER BY revision, kind, resource_id LIMIT :limit)",
        {"limit": _LIMIT + 1},
    ),
    Question(
        "changes, of which there are none",
        "changes",
        {"since_revision": "1", "cloud_id": CLOUD},
        "SELECT revision FROM project WHERE project_id = :project",
    ),
)


def run(*, quick: bool = False) -> list[Figure]:
    """Measure SQLite in the quick form only; PostgreSQL where the variable names a database."""
    spans = QUICK_SPANS if quick else SPANS
    url = os.environ.get(POSTGRES)
    figures: list[Figure] = []
    if quick or not url:
        made = directory() / "work"
        made.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="usance-bench-", dir=made) as place:
            figures += _measure("SQLite", f"sqlite:///{place}/ledger.sqlite", QUICK_SPANS, quick=quick)
    if url:
        figures += _measure("PostgreSQL", url, spans, quick=quick)
    return figures


def _measure(name: str, url: str, spans: int, *, quick: bool) -> list[Figure]:
    build(url, spans)
    with Ledger.open(url) as ledger:
        ledger.rollups.roll(NOW)
        known = [one.project_id for one in ledger.questions.projects()]
    projects = known[:: max(len(known) // ASKED, 1)][:ASKED]
    case = f"{name}, {spans:,} spans of {spans // PROJECT_SPANS:,} projects"
    figures: list[Figure] = []
    with _serving(url) as (api, key), httpx2.Client(headers={"X-Auth-Token": key}) as client:
        engine = create_engine(make_url(url).set(drivername=_driver(url)))

        def get(question: Question, project: str) -> object:
            return client.get(_target(question, api, project)).raise_for_status()

        with engine.connect() as connection:
            for one in QUESTIONS:
                figures += _latency(case, one, get, connection, projects[:10] if quick else projects)
        engine.dispose()
        for one in QUESTIONS:
            rate = _rate(one, api, key, projects, for_s=1.0 if quick else FOR_S)
            figures.append(Figure("api", case, f"{one.what}: {CLIENTS} clients at once", (rate,), "1/s"))
    return figures


def _driver(url: str) -> str:
    return "postgresql+psycopg" if url.startswith("postgres") else "sqlite"


# --- the server ------------------------------------------------------------------------------


@contextmanager
def _serving(ledger_url: str) -> Iterator[tuple[str, str]]:
    """Run `usance serve` over a ledger; yield its URL and its key."""
    key = secrets.token_hex(16)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="usance-bench-") as place:
        file = Path(place) / "usance.conf"
        file.write_text(
            f"[DEFAULT]\nspooldir = {place}\n"
            f"[usance]\nledger_url = {ledger_url}\n"
            f"[auth]\nprivate_key = {key}\n"
            f"[api]\nbind_port = {port}\nrate_limit = 0\n"
        )
        command = [str(Path(sys.executable).parent / "usance"), "serve", "--config-file", str(file)]
        with (directory() / "work" / "api.log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, cwd=place)
        try:
            _until_ready(f"http://127.0.0.1:{port}", process)
            yield f"http://127.0.0.1:{port}/v2", key
        finally:
            process.terminate()
            process.wait(60)


def _until_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        if process.poll() is not None:
            raise RuntimeError("the API has ended; its log is api.log")
        try:
            if httpx2.get(f"{url}/ready").status_code == 200:
                return
        except httpx2.TransportError:
            time.sleep(0.1)
    raise RuntimeError("the API is not ready")


# --- what is measured ------------------------------------------------------------------------


def _target(question: Question, api: str, project: str) -> str:
    return f"{api}/{question.path}?{urlencode(question.query | {'project_id': project})}"


def _latency(
    case: str,
    question: Question,
    get: Callable[[Question, str], object],
    connection: Connection,
    asked: Sequence[str],
) -> list[Figure]:
    """Return the milliseconds of each answer, and how that compares to the bare SQL."""
    times, ratios = [], []

    def ask(project: str) -> None:
        get(question, project)

    def read(project: str) -> None:
        connection.execute(text(question.sql), {"project": project, **question.values}).all()

    ask(asked[0])
    read(asked[0])
    for project in asked:
        # What the first of the two has read, the second finds in memory: so they take turns.
        first, second = (ask, read) if len(times) % 2 else (read, ask)
        took = {first: _ms(first, project), second: _ms(second, project)}
        times.append(took[ask])
        ratios.append(took[ask] / took[read])
    aim = {} if question.aim_ms is None else {"aim": Aim.AT_MOST, "limit": question.aim_ms}
    return [
        Figure("api", case, question.what, tuple(times), "ms", **aim),
        Figure("api", case, f"{question.what}: 95 in 100 within", (_high(times),), "ms"),
        Figure("api", case, f"{question.what}: time / bare SQL", tuple(ratios)),
    ]


def _ms(call: Callable[[str], None], project: str) -> float:
    begin = time.perf_counter()
    call(project)
    return 1000 * (time.perf_counter() - begin)


def _high(times: Sequence[float]) -> float:
    return statistics.quantiles(times, n=20, method="inclusive")[-1]


def _rate(question: Question, api: str, key: str, projects: Sequence[str], *, for_s: float) -> float:
    """Return how many answers several clients get in a second, each with a connection of its own."""
    go = threading.Barrier(CLIENTS)

    def ask(number: int) -> tuple[int, float]:
        with httpx2.Client(headers={"X-Auth-Token": key}, timeout=60) as client:
            client.get(_target(question, api, projects[number % len(projects)])).raise_for_status()
            go.wait()
            begin, count = time.perf_counter(), 0
            while time.perf_counter() - begin < for_s:
                project = projects[(number + count * CLIENTS) % len(projects)]
                client.get(_target(question, api, project)).raise_for_status()
                count += 1
            return count, time.perf_counter() - begin

    with ThreadPoolExecutor(CLIENTS) as threads:
        return sum(count / seconds for count, seconds in threads.map(ask, range(CLIENTS)))
