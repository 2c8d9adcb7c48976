"""A dry run prints what a run would send, and leaves everything as it is."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy

from apel_arithmetic import parse_message, parse_record
from service.extraction.witness import FIRST, SECOND, edit, good, hold_complete, usual_site
from usance.config.settings import ExtractRequest


def kept(url: str) -> dict[str, list[str]]:
    """Return all rows of all tables of a ledger."""
    engine = sqlalchemy.create_engine(url)
    try:
        tables = sqlalchemy.MetaData()
        tables.reflect(engine)
        with engine.connect() as connection:
            return {
                name: sorted(map(repr, connection.execute(table.select())))
                for name, table in tables.tables.items()
            }
    finally:
        engine.dispose()


def printed(output: str) -> list[dict[str, str]]:
    """Return the records that a dry run printed."""
    found = []
    for block in output.strip().split("\n\n"):
        lines = [line for line in block.splitlines() if not line.startswith("#")]
        found.append(parse_record("\n".join(lines)))
    return found


def by_key(records: list[dict[str, str]]) -> list[dict[str, str]]:
    return sorted(records, key=lambda one: (one["VMUUID"], one["RecordCreateTime"]))


def files_of(directory: Path) -> list[Path]:
    beside = {"usance.lock", "usance.sqlite-wal", "usance.sqlite-shm"}  # any reader may leave these
    return sorted(path for path in directory.rglob("*") if path.is_file() and path.name not in beside)


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_a_dry_run_prints_what_a_run_sends_and_changes_nothing(engine, tmp_path, request):
    """Once without a ledger, and once with one."""
    given = f"ledger_url = {request.getfixturevalue('postgres_url')}\n" if engine == "postgresql" else ""
    with usual_site(tmp_path, sections=f"[usance]\nretries = 0\n{given}") as site:
        url = site.settings().ledger_url
        sent = 0
        for at in (FIRST, SECOND):
            before = (files_of(tmp_path), kept(url) if sent or given else {})
            dry = site.command(at, "--dry-run")

            assert dry.returncode == 0, dry.stderr
            after = (files_of(tmp_path), kept(url) if sent or given else {})
            assert after == before
            good(site.run(at))
            messages = site.messages()[sent:]
            sent += len(messages)
            assert by_key(printed(dry.stdout)) == by_key(
                [record for message in messages for record in parse_message(message)]
            )
        hold_complete(site, SECOND)


def test_a_dry_run_of_what_would_be_held_back_says_so_and_ends_with_1(tmp_path):
    with usual_site(tmp_path) as site:
        edit(site, "[DEFAULT]\n", "[DEFAULT]\nvo_property = none\n")

        done = site.command(FIRST, "--dry-run")

        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        assert done.stdout.count("# held back: FQAN: no VO is mapped to project") == 9
        assert done.stderr.count("is mapped to no VO") == 3


def test_a_dry_run_between_two_runs_takes_nothing_from_the_second(tmp_path):
    with usual_site(tmp_path) as site:
        good(site.run(FIRST))
        good(site.run(SECOND, request=ExtractRequest(dry_run=True)))
        good(site.run(SECOND))

        hold_complete(site, SECOND)
