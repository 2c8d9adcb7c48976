"""The database behind the ledger: connections, transactions, bulk inserts, and what may go wrong.

Three things differ between SQLite and PostgreSQL, and all three are here or in `schema.Json`:
how a connection is set up, how a writing transaction begins, and how many rows are inserted
at once.
"""

from __future__ import annotations

import errno
import math
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import sqlalchemy
from sqlalchemy import URL, Connection, Engine, Table, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import StaticPool

from usance.model.errors import ConfigurationError, LedgerError

BUSY_TIMEOUT_S: Final = 30
CHUNK: Final = 1000  # rows in one insert
ROWS_TO_COUNT: Final = 2000
_DEADLINE: Final = "usance_deadline"
_STEPS: Final = 10_000  # of SQLite's machine, about a millisecond, between two looks at the clock
_WRITE: Final = "usance_write"

Row = tuple[Any, ...]
"""The values of a row, in the order of its table's columns."""


class Store:
    """One database, and the two kinds of transactions on it."""

    def __init__(self, url: str, *, create: bool) -> None:
        self.url = _parse(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.place = _place(self.url)
        self._engine = (
            _sqlite_engine(self.url, create=create) if self.is_sqlite else _postgres_engine(self.url)
        )
        self.patience_s: float | None = None  # after which a question is given up; None: never
        self._grown: dict[tuple[str, str], tuple[int, int]] = {}  # rows, and with how many it is counted
        if self.is_sqlite and self._is_file:
            self._use_wal()

    @property
    def _is_file(self) -> bool:
        return self.url.database not in {None, "", ":memory:"}

    def close(self) -> None:
        """Give all connections back."""
        self._engine.dispose()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a transaction that reads: everything in it is of one moment."""
        options: dict[str, Any] = {}
        if not self.is_sqlite:
            options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        with explained(self.place), self._engine.connect() as bare:
            connection = bare.execution_options(**options)
            with connection.begin(), self._bounded(connection):
                yield connection

    @contextmanager
    def _bounded(self, connection: Connection) -> Iterator[None]:
        """Give up what takes too long: on SQLite the transaction, on PostgreSQL a statement of it.

        What reads many rows one after the other gives up with :func:`hold_patience`, on both.
        """
        if self.patience_s is None:
            yield
            return
        deadline = connection.info[_DEADLINE] = time.monotonic() + self.patience_s
        raw: Any = connection.connection.driver_connection
        if self.is_sqlite:
            raw.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
        else:
            connection.exec_driver_sql(f"SET LOCAL statement_timeout = {int(1000 * self.patience_s)}")
        try:
            yield
        finally:
            connection.info.pop(_DEADLINE, None)
            if self.is_sqlite:
                raw.set_progress_handler(None, 0)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Open a transaction that writes; on SQLite it is the only one of its kind at a time."""
        with explained(self.place), self._engine.connect() as bare:
            connection = bare.execution_options(**{_WRITE: True})
            with connection.begin():
                yield connection

    def grown(self, project_id: str, cloud_id: str, rows: int) -> None:
        """Let PostgreSQL count its rows anew when much came for a project at once.

        It does so by itself, but after a minute; at a first look it would read the whole project
        for every page until then. So it counts at 2,000 rows, at 4,000, and so on.
        """
        if self.is_sqlite:
            return
        known, due = self._grown.get((project_id, cloud_id), (0, ROWS_TO_COUNT))
        known += rows
        if known >= due:
            due = 2 * known
            with self.write() as connection:
                connection.exec_driver_sql(
                    "ANALYZE (SKIP_LOCKED) observation, report, timeline, span, record"
                )
        self._grown[project_id, cloud_id] = (known, due)

    def _use_wal(self) -> None:
        """Let readers read while somebody writes. The mode stays with the file.

        SQLite doesn't wait for others when it changes the mode, so we do.
        """
        deadline = time.monotonic() + BUSY_TIMEOUT_S
        with explained(self.place):
            raw = self._engine.raw_connection()
            try:
                while not _is_wal(raw.cursor()):
                    if time.monotonic() > deadline:
                        raise LedgerError(
                            f"The ledger {self.place} is locked by another program",
                            hint="end the program that holds it, then try again",
                        )
                    time.sleep(0.02)
            finally:
                raw.close()


def hold_patience(connection: Connection) -> None:
    """Give up a transaction that reads for longer than its store has patience. Raises LedgerError."""
    if time.monotonic() > connection.info.get(_DEADLINE, math.inf):
        raise LedgerError("The ledger did not answer in time", hint="ask for less at once")


def file_of(url: str) -> Path | None:
    """Return the file of a ledger in SQLite; None for one that has none. Raises ConfigurationError."""
    parsed = _parse(url)
    if parsed.get_backend_name() != "sqlite" or parsed.database in {None, "", ":memory:"}:
        return None
    return Path(str(parsed.database))


def bulk_insert(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert rows, given in the order of the table's columns, as fast as the engine can."""
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        statement = _insert_statement(table)
        for start in range(0, len(rows), CHUNK):
            connection.exec_driver_sql(statement, list(rows[start : start + CHUNK]))
        return
    driver = connection.connection.driver_connection
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    with driver.cursor() as cursor, cursor.copy(f'COPY "{table.name}" ({names}) FROM STDIN') as copy:  # type: ignore[union-attr]  # psycopg's, by the dialect
        for row in rows:
            copy.write_row(row)


def _insert_statement(table: Table) -> str:
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    marks = ", ".join("?" for _ in table.columns)
    return f'INSERT INTO "{table.name}" ({names}) VALUES ({marks})'  # noqa: S608  # names of our own schema


def clean(text: str) -> str:
    """Return text that every engine can keep: PostgreSQL takes no NUL."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")


# --- opening ---------------------------------------------------------------------------------


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
    except (ArgumentError, NoSuchModuleError, ValueError):
        # The text itself stays out of the message: it may hold a password.
        raise ConfigurationError(
            "The URL of the ledger can't be understood",
            hint="write sqlite:////path/to/ledger.db or postgresql://user:password@host/database",
        ) from None
    if backend in {"postgresql", "postgres"}:
        return parsed.set(drivername="postgresql+psycopg")
    if backend != "sqlite":
        raise ConfigurationError(
            f"The ledger can't be kept in {backend!r}", hint="use a sqlite:/// or a postgresql:// URL"
        )
    return parsed.set(drivername="sqlite+pysqlite")


def _place(url: URL) -> str:
    """Name the database in messages, without its password."""
    if url.get_backend_name() == "sqlite":
        return url.database or "(in memory)"
    return url.set(drivername="postgresql").render_as_string(hide_password=True)


def _sqlite_engine(url: URL, *, create: bool) -> Engine:
    options: dict[str, Any] = {}
    if url.database in {None, "", ":memory:"}:
        options = {"poolclass": StaticPool, "connect_args": {"check_same_thread": False}}
    else:
        _prepare_file(Path(str(url.database)), create=create)
    engine = sqlalchemy.create_engine(url, **options)
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_file(path: Path, *, create: bool) -> None:
    """Make the file, for its owner's eyes only, before SQLite makes one for everybody's.

    A file that is there is never opened by us: closing it would take away all locks that connections of
    this process have on it (fcntl(2)), and another process could then remove the log that they write.
    """
    if not create:
        if not path.exists():
            raise LedgerError(f"There is no ledger at {path}", hint="usance extract makes one")
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        if not path.is_file():
            raise _unusable(path, "it is no file") from None
        if not os.access(path, os.R_OK | os.W_OK, effective_ids=True):
            raise _unusable(path, os.strerror(errno.EACCES)) from None
    except OSError as error:
        raise _unusable(path, str(error.strerror)) from error


def _unusable(path: Path, reason: str) -> LedgerError:
    return LedgerError(
        f"The ledger {path} can't be opened for writing: {reason}",
        hint="the spool directory must exist and be writable by the user that runs usance",
    )


def _set_up_sqlite(raw: sqlite3.Connection, _record: object) -> None:
    raw.isolation_level = None  # transactions begin where we say (see _begin_sqlite)
    for pragma in (
        f"busy_timeout = {BUSY_TIMEOUT_S * 1000}",
        "foreign_keys = ON",
        "synchronous = FULL",  # what was committed survives a power cut
        "cache_size = -16000",
        "wal_autocheckpoint = 8000",  # a batch of events writes 1,000 pages, many of them again and again
        "temp_store = MEMORY",
    ):
        raw.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITE, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _is_wal(cursor: Any) -> bool:
    try:
        cursor.execute("PRAGMA journal_mode = WAL")
        return bool(cursor.fetchone()[0] == "wal")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            return False
        raise


def _postgres_engine(url: URL) -> Engine:
    try:
        engine = sqlalchemy.create_engine(
            url,
            json_serializer=str,  # what goes into a JSON column is text already (schema.Json)
            pool_pre_ping=True,
            connect_args={"connect_timeout": 10} | ({} if "application_name" in url.query else _APPLICATION),
        )
    except ImportError:
        raise ConfigurationError(
            "The ledger is kept in PostgreSQL, but its driver is not installed",
            hint="pip install 'usance[postgres]'",
        ) from None
    event.listen(engine, "connect", _set_up_postgres)
    return engine


_APPLICATION: Final = {"application_name": "usance"}


def _set_up_postgres(raw: Any, _record: object) -> None:
    raw.execute(f"SET lock_timeout = '{BUSY_TIMEOUT_S}s'")
    # A plan made for any list of ids compares each row with each of them.
    raw.execute("SET plan_cache_mode = force_custom_plan")
    raw.commit()


# --- what may go wrong -----------------------------------------------------------------------

_FULL: Final = ("has no room left on its disk", "free some space; nothing that was kept is lost")

_SLOW: Final = ("did not answer in time", "ask for less at once, or try again")

# By the extended result code, else by its first byte (the primary one).
_SQLITE_TROUBLE: Final = {
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_IOERR_SHMSIZE: _FULL,  # no room for the index of the write-ahead log
    sqlite3.SQLITE_IOERR: (
        "can't be read or written: the disk reports an error",
        "look into the system's log; keep the ledger on a local disk",
    ),
    sqlite3.SQLITE_READONLY: (
        "can't be written",
        "check the owner and the mode of the file and its directory",
    ),
    sqlite3.SQLITE_PERM: ("can't be written", "check the owner and the mode of the file and its directory"),
    sqlite3.SQLITE_CANTOPEN: (
        "can't be opened",
        "check the owner and the mode of the file and its directory",
    ),
    sqlite3.SQLITE_CORRUPT: ("is damaged", "restore it from a backup, or move it away and extract anew"),
    sqlite3.SQLITE_NOTADB: ("is not a ledger", "check the path; move the file away to begin a new one"),
    sqlite3.SQLITE_INTERRUPT: _SLOW,
    sqlite3.SQLITE_BUSY: ("is locked by another program", "end the program that holds it, then try again"),
    sqlite3.SQLITE_LOCKED: ("is locked by another program", "end the program that holds it, then try again"),
}

# By SQLSTATE: the whole of it, else its first two characters (its class).
_POSTGRES_TROUBLE: Final = {
    "53100": _FULL,
    "53": ("is out of resources", "look into the server's log"),
    "25006": ("can't be written: the server is read-only", "use the URL of the primary server"),
    "28": ("does not accept the user or the password", "check the URL of the ledger"),
    "3D": ("does not exist on the server", "create the database, or check the URL of the ledger"),
    "42501": ("may not be read or written by this user", "grant the user the rights on the database"),
    "55P03": ("is locked by another program", "end the program that holds it, then try again"),
    "40": ("was changed by another program at the same time", "try again"),
    "57014": _SLOW,
    "57": ("was interrupted by the server", "try again; look into the server's log"),
    "58": ("can't be read or written: the server reports an error", "look into the server's log"),
    "XX": ("is damaged", "look into the server's log; restore the database from a backup"),
    "08": ("can't be reached", "check that the server runs, and the URL of the ledger"),
}


@contextmanager
def explained(place: str) -> Iterator[None]:
    """Turn what an operator can mend into a :class:`LedgerError`; let a fault of ours pass."""
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        trouble = _trouble(error.orig if isinstance(error, DBAPIError) else error)
        if trouble is None:
            raise
        sentence, hint = trouble
        raise LedgerError(f"The ledger {place} {sentence}", hint=hint) from error


def _trouble(error: BaseException | None) -> tuple[str, str] | None:
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", 0)
        return _SQLITE_TROUBLE.get(code) or _SQLITE_TROUBLE.get(code & 0xFF)
    state = getattr(error, "sqlstate", None)
    if state is None:
        # A connection that fails has no SQLSTATE, whatever the cause; the first line says it.
        first = str(error).strip().splitlines()[0] if str(error).strip() else "no reason given"
        if type(error).__name__ in {"OperationalError", "ConnectionTimeout"}:
            return (f"can't be reached: {first}", "check that the server runs, and the URL of the ledger")
        return None
    return _POSTGRES_TROUBLE.get(state) or _POSTGRES_TROUBLE.get(state[:2])
