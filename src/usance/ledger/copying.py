"""A ledger copied into another database: from SQLite to PostgreSQL, from one server to another, or back.

Everything is read in one transaction and written in one. Each table is read again where it came to, and
compared by the number of its rows and by a sum over them, before anything is kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Final

import msgspec
from sqlalchemy import Connection, LargeBinary, Table, func, select, text

from usance.ledger import schema
from usance.ledger.engine import Row, Store, bulk_insert
from usance.ledger.migrating import make_ready
from usance.model.errors import ConfigurationError, LedgerError

_ROWS: Final = 5000  # held in memory at once
_WIDE_ROWS: Final = 100  # of a table with bodies of messages, each of up to a mebibyte
_DIGEST_BYTES: Final = 16
_MODULUS: Final = 1 << 8 * _DIGEST_BYTES


class Counted(msgspec.Struct, frozen=True):
    """What is in a table."""

    table: str
    rows: int
    checksum: str  # of all rows, in whatever order they are read


class Copied(msgspec.Struct, frozen=True):
    """What was copied."""

    tables: tuple[Counted, ...]
    written_meanwhile: bool  # to the ledger that was read: what came after the beginning is not in the copy


def copy(source: Store, target: Store, *, tell: Callable[[Counted], None] = lambda _: None) -> Copied:
    """Copy a ledger into an empty database, or into a ledger in which nothing is; all of it or nothing.

    Both are read and written as any other program does: a target that is distributed over a Citus
    cluster stays so. *tell* gets each table once it is copied and compared; nothing is kept before
    the last one is. On SQLite the target takes twice its size until then.

    Raises:
        ConfigurationError: the schema of one of them is not this program's, or the target is not empty.
        LedgerError: one of them failed, or what came to the target is not what was read; it is as empty
            as it was.
    """
    make_ready(source)
    make_ready(target)
    with source.read() as read:
        before = _version(read)
        with target.write() as written:
            _take_empty(written, target.place)
            found = []
            for table in schema.metadata.sorted_tables:  # a key to another table comes after that
                found.append(_copy_table(read, written, table, target.place))
                tell(found[-1])
    if not target.is_sqlite:
        with target.write() as written:
            written.exec_driver_sql(f"ANALYZE {_names()}")
    with source.read() as read:
        return Copied(tuple(found), _version(read) != before)


def _names() -> str:
    return ", ".join(f'"{table.name}"' for table in schema.metadata.sorted_tables)


def _version(connection: Connection) -> tuple[int, ...]:
    """Return numbers that are others once something was observed, heard or put aside."""
    project, parked, listening = schema.project.c, schema.parked.c, schema.listening.c
    queries = (
        select(func.count(), func.sum(project.revision)),
        select(func.count(parked.id), func.max(parked.at)),
        select(func.count(listening.collector), func.max(listening.until_at)),
    )
    return tuple(int(one or 0) for query in queries for one in connection.execute(query).one())


def _take_empty(connection: Connection, place: str) -> None:
    """Keep others from writing to the target, and refuse one that has anything."""
    if connection.dialect.name != "sqlite":
        connection.execute(text(f"LOCK TABLE {_names()} IN EXCLUSIVE MODE"))
    for table in schema.metadata.sorted_tables:
        if connection.execute(select(1).select_from(table).limit(1)).first() is not None:
            raise ConfigurationError(
                f"The ledger {place} is not empty: its table {table.name!r} has rows",
                hint="name a database that is empty; ledgers are not merged",
            )


def _copy_table(read: Connection, written: Connection, table: Table, place: str) -> Counted:
    sums = _Sums(table.name)
    for page in _pages(read, table):
        sums.add(page)
        bulk_insert(written, table, page)
    arrived = _Sums(table.name)
    for page in _pages(written, table):
        arrived.add(page)
    if arrived.counted() != sums.counted():
        raise LedgerError(
            f"The table {table.name!r} did not arrive at the ledger {place} as it was read"
            f" ({sums.rows} rows read, {arrived.rows} rows found)",
            hint="nothing was kept there; look into the server's log, and copy again",
        )
    return sums.counted()


def _pages(connection: Connection, table: Table) -> Iterator[list[Row]]:
    """Yield all rows of a table, some at a time, in no order."""
    wide = any(isinstance(column.type, LargeBinary) for column in table.columns)
    options = {"yield_per": _WIDE_ROWS if wide else _ROWS}
    with connection.execute(select(table), execution_options=options) as found:
        for page in found.partitions():
            yield [tuple(row) for row in page]


class _Sums:
    """Counts rows, and adds up what each of them says: the same for the same rows in any order."""

    def __init__(self, table: str) -> None:
        self._table = table
        self.rows = 0
        self._sum = 0

    def add(self, page: list[Row]) -> None:
        """Add some rows: texts, integers, booleans, bytes and nothing, which have one form each."""
        for row in page:
            digest = hashlib.blake2b(repr(row).encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES)
            self._sum += int.from_bytes(digest.digest())
        self.rows += len(page)

    def counted(self) -> Counted:
        """Return what was added up."""
        return Counted(self._table, self.rows, f"{self._sum % _MODULUS:0{2 * _DIGEST_BYTES}x}")
