"""What the doctor says of Prometheus, by what it answers."""

from __future__ import annotations

import asyncio
import json
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from usance.config.settings import (
    AuthSettings,
    CloudSettings,
    ProjectSettings,
    PrometheusSettings,
    RecordSettings,
    Settings,
)
from usance.doctor.check import guarded
from usance.doctor.energy import energy_checks

NOW = datetime(2026, 11, 20, 12, 34, tzinfo=UTC)
SERIES = [{"metric": {"uuid": "server"}, "values": [[int(NOW.replace(minute=0).timestamp()), "5"]]}]


@contextmanager
def prometheus(status, series):
    """Serve an answer to every question; yield the URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            data = {"resultType": "matrix", "result": series}
            body = json.dumps({"status": "success", "data": data}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join(20)


@pytest.mark.parametrize(
    ("status", "series", "verdict", "said"),
    [
        (200, SERIES, "ok", "tells of 1 servers"),
        (200, [], "missing", "has nothing of the metric"),
        (403, [], "error", "Prometheus answered 403"),
    ],
)
def test_what_prometheus_has_is_told(status, series, verdict, said):
    with prometheus(status, series) as url:
        settings = Settings(
            cloud=CloudSettings(AuthSettings("none", {})),
            projects=ProjectSettings(),
            records=RecordSettings("SITE", "service"),
            messengers=(),
            spool_dir=Path("/spool"),
            ledger_url="sqlite:///x",
            lock_dir=Path("/spool"),
            prometheus=PrometheusSettings(endpoint=url),
        )
        (told,) = asyncio.run(guarded("Prometheus", "default", energy_checks(settings, NOW)))

    assert told.verdict.value == verdict
    assert said in told.sentence
