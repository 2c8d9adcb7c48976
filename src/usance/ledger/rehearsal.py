"""A ledger for a dry run: everything is done as ever, and nothing stays.

On SQLite it is a copy, so that a dry run needs no right to write and holds nobody up. On
PostgreSQL it is one transaction that is rolled back in the end.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from usance.ledger import migrating
from usance.ledger.engine import Store, explained

_IN_MEMORY: Final = {None, "", ":memory:"}


@contextmanager
def rehearsal_of(url: str) -> Iterator[Store]:
    """Open a store that begins as the ledger at a URL is now, and leaves that ledger as it is.

    Raises what opening the ledger raises; one that does not exist yet is empty.
    """
    if url.startswith("sqlite"):
        with tempfile.TemporaryDirectory(prefix="usance-") as directory:
            copy = Path(directory) / "ledger.db"
            _copy(url, copy)
            with closing(Store(f"sqlite:///{copy}", create=True)) as store:
                migrating.make_ready(store)
                yield store
        return
    with closing(_RolledBack(url, create=False)) as store:
        migrating.make_ready(store)
        yield store


def _copy(url: str, target: Path) -> None:
    source = url.partition(":///")[2].partition("?")[0]
    if source in _IN_MEMORY or not Path(source).exists():
        return
    # Who reads a file with a write-ahead log writes beside it. Where that can't be, nobody else of
    # ours writes either, and the file is taken as it lies: so a dry run needs no right to write.
    how = "mode=ro" if os.access(Path(source).parent, os.W_OK) else "immutable=1"
    with (
        explained(source),
        closing(sqlite3.connect(f"{Path(source).absolute().as_uri()}?{how}", uri=True, timeout=30)) as old,
        closing(sqlite3.connect(target)) as new,
    ):
        old.backup(new)


class _RolledBack(Store):
    """A store on one connection, in one transaction that is never committed."""

    def __init__(self, url: str, *, create: bool) -> None:
        super().__init__(url, create=create)
        self._connection: Connection | None = None

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a part of the transaction."""
        with explained(self.place), self._open().begin_nested():
            yield self._open()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Open a part of the transaction that writes: it is undone alone if it fails."""
        with explained(self.place), self._open().begin_nested():
            yield self._open()

    def close(self) -> None:
        """Undo everything, and give the connection back."""
        if self._connection is not None:
            self._connection.rollback()
            self._connection.close()
            self._connection = None
        super().close()

    def _open(self) -> Connection:
        if self._connection is None:
            self._connection = self._engine.connect()
            self._connection.begin()
        return self._connection
