"""Several processes on one ledger, and processes that die."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import said
from service.ledger import worker
from usance.ledger import schema
from usance.ledger.ledger import Ledger
from usance.model.resource import SERVER
from usance.model.timeline import timeline

TESTS = Path(__file__).parents[2]
PLACE = (worker.PROJECT, worker.CLOUD)


def start(what: str, url: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", worker.__file__, what, url, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(TESTS)},
    )


def finish(process: subprocess.Popen[str], timeout_s: float = 120) -> str:
    out, trouble = process.communicate(timeout=timeout_s)
    assert process.returncode == 0, trouble
    return out


def assert_ledger_holds_the_history_once(ledger: Ledger) -> None:
    batches = list(worker.history())
    heard: dict[str, list] = {}
    for one in (one for batch in batches for one in batch.observations):
        heard.setdefault(one.resource.id, []).append(one)
    looks = [batch.look for batch in batches if batch.look is not None]
    expected = [timeline(heard[name], looks) for name in sorted(heard)]
    with ledger._store.read() as connection:
        kept = connection.execute(schema.observation.select()).all()

    assert len(kept) == sum(map(len, heard.values()))
    assert [one.timeline for one in ledger.timelines(*PLACE, SERVER)] == expected


def assert_latest_statement_goes_out(ledger: Ledger) -> None:
    """Check that a receiver which keeps the last statement of a record has each timeline as it is now."""
    received: dict[str, str] = {}
    for one in ledger.pending("ssm", limit=10_000):
        for line in one.body.decode().splitlines():
            received[line.partition(" as of ")[0]] = line
    expected = {
        one.timeline.resource.id: f"{one.timeline.resource.id} as of {one.revision}"
        for one in ledger.timelines(*PLACE, SERVER)
    }

    assert received == expected


@pytest.mark.parametrize("step", ["observed", "staged"])
def test_killed_at_any_moment_nothing_is_lost_and_nothing_kept_twice(ledger_url: str, step: str) -> None:
    """Killed six times in the middle of what follows a commit, started again from the beginning."""
    for number in range(0, worker.BATCHES, 5):
        process = start("work", ledger_url, 0, 1)
        assert process.stdout is not None
        while process.stdout.readline() != f"{step} {number}\n":
            assert process.poll() is None, process.communicate()
        process.kill()
        process.communicate()

        with Ledger.open(ledger_url) as ledger:
            committed = list(worker.history())[: number + 1]
            assert ledger.last_full_look(*PLACE, worker.NOVA, SERVER).end >= committed[-1].look.end
            with ledger._store.read() as connection:
                kept = {row.key for row in connection.execute(schema.observation.select())}
            assert kept >= {one.key for batch in committed for one in batch.observations}

    finish(start("work", ledger_url, 0, 1))

    with Ledger.open(ledger_url) as ledger:
        assert_ledger_holds_the_history_once(ledger)
        assert_latest_statement_goes_out(ledger)


def test_two_processes_observe_one_project_at_the_same_time(ledger_url: str) -> None:
    """Each has every other batch; both wait for the project's lock, and no revision is given twice."""
    Ledger.open(ledger_url).close()
    processes = [start("work", ledger_url, share, 2) for share in range(2)]

    for one in processes:
        finish(one)

    with Ledger.open(ledger_url) as ledger:
        assert_ledger_holds_the_history_once(ledger)
        assert ledger.revision(*PLACE) == worker.BATCHES
        with ledger._store.read() as connection:
            revisions = [row.revision for row in connection.execute(schema.revision.select())]
        assert sorted(revisions) == list(range(1, worker.BATCHES + 1))


def test_one_extracts_and_several_read_and_nothing_is_locked(ledger_url: str) -> None:
    """A minute of it with USANCE_SOAK=1, else some seconds."""
    seconds = 60 if os.environ.get("USANCE_SOAK") else 6
    Ledger.open(ledger_url).close()
    processes = [start("write", ledger_url, seconds), *(start("read", ledger_url, seconds) for _ in range(3))]

    told = [finish(one, seconds + 120) for one in processes]

    assert [one.split()[0] for one in told] == ["wrote", "read", "read", "read"]
    with Ledger.open(ledger_url) as ledger:
        assert ledger.revision(*PLACE) > 5


ELSEWHERE = """
import sys
from usance.ledger.ledger import Ledger

with Ledger.open(sys.argv[1]) as ledger:
    print(len(ledger.projects()))
"""


def test_ledger_opened_twice_in_one_process_keeps_its_locks(sqlite_url: str) -> None:
    """Who closes a file takes the process's locks off it: then another process would remove our log."""

    def projects_elsewhere() -> int:
        done = subprocess.run(
            [sys.executable, "-c", ELSEWHERE, sqlite_url],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return int(done.stdout)

    with Ledger.open(sqlite_url) as ledger:
        ledger.observe(*PLACE, said.batch(said.created("one", "10:00", project_id=worker.PROJECT)))
        Ledger.open(sqlite_url).close()
        before = projects_elsewhere()
        for name in ("other", "third"):
            ledger.observe(name, worker.CLOUD, said.batch(said.created("web", "10:00", project_id=name)))

        assert (before, projects_elsewhere()) == (1, 3)
