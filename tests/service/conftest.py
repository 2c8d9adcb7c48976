"""Real servers, shared by the service tests."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from service.citus import drop_cluster, make_cluster
from service.postgres import HOW_TO_GET_IT, PostgresServer, drop_database, find_binaries, new_database
from usance.ledger.ledger import Ledger


@contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """Start a PostgreSQL server of our own, and stop it in the end; without its programs there is no test."""
    binaries = find_binaries()
    if binaries is None:
        if os.environ.get("CI"):
            pytest.fail(HOW_TO_GET_IT)
        pytest.skip(HOW_TO_GET_IT)
    server = PostgresServer(binaries)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def postgres_server_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Yield the URL of a PostgreSQL server whose user may create databases."""
    given = request.config.getoption("--database-url")
    if given:
        yield given
        return
    with running_postgres() as server:
        yield server.url


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """Yield a server that no other test uses: it may be ended, and started again."""
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def is_citus(request: pytest.FixtureRequest) -> bool:
    """Say whether the PostgreSQL server is the coordinator of a Citus cluster."""
    return bool(request.config.getoption("--citus"))


@pytest.fixture
def postgres_url(postgres_server_url: str, is_citus: bool) -> Iterator[str]:
    """Yield the URL of an empty database on a real PostgreSQL server; on Citus, of an empty ledger."""
    url = new_database(postgres_server_url)
    try:
        if is_citus:
            make_cluster(postgres_server_url, url)
        yield url
    finally:
        drop_database(url)
        if is_citus:
            drop_cluster(postgres_server_url, url)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """Return the URL of a SQLite file that does not exist yet."""
    return f"sqlite:///{tmp_path}/spool/ledger.db"


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest) -> str:
    """Return the URL of an empty ledger: every test that asks for it runs on both engines."""
    return request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")


@pytest.fixture(scope="session")
def postgres_template(postgres_server_url: str) -> Iterator[str]:
    """Yield the URL of a database that holds an empty ledger, to make others from."""
    url = new_database(postgres_server_url)
    try:
        Ledger.open(url).close()
        yield url
    finally:
        drop_database(url)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the path of an empty ledger, to make others from."""
    path = tmp_path_factory.mktemp("ledger") / "template.db"
    Ledger.open(f"sqlite:///{path}").close()
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    """Yield an empty ledger; the test runs on both engines."""
    if request.param == "sqlite":
        path = shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "ledger.db")
        with Ledger.open(f"sqlite:///{path}") as opened:
            yield opened
        return
    if request.getfixturevalue("is_citus"):  # a copy would go on using the shards of what it was copied from
        with Ledger.open(request.getfixturevalue("postgres_url")) as opened:
            yield opened
        return
    server, template = (request.getfixturevalue(one) for one in ("postgres_server_url", "postgres_template"))
    url = new_database(server, template=template)
    try:
        with Ledger.open(url) as opened:
            yield opened
    finally:
        drop_database(url)
