"""What `usance db distribute` answers where it can't be had; Citus itself judges in `make judges`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from usance.ledger.distributing import distribute
from usance.ledger.engine import Store
from usance.ledger.ledger import Ledger
from usance.model.errors import ConfigurationError


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
