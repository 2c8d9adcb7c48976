"""Opening a ledger: what is made, what is refused, and what the operator is told."""

from __future__ import annotations

import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import make_url, text

from said import CLOUD, PLACE, PROJECT, batch, created
from usance.ledger import migrating, schema
from usance.ledger.engine import Store
from usance.ledger.ledger import Ledger
from usance.model.errors import ConfigurationError, LedgerError


def test_first_use_makes_a_file_that_only_its_owner_can_read(tmp_path: Path) -> None:
    path = tmp_path / "spool" / "deep" / "ledger.db"

    with Ledger.open(f"sqlite:///{path}") as ledger:
        ledger.observe(*PLACE, batch(created("web", "10:00")))
        files = sorted(path.parent.iterdir())

        assert path in files
        assert {stat.S_IMODE(one.stat().st_mode) for one in files} == {0o600}


def test_sqlite_lets_readers_read_while_somebody_writes(sqlite_url: str) -> None:
    with Ledger.open(sqlite_url) as ledger, Ledger.open(sqlite_url) as reader:
        ledger.observe(*PLACE, batch(created("web", "10:00")))

        with ledger._store.write() as connection:
            connection.execute(sqlalchemy.delete(schema.timeline))

            assert len(list(reader.timelines(*PLACE, "server"))) == 1


def test_ledger_in_memory_keeps_what_is_observed() -> None:
    with Ledger.open("sqlite://") as ledger:
        ledger.observe(*PLACE, batch(created("web", "10:00")))

        assert [one.timeline.resource.id for one in ledger.timelines(*PLACE, "server")] == ["web"]


def test_what_was_kept_is_there_when_the_ledger_is_opened_again(ledger_url: str) -> None:
    with Ledger.open(ledger_url) as ledger:
        ledger.observe(*PLACE, batch(created("web", "10:00")))
        before = list(ledger.timelines(*PLACE, "server"))

    with Ledger.open(ledger_url) as ledger:
        assert list(ledger.timelines(*PLACE, "server")) == before
        assert ledger.projects() == [(PROJECT, CLOUD)]


def test_two_processes_make_the_same_new_ledger(ledger_url: str) -> None:
    """Both find nothing, one makes the schema, the other one waits and uses it."""
    command = [sys.executable, "-c", OPEN_AND_CLOSE, ledger_url]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(3)]

    troubles = [one.communicate(timeout=60)[1] for one in processes]

    assert [one.returncode for one in processes] == [0, 0, 0], troubles


OPEN_AND_CLOSE = """
import sys
from usance.ledger.ledger import Ledger
Ledger.open(sys.argv[1]).close()
"""


# --- the schema ------------------------------------------------------------------------------


def test_migrations_make_exactly_the_tables_of_the_metadata(ledger_url: str) -> None:
    with Ledger.open(ledger_url) as ledger, ledger._store.read() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": schema.VERSION_TABLE, "compare_type": True}
        )

        assert compare_metadata(context, schema.metadata) == []


def test_partial_index_is_made_by_the_migration_as_the_metadata_has_it(ledger_url: str) -> None:
    """Alembic does not compare the conditions of indexes."""
    with Ledger.open(ledger_url) as ledger, ledger._store.read() as connection:
        indexes = sqlalchemy.inspect(connection).get_indexes("timeline")
        options = next(one["dialect_options"] for one in indexes if one["name"] == "timeline_unsettled")

    condition = str(next(value for name, value in options.items() if name.endswith("_where")))
    assert condition.strip("()") in {"unsettled = 1", "unsettled"}


def test_program_names_the_newest_migration_as_its_schema() -> None:
    scripts = ScriptDirectory(str(migrating.MIGRATIONS))

    assert scripts.get_current_head() == schema.SCHEMA_VERSION


def test_migrations_import_nothing_of_the_program() -> None:
    for path in migrating.MIGRATIONS.rglob("*.py"):
        assert "usance." not in path.read_text(), path


@pytest.fixture
def next_migrations(tmp_path: Path) -> Path:
    """Return the migrations of a future version, which has one table more."""
    future = tmp_path / "migrations"
    shutil.copytree(migrating.MIGRATIONS, future)
    (future / "versions" / "0003_next.py").write_text(
        "import sqlalchemy as sa\n"
        "from alembic import op\n"
        f'revision, down_revision = "0003", "{schema.SCHEMA_VERSION}"\n'
        "def upgrade():\n"
        '    op.create_table("novelty", sa.Column("project_id", sa.Text(), primary_key=True))\n'
    )
    return future


def test_older_schema_in_sqlite_is_brought_up_to_date_and_keeps_everything(
    sqlite_url: str, next_migrations: Path
) -> None:
    with Ledger.open(sqlite_url) as ledger:
        ledger.observe(*PLACE, batch(created("web", "10:00")))
        before = list(ledger.timelines(*PLACE, "server"))
        store = Store(sqlite_url, create=True)

        migrating.make_ready(store, migrations=next_migrations, target="0003")

        with store.read() as connection:
            assert sqlalchemy.inspect(connection).has_table("novelty")
        store.close()
        assert list(ledger.timelines(*PLACE, "server")) == before


def test_older_schema_in_postgresql_waits_for_its_administrator(
    postgres_url: str, next_migrations: Path
) -> None:
    Ledger.open(postgres_url).close()
    store = Store(postgres_url, create=True)

    with pytest.raises(ConfigurationError, match="older usance") as caught:
        migrating.make_ready(store, migrations=next_migrations, target="0003")
    migrating.upgrade(store, migrations=next_migrations, target="0003")
    migrating.make_ready(store, migrations=next_migrations, target="0003")

    assert caught.value.hint == "usance db upgrade"
    store.close()


def test_schema_of_a_newer_program_is_refused(ledger_url: str) -> None:
    with Ledger.open(ledger_url) as ledger, ledger._store.write() as connection:
        connection.execute(text("UPDATE ledger_version SET version_num = '9999'"))

    with pytest.raises(ConfigurationError, match="newer usance"):
        Ledger.open(ledger_url)


def test_upgrade_of_an_up_to_date_ledger_changes_nothing(ledger_url: str) -> None:
    Ledger.open(ledger_url).close()

    Ledger.upgrade(ledger_url)

    Ledger.open(ledger_url).close()


# --- what the operator is told ---------------------------------------------------------------


@pytest.mark.parametrize("url", ["no url", "mysql://user:s3cret@host/db", "postgresql://u:s3cret@h:port/d"])
def test_url_that_can_not_be_used_is_a_mistake_in_the_configuration(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Ledger.open(url)

    assert "s3cret" not in str(caught.value)


def test_status_of_a_ledger_that_is_not_there_makes_none(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"

    with pytest.raises(LedgerError, match="There is no ledger"):
        Ledger.open(f"sqlite:///{path}", create=False)

    assert not path.exists()


def test_file_that_is_no_ledger_is_said_to_be_none(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(b"to whom it may concern\n" * 1000)

    with pytest.raises(LedgerError, match="is not a ledger"):
        Ledger.open(f"sqlite:///{path}")


def test_damaged_file_is_said_to_be_damaged(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with Ledger.open(f"sqlite:///{path}") as ledger:
        ledger.observe(*PLACE, batch(*(created(f"web{number}", "10:00") for number in range(500))))
    content = bytearray(path.read_bytes())
    content[8192:] = b"\xff" * (len(content) - 8192)
    path.write_bytes(content)

    with pytest.raises(LedgerError, match="is damaged"), Ledger.open(f"sqlite:///{path}") as ledger:
        list(ledger.timelines(*PLACE, "server"))


def test_full_disk_is_said_to_be_full_and_loses_nothing(sqlite_url: str) -> None:
    with Ledger.open(sqlite_url) as ledger:
        ledger.observe(*PLACE, batch(created("web", "10:00")))
        with ledger._store.read() as connection:
            pages = connection.execute(text("PRAGMA page_count")).scalar_one()
            connection.execute(text(f"PRAGMA max_page_count = {pages}"))

        with pytest.raises(LedgerError, match="no room left"):
            ledger.observe(*PLACE, batch(*(created(f"web{number}", "10:00") for number in range(5000))))

        assert [one.timeline.resource.id for one in ledger.timelines(*PLACE, "server")] == ["web"]
        assert ledger.revision(*PLACE) == 1


READ_ONLY = """
import os, sys
from usance.ledger.ledger import Ledger
from usance.model.errors import LedgerError
if os.getuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    Ledger.open(sys.argv[1])
except LedgerError as error:
    print(error)
"""


def test_spool_that_may_not_be_written_is_one_clear_sentence() -> None:
    """Root may write everywhere, so somebody else tries; in a directory that anybody reaches."""
    spool = Path(tempfile.mkdtemp())
    spool.chmod(0o555)

    done = subprocess.run(
        [sys.executable, "-c", READ_ONLY, f"sqlite:///{spool}/ledger.db"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    spool.rmdir()
    assert "can't be opened for writing: Permission denied" in done.stdout, done.stderr
    assert "spool directory" in done.stdout


def test_locked_file_is_said_to_be_locked(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("usance.ledger.engine.BUSY_TIMEOUT_S", 0)
    Ledger.open(sqlite_url).close()
    other = sqlite3.connect(make_url(sqlite_url).database or "", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")

    with Ledger.open(sqlite_url) as ledger, pytest.raises(LedgerError, match="locked by another program"):
        ledger.observe(*PLACE, batch(created("web", "10:00")))

    other.close()


def test_server_that_does_not_answer_is_named_without_the_password() -> None:
    url = "postgresql://usance:s3cret@127.0.0.1:1/usance"

    with pytest.raises(LedgerError, match="can't be reached") as caught:
        Ledger.open(url)

    assert "127.0.0.1:1" in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_database_that_does_not_exist_is_one_clear_sentence(postgres_server_url: str) -> None:
    url = make_url(postgres_server_url).set(database="nowhere").render_as_string(hide_password=False)

    with pytest.raises(LedgerError, match="nowhere"):
        Ledger.open(url)


NO_DRIVER = """
import sys
sys.modules["psycopg"] = None
from usance.ledger.ledger import Ledger
from usance.model.errors import ConfigurationError
try:
    Ledger.open("postgresql://usance@127.0.0.1/usance")
except ConfigurationError as error:
    print(error.hint)
"""


def test_missing_driver_is_told_with_the_command_that_installs_it() -> None:
    done = subprocess.run(
        [sys.executable, "-c", NO_DRIVER], capture_output=True, text=True, timeout=60, check=False
    )

    assert done.stdout.strip() == "pip install 'usance[postgres]'", done.stderr
