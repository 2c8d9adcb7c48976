"""`usance db copy`, as an operator runs it: a site's file becomes a database, and the site goes on."""

from __future__ import annotations

import fcntl
import json
from pathlib import Path

from service.cli.conftest import Run

LEDGER_URL = "OS_USANCE__LEDGER_URL"


def test_after_a_copy_nothing_is_stated_again(run: Run, conf: Path, postgres_url: str) -> None:
    first = run("usance", "extract", "--config-file", conf, "-o", "json")
    assert first.returncode == 0, first.stderr

    result = run("usance", "db", "copy", "--config-file", conf, "--to", postgres_url)

    assert result.returncode == 0, result.stderr
    *tables, last = result.stdout.splitlines()
    assert [line.split()[0] for line in tables][:1] == ["attempt"]
    assert "is copied to postgresql://usance@127.0.0.1" in last
    again = run("usance", "extract", "--config-file", conf, "-o", "json", **{LEDGER_URL: postgres_url})
    assert again.returncode == 0, again.stderr
    assert json.loads(first.stdout)["messengers"][0]["delivered"] == 2
    assert json.loads(again.stdout)["messengers"][0]["delivered"] == 0


def test_no_copy_is_made_beside_a_run(run: Run, conf: Path, tmp_path: Path) -> None:
    assert run("usance", "extract", "--config-file", conf).returncode == 0
    (lock,) = tmp_path.rglob("usance.lock")

    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        result = run("usance", "db", "copy", "--config-file", conf, "--to", f"sqlite:///{tmp_path}/copy.db")

    assert result.returncode == 75
    assert not (tmp_path / "copy.db").exists()


def test_a_password_is_not_told(run: Run, conf: Path) -> None:
    assert run("usance", "extract", "--config-file", conf).returncode == 0

    result = run(
        "usance", "db", "copy", "--config-file", conf, "--to", "postgresql://usance:horse@127.0.0.1:1/usance"
    )

    assert result.returncode == 1
    assert "can't be reached" in result.stderr
    assert "horse" not in result.stdout + result.stderr
