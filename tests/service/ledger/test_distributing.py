"""What `usance db distribute` answers where it can't be had; Citus itself judges in `make judges`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import text

from said import CLOUD, at, changed, created
from service.citus import drop_cluster, make_cluster
from service.postgres import drop_database, new_database
from usance.ledger.distributing import distribute
from usance.ledger.engine import Store
from usance.ledger.ledger import Ledger
from usance.ledger.values import Heard
from usance.model.errors import ConfigurationError, LedgerError
from usance.model.resource import SERVER


@pytest.fixture
def postgres_store(postgres_url: str) -> Iterator[Store]:
    Ledger.open(postgres_url).close()
    store = Store(postgres_url, create=False)
    yield store
    store.close()


def test_a_file_is_not_distributed(sqlite_url: str) -> None:
    Ledger.open(sqlite_url).close()
    store = Store(sqlite_url, create=False)

    with pytest.raises(ConfigurationError, match="file of SQLite"):
        distribute(store)

    store.close()


def test_a_server_without_the_extension_is_refused_and_nothing_changes(postgres_store: Store) -> None:
    with postgres_store.read() as connection:
        query = text("SELECT 1 FROM pg_extension WHERE extname = 'citus'")
        if connection.execute(query).first() is not None:
            assert distribute(postgres_store).distributed == ()  # on a cluster it is distributed already
            return

    with pytest.raises(ConfigurationError, match="extension Citus") as caught:
        distribute(postgres_store)

    assert "citus" in str(caught.value.hint).lower()


def test_a_ledger_without_our_tables_is_refused(postgres_store: Store) -> None:
    with postgres_store.write() as connection:
        connection.execute(text("UPDATE ledger_version SET version_num = '0001'"))

    with pytest.raises(ConfigurationError, match="tables of this usance") as caught:
        distribute(postgres_store)

    assert caught.value.hint == "usance db upgrade"


@pytest.fixture
def plain_url(postgres_server_url: str) -> Iterator[str]:
    """Yield the URL of a ledger on a cluster that is not distributed yet."""
    url = new_database(postgres_server_url)
    try:
        make_cluster(postgres_server_url, url, distributed=False)
        yield url
    finally:
        drop_database(url)
        drop_cluster(postgres_server_url, url)


@pytest.mark.judges
def test_a_ledger_in_use_is_distributed_and_loses_nothing(plain_url: str, is_citus: bool) -> None:
    """Two collectors go on hearing while the tables are moved; what they heard before and after is there."""
    assert is_citus, "say --citus, and --database-url of a coordinator"
    stop, heard, failures = threading.Event(), [0, 0], []

    def hear(number: int) -> None:
        with Ledger.open(plain_url) as ledger:
            while not stop.is_set():
                project = f"project{heard[number] % 5}"
                server = f"server{number}-{heard[number]}"
                said = created(server, "10:00", project_id=project)
                later = changed(server, "11:00", project_id=project, state="stopped")
                try:
                    ledger.hear(Heard((said, later)))
                except LedgerError as error:  # a collector keeps its batch, and says it again
                    failures.append(str(error))
                    continue
                heard[number] += 1

    threads = [threading.Thread(target=hear, args=(number,)) for number in (0, 1)]
    for one in threads:
        one.start()
    store = Store(plain_url, create=False)
    try:
        wait_until(lambda: min(heard) >= 5)
        done = distribute(store)
        before = list(heard)
        wait_until(lambda: min(now - then for now, then in zip(heard, before, strict=True)) >= 5)
    finally:
        stop.set()
        for one in threads:
            one.join()
        store.close()

    assert "span" in done.distributed
    assert "name" in done.reference
    with Ledger.open(plain_url) as ledger:
        kept = [
            one.timeline
            for project, cloud in ledger.projects()
            for one in ledger.timelines(project, cloud, SERVER)
        ]
    assert len(kept) == sum(heard)
    assert all(len(one.spans) == 2 and one.resource.cloud_id == CLOUD for one in kept)
    assert all(one.begin == at("10:00") for one in kept)


def wait_until(condition: Callable[[], bool], limit_s: int = 120) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(0.05)
