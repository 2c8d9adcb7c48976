"""Two runs never work on one spool directory at once."""

import os
import subprocess
import sys

import pytest

from usance.extraction.lock import run_lock
from usance.model.errors import ConfigurationError, LockHeldError


def test_a_second_run_is_told_who_holds_the_lock(tmp_path):
    with (
        run_lock(tmp_path, timeout_s=0),
        pytest.raises(LockHeldError, match=f"process {os.getpid()}") as caught,
        run_lock(tmp_path, timeout_s=0),
    ):
        pytest.fail("the second run got the lock")

    assert caught.value.exit_status == 75


def test_the_lock_of_a_killed_run_is_free(tmp_path):
    code = (
        "import os, signal, sys; from pathlib import Path; from usance.extraction.lock import run_lock\n"
        "with run_lock(Path(sys.argv[1]), timeout_s=0): os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-c", code, tmp_path], check=False)

    with run_lock(tmp_path, timeout_s=0):
        pass
    assert killed.returncode == -9


def test_a_run_waits_for_the_other_one_within_its_limit(tmp_path):
    code = (
        "import sys; from pathlib import Path; from usance.extraction.lock import run_lock\n"
        "with run_lock(Path(sys.argv[1]), timeout_s=0): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        other.stdout.readline()
        other.stdin.close()

        with run_lock(tmp_path, timeout_s=30):
            assert other.wait(timeout=30) == 0


def test_a_directory_that_is_a_file_is_a_mistake_of_the_operator(tmp_path):
    (tmp_path / "spool").write_text("")

    with (
        pytest.raises(ConfigurationError, match="can't be opened"),
        run_lock(tmp_path / "spool", timeout_s=0),
    ):
        pytest.fail("it can't be locked")
