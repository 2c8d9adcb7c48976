"""Runs, and readers, at the same time on one spool."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import timedelta

from service.extraction.witness import (
    FIRST,
    SECOND,
    complained,
    good,
    hold_complete,
    usual_site,
)
from usance.demo.faults import Fault, FaultKind

SOAK_S = 60 if os.environ.get("USANCE_SOAK") else 8
READERS = 4

READER = """
import contextlib, io, json, pathlib, sys
from usance.cli.main import run
conf, stop = sys.argv[1:]
times = failed = 0
said = set()
while not times or not pathlib.Path(stop).exists():
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = run(["status", "--config-file", conf, "-o", "json"])
    times += 1
    # While a run is under way its messages are pending, and status says so.
    pending = status == 1 and any(one["pending"] for one in json.loads(out.getvalue())["messengers"])
    if err.getvalue() or (status and not pending):
        failed += 1
        said.add(f"{status}: {err.getvalue() or out.getvalue()}")
print(json.dumps({"times": times, "failed": failed, "said": sorted(said)[:3]}))
"""


def start_command(site, *arguments: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", "from usance.legacy.caso_extract import main; main()",
         "--config-file", str(site.conf), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip


def wait_for_lock(site, process: subprocess.Popen) -> None:
    """Return when the process holds the lock."""
    deadline = time.monotonic() + 60
    lock = site.directory / "spool" / "usance.lock"
    while not (lock.exists() and lock.read_text().strip() == str(process.pid)):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_second_run_is_sent_away_with_75_or_waits_as_configured(tmp_path):
    with usual_site(tmp_path) as site:
        site.cloud.clock.set(FIRST)
        site.cloud.faults.add(Fault(FaultKind.LATENCY, "servers/detail", delay_ms=8000))
        first = start_command(site)
        wait_for_lock(site, first)

        complained(site.command(None), 75, f"process {first.pid} holds the lock")

        assert first.poll() is None
        site.cloud.faults.clear()
        with site.conf.open("a") as conf:
            conf.write("lock_timeout = 60\n")
        second = site.command(None)
        assert second.returncode == 0, second.stderr
        _, said = first.communicate(timeout=60)
        assert first.returncode == 0, said
        hold_complete(site, FIRST)


def test_readers_and_extraction_do_not_lock_each_other_out(tmp_path):
    """Four processes ask for the status again and again while runs follow each other."""
    stop = tmp_path / "stop"
    with usual_site(tmp_path) as site:
        good(site.run(FIRST))
        readers = [
            subprocess.Popen(
                [sys.executable, "-c", READER, str(site.conf), str(stop)],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for _ in range(READERS)
        ]
        at, deadline = FIRST, time.monotonic() + SOAK_S
        settings = site.settings()
        while time.monotonic() < deadline:
            at = min(at + timedelta(minutes=20), SECOND)
            good(site.run(at, settings))
        good(site.run(SECOND))
        stop.touch()
        said = [one.communicate(timeout=120) for one in readers]

        assert [one.returncode for one in readers] == [0] * READERS, said
        for out, err in said:
            assert err == ""
            assert '"failed": 0' in out
        hold_complete(site, SECOND)
