"""What the doctor says of Gnocchi, by what it answers."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from usance.config.load import load_settings
from usance.demo.cloud import DemoCloud
from usance.demo.history import WrittenHistory
from usance.demo.server import serving
from usance.demo.setup import write_caso_conf
from usance.demo.site import standard_site
from usance.doctor.clouds import examine_cloud

SITE = standard_site(projects=1)


@contextmanager
def gnocchi(status: int, rows: list[dict[str, str]]) -> Iterator[str]:
    """Serve an answer to every search; yield the URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            body = json.dumps(rows if status == 200 else {"message": "forbidden"}).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join(20)


def told_by(tmp_path, cloud):
    with serving(cloud) as url:
        conf = write_caso_conf(url, tmp_path, options={"extractor": "gnocchi"})
        checks = asyncio.run(examine_cloud(load_settings([conf], {}, {}))).checks
    (told,) = [one for one in checks if one.name.startswith("Gnocchi")]
    return told


@pytest.mark.parametrize(
    ("status", "rows", "verdict", "said"),
    [
        (
            403,
            [],
            "missing",
            '"search resource": "rule:admin_or_creator or rule:resource_owner or (role:reader',
        ),
        (200, [], "warning", "see whether Ceilometer publishes to it"),
    ],
)
def test_what_gnocchi_hides_is_told(tmp_path, status, rows, verdict, said):
    cloud = DemoCloud(WrittenHistory(SITE, []))
    with gnocchi(status, rows) as url:
        cloud.elsewhere["metric"] = url
        told = told_by(tmp_path, cloud)

    assert told.verdict.value == verdict
    assert said in told.remedy


def test_a_cloud_without_gnocchi_is_told(tmp_path):
    told = told_by(tmp_path, DemoCloud(WrittenHistory(SITE, [])))

    assert told.verdict.value == "missing"
    assert "no public endpoint of type metric" in told.sentence
