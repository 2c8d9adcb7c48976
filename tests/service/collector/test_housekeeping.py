"""What a collector does beside listening goes on, whatever happens to it once."""

from __future__ import annotations

import asyncio
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from bus import CLOUD, configuration, until
from usance.collector import running
from usance.config.load import Need, load_all
from usance.ledger.ledger import Ledger
from usance.ledger.values import Heard, Parked

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def parked(number: int) -> Parked:
    return Parked(CLOUD, "q", b"nothing", 7, "no JSON", NOW, id=f"{number:032}")


def test_a_fault_in_the_housekeeping_does_not_end_it(sqlite_url, tmp_path: Path, monkeypatch, caplog):
    """Else nothing would bound what is parked, nor note that we listen, until somebody starts us anew."""
    monkeypatch.setattr(running, "_HOUSEKEEPING_S", 0.01)
    file = tmp_path / "usance.conf"
    file.write_text(configuration(sqlite_url, "rabbit://u:p@127.0.0.1:1/", "t", "parked_limit = 5"))
    clouds = load_all([file], {}, {}, need=Need.NOTHING)
    with Ledger.open(sqlite_url) as ledger:
        ledger.hear(Heard(parked=tuple(parked(number) for number in range(9))))

        async def keep_house() -> None:
            task = asyncio.create_task(running.Collector(clouds, ledger)._keep_house_for_ever())
            rename(sqlite_url, "parked", "away")
            await asyncio.to_thread(until, lambda: caplog.records)
            rename(sqlite_url, "away", "parked")
            await asyncio.to_thread(until, lambda: ledger.parking.counts() == {CLOUD: 5})
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        asyncio.run(keep_house())

    assert [one.getMessage() for one in caplog.records if one.levelname == "ERROR"] == [
        "the housekeeping failed, and is tried again"
    ]


def rename(url: str, old: str, new: str) -> None:
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        connection.execute(f"ALTER TABLE {old} RENAME TO {new}")
    connection.close()
