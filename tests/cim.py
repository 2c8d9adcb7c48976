"""A GreenDIGIT CIM on loopback, over HTTP or HTTPS: it gives tokens, takes records, and fails on demand."""

from __future__ import annotations

import json
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

ACCOUNT = ("site@example.org", "correct horse & battery")


class Cim:
    """What the CIM was asked, and what it is to answer."""

    def __init__(self) -> None:
        self.url = ""
        self.records: list[dict] = []
        self.posts = 0
        self.tokens = 0
        self.valid: set[str] = set()
        self.answers: list[int] = []  # statuses of the next submissions, before it takes them again
        self.taken_status = 200

    def give_token(self, query: dict[str, list[str]]) -> tuple[int, dict]:
        if (query.get("email"), query.get("password")) != ([ACCOUNT[0]], [ACCOUNT[1]]):
            return 401, {"detail": "Invalid credentials"}
        self.tokens += 1
        token = f"token{self.tokens}"
        self.valid.add(token)
        return 200, {"access_token": token, "token_type": "bearer"}

    def take(self, authorization: str, body: bytes) -> tuple[int, dict]:
        self.posts += 1
        if authorization.removeprefix("Bearer ") not in self.valid:
            return 401, {"detail": "Invalid token"}
        if self.answers:
            status = self.answers.pop(0)
            if status != 200:
                return status, {"error": {"message": f"no {status}"}}
        self.records += json.loads(body)
        return self.taken_status, {"ok": True}


def _handler(cim: Cim) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            parts = urlsplit(self.path)
            found = parts.path == "/gd-cim-api/v1/token"
            self._answer(*(cim.give_token(parse_qs(parts.query)) if found else (404, {})))

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found = self.path == "/gd-cim-api/v1/submit"
            self._answer(*(cim.take(self.headers.get("Authorization", ""), body) if found else (404, {})))

        def _answer(self, status, content):
            body = b"" if status == 204 else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Log nothing."""

    return Handler


@contextmanager
def serving_cim(certificate: Path | None = None) -> Iterator[Cim]:
    """Serve a CIM on a port of its own; over TLS with a certificate (and its key in one file)."""
    cim = Cim()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(cim))
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    scheme = "http" if certificate is None else "https"
    cim.url = f"{scheme}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield cim
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def make_certificate(path: Path) -> Path:
    """Write a self-signed certificate for 127.0.0.1, and its key, into one file."""
    key, certificate = path.with_suffix(".key"), path.with_suffix(".crt")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-keyout", str(key), "-out", str(certificate), "-days", "2", "-subj", "/CN=127.0.0.1",
         "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True,
        capture_output=True,
        timeout=60,
    )  # fmt: skip
    path.write_bytes(certificate.read_bytes() + key.read_bytes())
    return path
