"""A real Prometheus for tests: its own directory, its own port on loopback, and a history of samples."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from urllib.error import URLError

HOW_TO_GET_IT = "Prometheus is not installed here; get it with: apt-get install prometheus"

_PATIENCE_S = 180


def find_programs() -> tuple[str, str] | None:
    """Return the paths of prometheus and promtool; None if they are not installed."""
    server, tool = shutil.which("prometheus"), shutil.which("promtool")
    return (server, tool) if server and tool else None


class PrometheusServer:
    """A server over samples that are given once, in the OpenMetrics text format."""

    def __init__(self, programs: tuple[str, str]) -> None:
        self._server, self._tool = programs
        self._home = Path(tempfile.mkdtemp(prefix="usance-prometheus-"))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def load(self, lines: Iterable[str]) -> None:
        """Make blocks of samples: lines of the text format, of one metric after the other."""
        samples = self._home / "samples.txt"
        with samples.open("w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)
            file.write("# EOF\n")
        subprocess.run(
            [self._tool, "tsdb", "create-blocks-from", "openmetrics", str(samples), str(self._home / "data")],
            check=True,
            capture_output=True,
            timeout=120,
        )

    def start(self) -> None:
        """Start the server; return when it answers."""
        conf = self._home / "prometheus.yml"
        conf.write_text("global: {}\n")
        with (self._home / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [
                    self._server,
                    f"--config.file={conf}",
                    f"--storage.tsdb.path={self._home / 'data'}",
                    "--storage.tsdb.retention.time=20y",
                    f"--web.listen-address=127.0.0.1:{self.port}",
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._home,
            )
        deadline = time.monotonic() + _PATIENCE_S
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                said = (self._home / "log").read_text()[-2000:]
                self.stop()
                raise RuntimeError(f"Prometheus did not start: {said}")
            time.sleep(0.05)  # between two questions, bounded by the deadline

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=5) as answer:  # noqa: S310 - loopback
                return answer.status == 200
        except (URLError, OSError):
            return False

    def stop(self) -> None:
        """Stop the server, and remove its directory."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        shutil.rmtree(self._home)
