"""The lock of a project: whoever changes what the ledger knows of it holds its row."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Final

import msgspec
from sqlalchemy import Connection, Insert, Table, select, text, update

from usance.ledger import schema
from usance.ledger.engine import bulk_insert
from usance.ledger.keyed import joined, run_these, same, select_these
from usance.model.period import to_us

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


Place = tuple[str, str]
"""A project, and the cloud in which it is."""

_OF_PLACE: Final = ("project_id", "cloud_id")
_OF_REVISION: Final = (*_OF_PLACE, "revision")
_ALLOT: Final = f"UPDATE project SET revision = these.revision FROM these WHERE {same('project', _OF_PLACE)}"  # noqa: S608  # our own names
_ROWS: Final = joined(schema.project, (*_OF_PLACE, "revision", "rolled_day"), _OF_PLACE)
_INSERT_NEW: Final = (
    "INSERT INTO project (project_id, cloud_id, revision)"
    " SELECT project_id, cloud_id, 0 FROM these WHERE true ON CONFLICT DO NOTHING"
)


class Held(msgspec.Struct, frozen=True):
    """What a project's row says while it is locked."""

    revision: int  # the last one
    rolled_day: int  # the day before which the project was summed up; -1: it never was

    @property
    def next(self) -> int:
        """The revision to which belongs what is written now."""
        return self.revision + 1


def lock_projects(connection: Connection, places: Collection[Place]) -> dict[Place, Held]:
    """Take the locks of projects until the transaction ends, always in one order: nobody waits in a ring."""
    if not places:
        return {}
    ordered = sorted(places)
    light = connection.dialect.name == "sqlite"
    if light or not _has_citus(connection):
        run_these(connection, _INSERT_NEW, ordered, _OF_PLACE)
        how = "" if light else " ORDER BY project.project_id, project.cloud_id FOR UPDATE OF project"
        return _held(connection, ordered, how)
    # Citus would work on several projects at once, in no order.
    found: dict[Place, Held] = {}
    for place in ordered:
        lock_project(connection, *place)
        found |= _held(connection, [place], "")
    return found


def _held(connection: Connection, places: list[Place], how: str) -> dict[Place, Held]:
    found = select_these(connection, f"{_ROWS}{how}", places, _OF_PLACE)
    return {
        (project_id, cloud_id): Held(revision, -1 if day is None else day)
        for project_id, cloud_id, revision, day in found
    }


def allot(connection: Connection, held: Mapping[Place, Held], now: datetime) -> dict[Place, Held]:
    """Let the next revisions of projects whose locks are held be their last; return what holds then."""
    allotted = [(*place, one.next) for place, one in held.items()]
    run_these(connection, _ALLOT, allotted, _OF_REVISION)
    bulk_insert(connection, schema.revision, [(*one, to_us(now)) for one in allotted])
    return {place: Held(one.next, one.rolled_day) for place, one in held.items()}


def _has_citus(connection: Connection) -> bool:
    known = connection.info
    if "usance_citus" not in known:
        query = text("SELECT count(*) FROM pg_extension WHERE extname = 'citus'")
        known["usance_citus"] = bool(connection.execute(query).scalar())
    return bool(known["usance_citus"])


def lock_unowned(connection: Connection, *, writes: bool) -> bool:
    """Take the lock of what has no known owner; tell whether there is anything of the kind.

    Whoever may learn of an owner shares it, whoever *writes* what has none holds it alone: so either
    the one or the other sees both. It is the row of no project in no cloud, and taken before all others.
    """
    table = schema.project
    of_nobody = (table.c.project_id == "", table.c.cloud_id == "")
    held = select(table.c.revision).where(*of_nobody).with_for_update(read=not writes)
    anything = connection.execute(held).scalar()
    if anything is None:
        first = {"project_id": "", "cloud_id": "", "revision": 0}
        connection.execute(insert_new(connection, table), first)
        anything = connection.execute(held).scalar_one()
    if writes and not anything:
        connection.execute(update(table).where(*of_nobody).values(revision=1))
    return bool(anything)


def lock_counter(connection: Connection, name: str) -> int:
    """Take a counter's lock until the transaction ends; return its value (0 if it is new)."""
    table = schema.counter
    connection.execute(insert_new(connection, table), {"name": name, "value": 0})
    held = select(table.c.value).where(table.c.name == name)
    value: int = connection.execute(held.with_for_update()).scalar_one()
    return value
