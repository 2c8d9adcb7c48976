"""A ledger copied from each engine to each, and what is refused."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from said import BUS, CLOUD, NOVA, PLACE, at, batch, changed, created, deleted, look, message, record, seen
from service.citus import drop_cluster, make_cluster
from service.postgres import drop_database, new_database
from usance.ledger import copying, schema
from usance.ledger.copying import Copied, Counted, copy
from usance.ledger.engine import Store
from usance.ledger.ledger import Ledger
from usance.ledger.values import Heard, Named, Parked, Quarantine
from usance.model.errors import ConfigurationError, LedgerError
from usance.model.resource import SERVER

HOSTILE = 'web "\\"\t\n\\N , ü 🐝 \\0'


@pytest.fixture(params=["sqlite", "postgresql"])
def other_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Yield the URL of an empty database to copy to, on each engine; on Citus, of an empty ledger."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/copy/ledger.db"
        return
    server = request.getfixturevalue("postgres_server_url")
    is_citus = request.getfixturevalue("is_citus")
    url = new_database(server)
    try:
        if is_citus:
            make_cluster(server, url)
        yield url
    finally:
        drop_database(url)
        if is_citus:
            drop_cluster(server, url)


def fill(url: str) -> None:
    """Make a ledger with something in each of its tables."""
    ssm = (*PLACE, "ssm")
    with Ledger.open(url) as ledger:
        window = look("2026-10-01 12:00")
        ledger.observe(
            *PLACE,
            batch(created("web", "10:00"), seen("web", window), look=window, watermark="2026-10-01 12:00"),
        )
        ledger.note_attempt(*PLACE, NOVA, at=at("12:00"), error=f"it failed: {HOSTILE}")
        ledger.set_baseline(*PLACE, at("09:00"))
        ledger.hear(
            Heard(
                (
                    changed("web", "13:00", state="stopped"),
                    deleted("web", "14:00"),
                    created(HOSTILE, "10:00"),
                ),
                (Named("project", PLACE[0], HOSTILE, at("10:00")),),
                (Parked(CLOUD, "q", bytes(range(256)), 256, "no id", at("10:00"), "some.event", id="1"),),
            )
        )
        ledger.rollups.roll(at("2026-10-04 00:00"))
        # Two late facts: what was so is superseded, and a day that was summed up is dirty.
        ledger.hear(Heard((changed("web", "11:00", vcpus=4), changed("web", "12:30", state="paused"))))
        bodies = [bytes(range(256)) * 4096, b""]
        records = [record(f"web{number}", "2026-10", "d1") for number in range(len(bodies))]
        staged = ledger.stage(
            *ssm,
            [message(one, body=body) for one, body in zip(records, bodies, strict=True)],
            [Quarantine(record("bad", "2026-10", "d2"), "no flavor", HOSTILE)],
            at=at("15:00"),
            watermark=("cloud", 1),
        )
        ledger.delivered(staged[0], at=at("15:01"))
        ledger.listening.note(CLOUD, "one", since=at("10:00"), until=at("15:00"), messages=7)
        ledger.listening.ignore(CLOUD, {"scheduler.select_destinations": 3}, at=at("10:00"))


def rows(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """Return all that is in a ledger."""
    with closing(Store(url, create=False)) as store, store.read() as connection:
        return {
            name: sorted((tuple(row) for row in connection.execute(table.select())), key=repr)
            for name, table in schema.metadata.tables.items()
        }


def copied(source_url: str, target_url: str) -> tuple[Copied, list[Counted]]:
    told: list[Counted] = []
    with (
        closing(Store(source_url, create=False)) as source,
        closing(Store(target_url, create=True)) as target,
    ):
        return copy(source, target, tell=told.append), told


def test_a_copy_holds_each_row_of_each_table_on_every_engine(ledger_url: str, other_url: str) -> None:
    fill(ledger_url)
    before = rows(ledger_url)

    done, told = copied(ledger_url, other_url)

    assert all(before.values()), [name for name, found in before.items() if not found]
    assert rows(other_url) == before
    assert rows(ledger_url) == before
    assert not done.written_meanwhile
    assert list(done.tables) == told
    assert {one.table: one.rows for one in told} == {name: len(found) for name, found in before.items()}


def test_a_copy_goes_on_where_the_ledger_was(sqlite_url: str, other_url: str) -> None:
    fill(sqlite_url)

    copied(sqlite_url, other_url)

    said = Heard((changed("web", "11:30", state="rescued"), created("late", "16:00")))
    for url in (sqlite_url, other_url):
        with Ledger.open(url) as ledger:
            ledger.hear(said)
            ledger.stage(
                *PLACE, "ssm", [message(record("web1", "2026-10", "d9"), body=b"new")], at=at("16:00")
            )
            ledger.rollups.roll(at("2026-10-05 00:00"))
    mine, theirs = rows(sqlite_url), rows(other_url)
    by_clock = {"revision"}  # when a revision was recorded
    assert {name: found for name, found in mine.items() if name not in by_clock} == {
        name: found for name, found in theirs.items() if name not in by_clock
    }


def test_more_rows_than_are_held_at_once_arrive(
    ledger_url: str, other_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "_ROWS", 7)
    monkeypatch.setattr(copying, "_WIDE_ROWS", 2)
    with Ledger.open(ledger_url) as ledger:
        ledger.hear(Heard(tuple(created(f"web{number}", "10:00") for number in range(50))))
        for number in range(5):
            ledger.stage(*PLACE, "ssm", [message(record(f"web{number}", "2026-10", "d"))], at=at("11:00"))

    copied(ledger_url, other_url)

    assert rows(other_url) == rows(ledger_url)
    with Ledger.open(other_url) as ledger:
        assert len(list(ledger.timelines(*PLACE, SERVER))) == 50


def test_a_ledger_in_which_something_is_gets_nothing(sqlite_url: str, other_url: str) -> None:
    fill(sqlite_url)
    with Ledger.open(other_url) as ledger:
        ledger.listening.note(CLOUD, "mine", since=at("10:00"), until=at("15:00"))
    before = rows(other_url)

    with pytest.raises(ConfigurationError, match="not empty: its table 'listening'") as caught:
        copied(sqlite_url, other_url)

    assert "empty" in str(caught.value.hint)
    assert rows(other_url) == before


def test_a_ledger_is_not_copied_onto_itself(ledger_url: str) -> None:
    fill(ledger_url)
    before = rows(ledger_url)

    with pytest.raises(ConfigurationError, match="not empty"):
        copied(ledger_url, ledger_url)

    assert rows(ledger_url) == before


def test_a_ledger_of_another_schema_is_not_copied(postgres_url: str, sqlite_url: str) -> None:
    Ledger.open(postgres_url).close()
    with closing(Store(postgres_url, create=False)) as store, store.write() as connection:
        connection.execute(text("UPDATE ledger_version SET version_num = '0001'"))

    with pytest.raises(ConfigurationError, match="older usance") as caught:
        copied(postgres_url, sqlite_url)

    assert caught.value.hint == "usance db upgrade"


def test_a_ledger_that_is_not_there_is_not_copied(sqlite_url: str, other_url: str) -> None:
    with pytest.raises(LedgerError, match="There is no ledger at"):
        copied(sqlite_url, other_url)


def test_a_row_that_arrives_changed_keeps_everything_away(ledger_url: str, tmp_path: Path) -> None:
    """Somebody's trigger changes what is written."""
    fill(ledger_url)
    path = tmp_path / "copy.db"
    Ledger.open(f"sqlite:///{path}").close()
    with closing(sqlite3.connect(path)) as other, other:
        other.execute(
            "CREATE TRIGGER wrong AFTER INSERT ON source_watermark BEGIN"
            " UPDATE source_watermark SET at = new.at + 1; END"
        )

    with pytest.raises(LedgerError, match="'source_watermark' did not arrive") as caught:
        copied(ledger_url, f"sqlite:///{path}")

    assert "nothing was kept" in str(caught.value.hint)
    assert not any(rows(f"sqlite:///{path}").values())


def hear_late(ledger: Ledger) -> None:
    ledger.hear(Heard((created("late", "16:00", project_id="project9"),)))


def listen_on(ledger: Ledger) -> None:
    ledger.listening.note(CLOUD, "one", since=at("10:00"), until=at("16:00"))


@pytest.mark.parametrize("write", [hear_late, listen_on])
def test_a_copy_is_of_one_moment_and_says_that_more_was_written(
    sqlite_url: str, other_url: str, write: Callable[[Ledger], None]
) -> None:
    fill(sqlite_url)
    before = rows(sqlite_url)

    def meanwhile(one: Counted) -> None:
        if one.table == "project":
            with Ledger.open(sqlite_url) as ledger:
                write(ledger)

    with closing(Store(sqlite_url, create=False)) as source, closing(Store(other_url, create=True)) as target:
        done = copy(source, target, tell=meanwhile)

    assert done.written_meanwhile
    assert rows(other_url) == before


def test_a_file_that_is_no_ledger_is_refused(sqlite_url: str, tmp_path: Path) -> None:
    fill(sqlite_url)
    (tmp_path / "other.db").write_text("not a database, " * 100)

    with pytest.raises(LedgerError, match="is not a ledger"):
        copied(sqlite_url, f"sqlite:///{tmp_path}/other.db")


def test_tables_of_others_in_the_target_stay(sqlite_url: str, tmp_path: Path) -> None:
    fill(sqlite_url)
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("CREATE TABLE mine (one TEXT)")
        other.execute("INSERT INTO mine VALUES ('two')")

    copied(sqlite_url, f"sqlite:///{path}")

    with closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT one FROM mine").fetchall() == [("two",)]
        assert other.execute("SELECT count(*) FROM observation WHERE source = ?", (BUS,)).fetchone()[0] > 0
