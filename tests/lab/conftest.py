"""The lab as a fixture: brought up when it isn't, stopped when it was us who started it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "lab"))

from place import Place  # noqa: E402 - only found on the path of the line above

LAB = [sys.executable, str(ROOT / "lab")]


@pytest.fixture(scope="session")
def lab() -> Iterator[Place]:
    """Return a running lab: one that runs as it is, and one that doesn't begun anew.

    What earlier tests left behind, killed before they could remove it, would make each step slower.
    """
    if os.environ.get("USANCE_LAB") == "0":
        reason = "USANCE_LAB=0 switches the lab off; without it, `python3 lab up` installs and starts one"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    was_up = subprocess.run([*LAB, "status"], stdout=subprocess.DEVNULL, check=False).returncode == 0
    if not was_up:
        subprocess.run([*LAB, "reset"], check=True, timeout=300)
    subprocess.run([*LAB, "up"], check=True, timeout=1800)
    yield Place.from_environment()
    if not was_up:
        subprocess.run([*LAB, "down"], check=True, timeout=300)
