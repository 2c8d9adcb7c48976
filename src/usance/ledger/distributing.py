"""The ledger beyond one server: a PostgreSQL that has Citus makes a cluster of its tables.

Facts are distributed by their project and lie together, so that all of a project is on one worker;
reference tables are on every one. (Citus documentation, "Distributed Tables" and "Co-location".)
"""

from __future__ import annotations

import time
from typing import Final

import msgspec
from sqlalchemy import Connection, Table, text
from sqlalchemy.exc import OperationalError

from usance.ledger.engine import Store, explained
from usance.ledger.migrating import stored_version
from usance.ledger.schema import FACTS, SCHEMA_VERSION, VERSION_TABLE, metadata
from usance.model.errors import ConfigurationError, LedgerError

COLUMN: Final = "project_id"
_DEADLOCK: Final = "40P01"
_ATTEMPTS: Final = 5
_LOCK_TIMEOUT: Final = "10min"  # for what others have begun; they wait for us afterwards


class Distribution(msgspec.Struct, frozen=True):
    """What became of the tables."""

    distributed: tuple[str, ...]  # by project, now
    reference: tuple[str, ...]  # on every worker, now
    already: tuple[str, ...]  # were one or the other before
    workers: int  # that hold data


class _ForeignKey(msgspec.Struct, frozen=True):
    table: str
    name: str
    definition: str


def distribute(store: Store) -> Distribution:
    """Distribute the ledger's tables, all of them or none; what is distributed already stays so.

    It may be used meanwhile: who reads or writes waits until it is done, and goes on.

    Raises:
        ConfigurationError: the database can't be distributed, with what is missing.
        LedgerError: it failed, and everything is as it was.
    """
    if store.is_sqlite:
        raise ConfigurationError(
            f"The ledger {store.place} is a file of SQLite, which is one machine's",
            hint="set [usance] ledger_url to a PostgreSQL that has Citus",
        )
    with store.read() as connection:
        _refuse_unprepared(connection, store.place)
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            with explained(store.place), store.write() as connection:
                return _distribute(connection)
        except LedgerError as error:
            # Somebody read in an order of his own, and PostgreSQL chose us to give way.
            if not _is_deadlock(error) or attempt == _ATTEMPTS:
                raise
            time.sleep(attempt)
    raise AssertionError("the last attempt returns or raises")


def _is_deadlock(error: LedgerError) -> bool:
    cause = error.__cause__
    return isinstance(cause, OperationalError) and getattr(cause.orig, "sqlstate", None) == _DEADLOCK


def _refuse_unprepared(connection: Connection, place: str) -> None:
    version = stored_version(connection)
    if version != SCHEMA_VERSION:
        raise ConfigurationError(
            f"The ledger {place} has not the tables of this usance", hint="usance db upgrade"
        )
    if connection.execute(text("SELECT 1 FROM pg_extension WHERE extname = 'citus'")).first() is not None:
        return
    query = text("SELECT 1 FROM pg_available_extensions WHERE name = 'citus'")
    if connection.execute(query).first() is None:
        raise ConfigurationError(
            f"The server of the ledger {place} does not have the extension Citus",
            hint="install Citus on every server and put it into shared_preload_libraries",
        )
    raise ConfigurationError(
        f"The database of the ledger {place} does not use the extension Citus",
        hint="let a superuser say CREATE EXTENSION citus, then add the workers (citus_add_node)",
    )


def _distribute(connection: Connection) -> Distribution:
    connection.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'"))
    # Every shard is made over one connection to its worker: that is what lets it be one transaction.
    connection.execute(text("SET LOCAL citus.multi_shard_modify_mode TO 'sequential'"))
    # Writers begin with the row of their project: who has begun is waited for here, the others wait.
    names = ", ".join(f'"{table.name}"' for table in _in_order())
    connection.execute(text(f"LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE"))
    found = connection.execute(text("SELECT table_name::text, citus_table_type FROM citus_tables"))
    already = {name for name, kind in found if kind in {"distributed", "reference", "schema"}}
    # A key between two tables is made again when both are distributed.
    keys = [key for key in _foreign_keys(connection) if key.table not in already]
    for key in keys:
        connection.execute(text(f'ALTER TABLE "{key.table}" DROP CONSTRAINT "{key.name}"'))
    distributed: list[str] = []
    reference: list[str] = []
    for table in _in_order():
        if table.name in already:
            continue
        if table.info["group"] == FACTS:
            _distribute_one(connection, table)
            distributed.append(table.name)
        else:
            _make_reference(connection, table.name)
            reference.append(table.name)
    if VERSION_TABLE not in already:
        _make_reference(connection, VERSION_TABLE)
        reference.append(VERSION_TABLE)
    for key in keys:
        connection.execute(text(f'ALTER TABLE "{key.table}" ADD CONSTRAINT "{key.name}" {key.definition}'))
    workers = connection.execute(
        text("SELECT count(*) FROM pg_dist_node WHERE isactive AND shouldhaveshards")
    ).scalar_one()
    ours = {*(table.name for table in _in_order()), VERSION_TABLE}
    return Distribution(tuple(distributed), tuple(reference), tuple(sorted(already & ours)), workers)


def _in_order() -> list[Table]:
    """Return all tables, `project` first: its shards are what the others lie beside."""
    return sorted(metadata.tables.values(), key=lambda table: (table.name != "project", table.name))


def _foreign_keys(connection: Connection) -> list[_ForeignKey]:
    query = text(
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE contype = 'f' AND conrelid::regclass::text = ANY(CAST(:ours AS text[]))"
    )
    ours = [table.name for table in _in_order()]
    return [_ForeignKey(*row) for row in connection.execute(query, {"ours": ours})]


def _distribute_one(connection: Connection, table: Table) -> None:
    beside = "none" if table.name == "project" else "project"
    connection.execute(
        text("SELECT create_distributed_table(:name, :column, colocate_with => :beside)"),
        {"name": table.name, "column": COLUMN, "beside": beside},
    )


def _make_reference(connection: Connection, name: str) -> None:
    connection.execute(text("SELECT create_reference_table(:name)"), {"name": name})
