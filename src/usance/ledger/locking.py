"""The lock of a project: whoever changes what the ledger knows of it holds its row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection, Insert, Table, select

from usance.ledger import schema

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite


def insert_new(connection: Connection, table: Table) -> Insert:
    """Return a statement that inserts a row unless its key is there already."""
    return insert_with(connection, table).on_conflict_do_nothing()


def upsert(connection: Connection, table: Table) -> Insert:
    """Return a statement that inserts a row, or replaces all that is not key of the one that is there."""
    key = [column.name for column in table.primary_key]
    rest = [column.name for column in table.columns if column.name not in key]
    insert = insert_with(connection, table)
    return insert.on_conflict_do_update(
        index_elements=key, set_={name: insert.excluded[name] for name in rest}
    )


def insert_with(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """Return the engine's own insert; the other engine is not loaded, which takes 0.05 s."""
    if connection.dialect.name == "sqlite":
        from sqlalchemy.dialects.sqlite import insert  # noqa: PLC0415  # as said above

        return insert(table)
    from sqlalchemy.dialects.postgresql import insert as postgresql_insert  # noqa: PLC0415  # as said above

    return postgresql_insert(table)


def lock_project(connection: Connection, project_id: str, cloud_id: str) -> int:
    """Take the project's lock until the transaction ends; return its last revision."""
    table = schema.project
    connection.execute(
        insert_new(connection, table), {"project_id": project_id, "cloud_id": cloud_id, "revision": 0}
    )
    held = select(table.c.revision).where(table.c.project_id == project_id, table.c.cloud_id == cloud_id)
    revision: int = connection.execute(held.with_for_update()).scalar_one()
    return revision


def lock_counter(connection: Connection, name: str) -> int:
    """Take a counter's lock until the transaction ends; return its value (0 if it is new)."""
    table = schema.counter
    connection.execute(insert_new(connection, table), {"name": name, "value": 0})
    held = select(table.c.value).where(table.c.name == name)
    value: int = connection.execute(held.with_for_update()).scalar_one()
    return value
