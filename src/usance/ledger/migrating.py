"""The version of the schema: read it, bring it up to date, refuse what is newer than the program."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import sqlalchemy
from sqlalchemy import Connection, text

from usance.ledger.engine import Store
from usance.ledger.schema import SCHEMA_VERSION, VERSION_TABLE
from usance.model.errors import ConfigurationError

MIGRATIONS: Final = Path(__file__).parent / "migrations"
_LOCK: Final = 0x7573616E6365  # "usance": two programs do not migrate one PostgreSQL database at once


def make_ready(store: Store, *, migrations: Path = MIGRATIONS, target: str = SCHEMA_VERSION) -> None:
    """Make the schema in an empty database, bring that of a SQLite file up to date.

    A PostgreSQL database that holds data is left alone: other programs may be using it, so its
    administrator says when.

    Raises:
        ConfigurationError: the schema is newer than this program, or older and not ours to change.
    """
    with store.read() as connection:
        version = stored_version(connection)
    if version == target:
        return
    if version is not None and not store.is_sqlite:
        refuse_newer(version, migrations=migrations, place=store.place)
        raise ConfigurationError(
            f"The ledger {store.place} was made by an older usance (schema {version}, needed {target})",
            hint="usance db upgrade",
        )
    upgrade(store, migrations=migrations, target=target)


def upgrade(store: Store, *, migrations: Path = MIGRATIONS, target: str = SCHEMA_VERSION) -> None:
    """Bring the schema up to date, all of it or nothing."""
    with store.write() as connection:
        if not store.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        version = stored_version(connection)  # again: another program may have been faster
        if version == target:
            return
        if version is not None:
            refuse_newer(version, migrations=migrations, place=store.place)
        _run(connection, migrations, target)


def stored_version(connection: Connection) -> str | None:
    """Return the version of the schema; None for an empty database."""
    if not sqlalchemy.inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608  # a constant


def refuse_newer(version: str, *, migrations: Path, place: str) -> None:
    """Raise if the version is none that this program knows."""
    if version in {script.stem.partition("_")[0] for script in (migrations / "versions").glob("*.py")}:
        return
    raise ConfigurationError(
        f"The ledger {place} was made by a newer usance (schema {version})",
        hint="install that version; a ledger never goes back",
    )


def _run(connection: Connection, migrations: Path, target: str) -> None:
    # Imported here: a run that finds its schema up to date, nearly every one, does without.
    from alembic import command  # noqa: PLC0415  # 0.1 s saved at every start
    from alembic.config import Config  # noqa: PLC0415  # likewise

    config = Config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    config.attributes["connection"] = connection
    config.attributes["version_table"] = VERSION_TABLE
    command.upgrade(config, target)
