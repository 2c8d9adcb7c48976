"""Every command that README and docs show is run, and what they say that it prints is what it prints.

The commands of one page run one after the other in one shell, in an empty directory, with a
simulated cloud to which the configuration of the account's home directory leads.
"""

from __future__ import annotations

import doctest
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pages import PAGES, ROOT, SHELL, Block, Step, blocks, name, steps
from usance.demo.clock import Clock
from usance.demo.cloud import DemoCloud
from usance.demo.history import SeededHistory
from usance.demo.server import serving
from usance.demo.setup import write_caso_conf
from usance.demo.site import standard_site

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
BIN = Path(sys.executable).parent
END = "\x1e"  # what ends the output of a step; no page has it
LIKE = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE

RUN = [page for page in PAGES if any(one.kind in SHELL and not one.not_run for one in blocks(page))]


@pytest.fixture(scope="module")
def cloud_url() -> Iterator[str]:
    """Serve a small cloud whose clock stands."""
    history = SeededHistory(7, projects=2, servers=12, begin=NOW.replace(month=9), end=NOW)
    with serving(DemoCloud(history, clock=Clock(NOW))) as url:
        yield url


@pytest.fixture
def home(cloud_url: str, tmp_path: Path) -> Path:
    """Make a home directory whose .caso/caso.conf leads to the cloud."""
    place = tmp_path / "home"
    (place / ".caso").mkdir(parents=True)
    user = standard_site(7, 2).users[0]
    write_caso_conf(cloud_url, tmp_path / "site", default_user=user.id).rename(place / ".caso" / "caso.conf")
    return place


def run_page(page: Path, home: Path, cwd: Path) -> list[tuple[Block, Step, str, int]]:
    """Run the commands of a page in one shell; return the output and the exit status of each."""
    shown = [
        (block, step)
        for block in blocks(page)
        if block.kind in SHELL and not block.not_run
        for step in steps(block)
    ]
    script = ["exec 2>&1", "trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT"]
    for _, step in shown:
        script += [step.command, f"printf '{END}%s{END}' $?"]
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        env={"HOME": str(home), "PATH": f"{BIN}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8"},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    parts = done.stdout.split(END)
    assert len(parts) == 2 * len(shown) + 1, done.stdout[-2000:]
    return [
        (block, step, parts[2 * place], int(parts[2 * place + 1]))
        for place, (block, step) in enumerate(shown)
    ]


@pytest.mark.parametrize("page", RUN, ids=name)
def test_the_commands_of_a_page_do_what_it_says(page: Path, home: Path, tmp_path: Path):
    work = tmp_path / "work"
    work.mkdir()

    for block, step, printed, status in run_page(page, home, work):
        where = f"{block}: {step.command}\n{printed}"
        assert status == 0, where
        assert "Traceback" not in printed, where
        if step.output is not None:
            assert doctest.OutputChecker().check_output(f"{step.output}\n", f"{printed}\n", LIKE), where


def test_the_demonstration_ends_with_valid_messages_and_answers(tmp_path: Path):
    """It is what `make demo` runs."""
    place = tmp_path / "demo"

    done = subprocess.run(
        [ROOT / "demo" / "run"],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "BIN": str(BIN),
            "USANCE_DEMO_DIR": str(place),
        },
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Usage" in done.stdout
    for kind in ("", "-accelerator", "-ip", "-storage"):
        messages = [one for one in done.stdout.splitlines() if one.startswith(f"{place}/outgoing{kind}/")]
        assert messages
        assert all(one.split()[-1] == "valid" for one in messages)
    assert "APEL-cloud-message: v0.4" in done.stdout
    assert ",server,,," in done.stdout  # a row of /v2/usage
    assert '"entity_type": "instance"' in done.stdout  # Almanach's route
