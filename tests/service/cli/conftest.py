"""A small simulated cloud, and the installed commands run against it in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from usance.demo.clock import Clock
from usance.demo.cloud import DemoCloud
from usance.demo.history import WrittenHistory
from usance.demo.script import scripted
from usance.demo.server import serving
from usance.demo.setup import write_caso_conf
from usance.demo.site import standard_site

SITE = standard_site(projects=2)
NOW = datetime(2026, 10, 10, 12, 30, 15, tzinfo=UTC)
HISTORY = WrittenHistory(
    SITE,
    [
        scripted(SITE, "web", "2026-09-20 00:00:00 create m1.tiny"),
        scripted(SITE, "worker", "2026-10-01 00:00:00 create m1.tiny\n2026-10-02 00:00:00 delete", project=1),
    ],
)

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def cloud_url() -> Iterator[str]:
    """Serve a cloud with two projects and a server in each, at NOW; yield its URL."""
    with serving(DemoCloud(HISTORY, clock=Clock(NOW))) as url:
        yield url


@pytest.fixture
def conf(cloud_url: str, tmp_path: Path) -> Path:
    """Write a caso.conf of cASO 5 for the cloud."""
    return write_caso_conf(cloud_url, tmp_path, extractors="nova")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run an installed command in an environment of its own, in the test's directory."""

    def run_command(program: str, *arguments: object, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [Path(sys.executable).with_name(program), *map(str, arguments)],
            env={"HOME": str(tmp_path / "home"), "PATH": os.environ["PATH"], **environ},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run_command
