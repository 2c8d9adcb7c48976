"""The units for systemd: it understands them, and they start commands that there are."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

UNITS = sorted((Path(__file__).parents[2] / "deploy" / "systemd").glob("*.service"))
PROGRAM = "/usr/bin/usance"


@pytest.fixture(params=UNITS, ids=lambda one: one.name)
def unit(request) -> Path:
    return request.param


def started(unit: Path) -> list[str]:
    (line,) = [one for one in unit.read_text().splitlines() if one.startswith("ExecStart=")]
    return line.removeprefix("ExecStart=").split()


def test_a_unit_starts_a_command_with_options_that_it_has(unit):
    program, command, option, _path = started(unit)

    shown = subprocess.run(
        [Path(sys.executable).with_name("usance"), command, "--help"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert program == PROGRAM
    assert option in shown.stdout


def test_systemd_finds_nothing_to_say_of_a_unit(unit, tmp_path):
    """Where systemd is at hand. The program is that of the tests, for it has to exist."""
    copy = tmp_path / unit.name
    copy.write_text(unit.read_text().replace(PROGRAM, str(Path(sys.executable).with_name("usance"))))
    judge = shutil.which("systemd-analyze")
    if judge is None:
        assert started(copy)
        return

    done = subprocess.run(
        [judge, "verify", "--man=no", copy], capture_output=True, text=True, timeout=60, check=False
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
