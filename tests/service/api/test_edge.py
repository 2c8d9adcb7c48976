"""What every request passes: limits, headers, the log and the counters, over real HTTP."""

import logging
import socket
import sqlite3
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest

import plain_http
from certificates import Place
from loopback_api import KEY, serving_api, serving_app
from usance.api.protocol import BoundedProtocol
from usance.ledger.ledger import Ledger
from usance.ledger.schema import SCHEMA_VERSION

CLOSED = "/docs/as-generated/openapi.json"
HEADERS = {"X-Auth-Token": KEY}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Name the file of a ledger."""
    return tmp_path / "ledger.db"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    """Open an empty ledger."""
    with Ledger.open(f"sqlite:///{path}") as opened:
        yield opened


def raw(url: str, *pieces: bytes) -> bytes:
    """Send bytes as they are, and return all that comes until the server closes."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        for piece in pieces:
            connection.sendall(piece)
        received = b""
        while part := connection.recv(65536):
            received += part
    return received


# --- sizes -------------------------------------------------------------------------------------


def test_a_body_may_be_so_large(ledger: Ledger) -> None:
    with serving_api(ledger, max_body_bytes=2000) as url:
        announced = plain_http.post(f"{url}/volume_type", headers=HEADERS, content=b'"' + b"x" * 2000 + b'"')
        chunks = (b"x" * 500 for _ in range(10))
        in_pieces = plain_http.post(f"{url}/volume_type", headers=HEADERS, content=chunks)

    assert [announced.status_code, in_pieces.status_code] == [413, 413]
    assert isinstance(announced.json()["error"], str)  # Almanach's shape, on a route of Almanach's
    assert announced.headers["connection"] == "close"


def test_nothing_is_read_of_a_body_whose_sender_is_unknown(ledger: Ledger) -> None:
    """The answer comes while the body, which was announced, has not."""
    with serving_api(ledger) as url:
        answer = raw(
            url,
            b"POST /volume_type HTTP/1.1\r\nHost: a\r\nX-Auth-Token: guess\r\nContent-Length: 900\r\n\r\n",
        )

    assert answer.startswith(b"HTTP/1.1 401 ")
    assert answer.endswith(b"\r\n\r\nUnauthorized")


def test_an_address_and_a_header_may_be_so_long(ledger: Ledger) -> None:
    with serving_api(ledger) as url:
        address = plain_http.get(f"{url}/v2/{'x' * 9000}")
        query = plain_http.get(f"{url}/health?{'x' * 9000}")
        header = plain_http.get(f"{url}/v2/x", headers={"X-Long": "x" * 50_000})

    assert [one.status_code for one in (address, query, header)] == [414, 414, 431]
    assert header.json()["error"]["code"] == 431


def test_a_header_that_never_ends_is_cut_off(ledger: Ledger) -> None:
    with serving_api(ledger) as url:
        answer = raw(url, b"GET /health HTTP/1.1\r\nHost: a\r\nX-Endless: ", b"x" * 40_000, b"x" * 40_000)

    assert answer.startswith(b"HTTP/1.1 431 ")


def test_what_is_no_http_gets_an_answer(ledger: Ledger) -> None:
    with serving_api(ledger) as url:
        assert raw(url, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03").startswith(b"HTTP/1.1 400 ")
        assert plain_http.get(f"{url}/health").status_code == 200


# --- time --------------------------------------------------------------------------------------


class Impatient(BoundedProtocol):
    """Waits for a header a fifth of a second."""

    header_s = 0.2


@pytest.mark.parametrize("begin", [b"", b"GET /health HTTP/1.1\r\nHost: a\r\n"])
def test_a_header_may_take_so_long(ledger: Ledger, begin: bytes) -> None:
    with serving_api(ledger, protocol=Impatient) as url:
        assert raw(url, begin).startswith(b"HTTP/1.1 408 ")


def test_one_connection_serves_many_requests_however_they_are_cut(ledger: Ledger) -> None:
    """Neither limit of the header is in the way of what is no header."""
    one = b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n"
    last = b"GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

    with serving_api(ledger, protocol=Impatient) as url:
        answer = raw(url, one * 3 + one[:10], one[10:] + last)

    assert answer.count(b"HTTP/1.1 200 OK") == 5


def test_a_body_that_does_not_come_is_not_waited_for(ledger: Ledger) -> None:
    with serving_api(ledger, timeout_s=1) as url:
        answer = raw(
            url,
            f"POST /volume_type HTTP/1.1\r\nHost: a\r\nX-Auth-Token: {KEY}\r\n".encode()
            + b"Content-Length: 100\r\n\r\n{",
        )

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in answer


LET_GO_S = 300
"""Nobody waits longer for what a test lets go."""


class StuckLedger(Ledger):
    """A ledger that does not answer until it is let go."""

    released = threading.Event()

    def version(self) -> str | None:
        """Wait."""
        self.released.wait(LET_GO_S)
        return super().version()


def test_a_ledger_that_does_not_answer_is_a_503_and_everything_else_goes_on(path: Path) -> None:
    with StuckLedger.open(f"sqlite:///{path}") as stuck, serving_app(stuck, timeout_s=1) as (url, app):
        try:
            answer = plain_http.get(f"{url}/ready")
            health = plain_http.get(f"{url}/health")
            waiting = app.ledger.waiting
        finally:
            stuck.released.set()

    assert (answer.status_code, health.status_code, waiting) == (503, 200, 1)
    assert answer.json()["error"]["message"] == "there was no answer within 1 s"


def test_only_so_many_calls_wait_for_the_ledger(path: Path) -> None:
    """The others are refused at once, and those that wait are answered in the end."""
    StuckLedger.released.clear()
    with (
        StuckLedger.open(f"sqlite:///{path}") as stuck,
        serving_app(stuck, ledger_threads=1, timeout_s=LET_GO_S) as (url, app),
        httpx2.Client(limits=httpx2.Limits(max_connections=150), timeout=LET_GO_S) as client,
        ThreadPoolExecutor(150) as threads,
    ):
        answers = [threads.submit(client.get, f"{url}/ready") for _ in range(140)]
        try:
            said = (one.result().json().get("error", {}) for one in as_completed(answers, LET_GO_S))
            refused = next(one for one in said if "too many" in one["message"])
            waiting = app.ledger.waiting
        finally:
            stuck.released.set()

    assert refused["message"] == "too many requests wait for the ledger"
    assert waiting <= 128


# --- how often ---------------------------------------------------------------------------------


def test_a_caller_may_ask_so_often(ledger: Ledger) -> None:
    with serving_app(ledger, rate_limit=2) as (url, app):
        answers = [plain_http.get(f"{url}{CLOSED}", headers=HEADERS) for _ in range(4)]
        counted = app.metrics.text()

    assert [one.status_code for one in answers] == [200] * 2 + [429] * 2
    assert answers[-1].json()["error"]["code"] == 429
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 30
    assert b'usance_api_limited_total{limit="rate"} 2.0' in counted


def test_who_forwards_is_believed_only_if_she_is_named(ledger: Ledger) -> None:
    """Addresses in X-Forwarded-For are anybody's invention, unless a proxy of ours wrote them."""

    def statuses(url: str) -> list[int]:
        senders = [{"X-Auth-Token": "guess", "X-Forwarded-For": f"192.0.2.{number}"} for number in range(4)]
        return [plain_http.get(f"{url}{CLOSED}", headers=sender).status_code for sender in senders]

    with serving_api(ledger, failure_limit=2) as url:
        assert statuses(url) == [401, 401, 429, 429]
    with serving_api(ledger, failure_limit=2, trusted_proxies=("127.0.0.0/8",)) as url:
        assert statuses(url) == [401] * 4


# --- who scrapes -------------------------------------------------------------------------------


def test_the_counters_are_for_named_networks_and_for_who_may_see_everything(ledger: Ledger) -> None:
    bearer = {"Authorization": f"Bearer {KEY}"}

    with serving_api(ledger) as url:
        near = plain_http.get(f"{url}/metrics")
        proxied = plain_http.get(f"{url}/metrics", headers={"X-Forwarded-For": "198.51.100.7"})
    with serving_api(ledger, metrics_from=("198.51.100.0/24",)) as url:
        far = plain_http.get(f"{url}/metrics")
        with_key = plain_http.get(f"{url}/metrics", headers=bearer)
        elsewhere = plain_http.get(f"{url}{CLOSED}", headers=bearer)

    assert [one.status_code for one in (near, proxied, far, with_key, elsewhere)] == [200, 401, 401, 200, 401]
    assert near.headers["content-type"].startswith("text/plain")
    assert "usance_api_requests_under_way 1.0" in near.text


def test_paths_that_nobody_serves_make_no_series(ledger: Ledger) -> None:
    with serving_app(ledger) as (url, app):
        for number in range(20):
            plain_http.get(f"{url}/v2/nothing-{number}")

    # What is answered is counted a moment later: surely when the server has ended.
    series = [line for line in app.metrics.text().decode().splitlines() if 'status="404"' in line]
    assert series[0] == 'usance_api_requests_total{method="GET",route="none",status="404"} 20.0'


# --- what is said ------------------------------------------------------------------------------


def test_answers_are_nobody_elses_and_have_an_id(ledger: Ledger) -> None:
    with serving_api(ledger) as url:
        headers = plain_http.get(
            f"{url}{CLOSED}", headers={**HEADERS, "Origin": "https://evil.example"}
        ).headers

    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-openstack-request-id"].startswith("req-")
    assert "access-control-allow-origin" not in headers
    assert "server" not in headers


def test_the_log_has_one_line_a_request_whatever_is_asked(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "usance.api.access")

    with serving_api(ledger) as url:
        plain_http.get(f"{url}/health", headers={"X-Openstack-Request-Id": "forged"})
        raw(url, b"GET /a%0d%0aforged%20line\x22 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")

    lines = [record.getMessage() for record in caplog.records if record.name == "usance.api.access"]
    assert len(lines) == 2
    assert lines[0].startswith('127.0.0.1 - "GET /health" 200 15 ')
    assert all("\n" not in line and " req-" in line for line in lines)


def test_the_description_is_complete_and_needs_nothing_from_elsewhere(ledger: Ledger) -> None:
    with serving_api(ledger) as url:
        description = plain_http.get(f"{url}/openapi.json").json()
        page = plain_http.get(f"{url}/docs")

    assert {"/health", "/ready", "/metrics", "/v1/volume_types"} <= set(description["paths"])
    assert all(path in page.text for path in description["paths"])
    assert "http" not in page.text.replace("http-equiv", "").replace("https://docs.", "")
    assert "<script" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    for path, item in description["paths"].items():
        for operation in item.values():
            assert any(not status.startswith("2") for status in operation["responses"]), path


# --- readiness ---------------------------------------------------------------------------------


def test_ready_means_that_the_ledger_answers(ledger: Ledger, path: Path) -> None:
    with serving_api(ledger) as url:
        before = plain_http.get(f"{url}/ready")
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("UPDATE ledger_version SET version_num = '9999'")
        newer = plain_http.get(f"{url}/ready")
        path.write_bytes(b"nothing of a database" * 1000)
        broken = plain_http.get(f"{url}/ready")
        health = plain_http.get(f"{url}/health")

    assert [one.status_code for one in (before, newer, broken, health)] == [200, 503, 503, 200]
    assert f"needs {SCHEMA_VERSION}" in newer.json()["error"]["message"]
    assert str(path) not in broken.text


class FaultyLedger(Ledger):
    """A ledger with a fault of ours in it."""

    def version(self) -> str | None:
        """Fail."""
        raise RuntimeError("a-detail-for-us-alone")


def test_a_fault_of_ours_is_a_500_that_tells_nothing_but_where_to_look(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with FaultyLedger.open(f"sqlite:///{path}") as faulty, serving_api(faulty) as url:
        answer = plain_http.get(f"{url}/ready")

    assert answer.status_code == 500
    assert "detail" not in answer.text
    assert "a-detail-for-us-alone" in caplog.text
    assert answer.json()["error"]["request_id"] in caplog.text


# --- TLS ---------------------------------------------------------------------------------------


def test_it_speaks_tls(ledger: Ledger, tmp_path: Path) -> None:
    place = Place(tmp_path / "tls")
    certificate, key = place.issue("api")
    context = ssl.create_default_context(cafile=str(place.cafile))

    with serving_api(ledger, tls_certificate=certificate, tls_key=key) as url:
        assert url.startswith("https://")
        assert httpx2.get(f"{url}/health", verify=context).status_code == 200


def test_any_number_of_requests_side_by_side(ledger: Ledger) -> None:
    def ask(url: str) -> Any:
        return plain_http.get(f"{url}/ready", timeout=60).status_code

    with serving_api(ledger) as url, ThreadPoolExecutor(16) as threads:
        assert set(threads.map(ask, [url] * 100)) == {200}
