"""`usance serve` in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx2

import plain_http
from bus import PATIENCE_S, until
from loopback_api import KEY
from service.rabbitmq import free_ports


def almanach_3(ledger_url: str) -> str:
    """Return the configuration of an API that answers as Almanach 3.x did."""
    return "\n".join(
        [
            "[usance]",
            f"ledger_url = {ledger_url}",
            "[api]",
            "almanach_version = 3",
            "rate_limit = 0",
            "[auth]",
            f"private_key = {KEY}",
        ]
    )


class Serving:
    """A server in a process of its own, on loopback."""

    def __init__(self, path: Path, text: str, **environ: str) -> None:
        path.mkdir(parents=True, exist_ok=True)
        (port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{port}"
        conf = path / "usance.conf"
        conf.write_text(text)
        self.log = path / "log"
        command = Path(sys.executable).with_name("usance")
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [str(command), "serve", "--config-file", str(conf), "--port", str(port)],
                stdout=log,
                stderr=log,
                env={"HOME": str(path), "PATH": os.environ["PATH"], **environ},
            )

    def ready(self) -> Serving:
        """Wait until it answers."""
        until(self._is_ready, what="the API is ready")
        return self

    def _is_ready(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(self.log.read_text())
        try:
            return plain_http.get(f"{self.url}/health", timeout=5).status_code == 200
        except httpx2.HTTPError:
            return False

    def stop(self) -> int:
        """Tell it to end in good order; return its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait(PATIENCE_S)
