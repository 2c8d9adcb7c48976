"""The measured cloud as the benchmarks see it: a process that they start, ask and stop."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from urllib.parse import quote
from urllib.request import Request, urlopen

from bench.child import Took, measure, stop
from bench.place import REPOSITORY
from bench.steady import ACCOUNT
from bench.workplace import Account
from usance.demo.site import PASSWORD


class Cloud:
    """A simulated cloud that runs."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.account = Account(f"{url}/identity/v3", ACCOUNT, PASSWORD)

    def set_clock(self, now: datetime) -> None:
        """Let the cloud's clock stand at an instant."""
        self._put("demo/clock", {"now": now.isoformat()})

    def set_latency(self, delay_ms: float) -> None:
        """Let each answer come so much later; 0 for as soon as it can."""
        faults = [{"kind": "latency", "delay_ms": delay_ms}] if delay_ms else []
        self._put("demo/faults", {"faults": faults})

    def set_pace(self, *, row_ms: float = 0, actions_ms: float = 0) -> None:
        """Let Nova be as slow as a real one."""
        self._put("bench/pace", {"row_ms": row_ms, "actions_ms": actions_ms})

    def forget_requests(self) -> None:
        """Begin a new recording."""
        self._put("bench/recording", {})

    def write_requests(self, path: Path) -> Path:
        """Write the recording so far to a file of JSON lines, and return it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        url = f"{self.url}/bench/recording?file={quote(str(path))}"
        with urlopen(url, timeout=60) as response:  # noqa: S310 -- our own server on loopback
            response.read()
        return path

    def _put(self, path: str, content: object) -> None:
        request = Request(  # noqa: S310 -- our own server on loopback
            f"{self.url}/{path}", data=json.dumps(content).encode(), method="PUT"
        )
        with urlopen(request, timeout=60) as response:  # noqa: S310 -- as above
            response.read()


@contextmanager
def running(*, projects: int, servers: int, changed: int) -> Iterator[Cloud]:
    """Run a cloud of *servers* in each project while the block runs; its clock stands at BEFORE."""
    setup = json.dumps({"projects": projects, "servers": servers, "changed": changed})
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.serve", setup],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=REPOSITORY,
    )
    try:
        assert process.stdout is not None
        url = process.stdout.readline().decode().strip()
        if not url:
            raise RuntimeError("the simulated cloud did not start")
        yield Cloud(url)
    finally:
        stop(process)


def download(url: str, requests: Path, concurrency: int, log: Path) -> tuple[float, int, Took]:
    """Make a bare download of recorded requests; return its seconds, its requests and what it took."""
    arguments: list[str | Path] = [sys.executable, "-m", "bench.download", url, requests, str(concurrency)]
    took = measure(arguments, log=log, cwd=REPOSITORY)
    found = json.loads(took.output.strip().splitlines()[-1])
    return found["seconds"], found["requests"], took
