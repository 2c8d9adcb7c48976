"""The ARGO Messaging Service on loopback: real HTTPS, tokens for host certificates, faults on demand.

It has what a sender and a receiver call: authx509 (mutual TLS, on a port of its own), publish,
pull, acknowledge and version; and the limit of 1 MiB for a message.
"""

from __future__ import annotations

import base64
import contextlib
import json
import re
import socket
import ssl
import threading
import uuid
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

LIMIT = 1048576  # bytes of a request: what the service takes

_CALL = re.compile(
    r"/v1/projects/(?P<project>[^/]+)/(?P<kind>topics|subscriptions)/(?P<name>[^:]+):(?P<verb>\w+)"
)
_AUTHN = re.compile(r"/v1/service-types/ams/hosts/[^:]+(:\d+)?:authx509")


@dataclass
class Fault:
    """What happens to requests: a status, or `hang`, `drip`, `close`, `say`, `lose` (taken, not told)."""

    what: int | str
    times: int = 1
    retry_after: str | None = None
    location: str | None = None  # of a redirection
    answer: bytes = b""  # of `say`, with status 200
    containing: bytes = b""  # only requests with this in a message


@dataclass
class Ams:
    """What the service knows, and what it was asked."""

    project: str = "accounting"
    topics: set[str] = field(default_factory=lambda: {"eu-egi-cloud-accounting"})
    limit: int = LIMIT
    tokens: set[str] = field(default_factory=set)
    faults: deque[Fault] = field(default_factory=deque)
    requests: list[str] = field(default_factory=list)  # "POST /v1/...", each with the status
    subjects: list[str] = field(default_factory=list)  # of the certificates that tokens were given for
    published: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # by topic
    pulled: dict[str, int] = field(default_factory=dict)
    api_port: int = 0
    authn_port: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)
    on_published: Any = None  # called after a message was taken, before the answer

    def fail(self, what: int | str, times: int = 1, **more: Any) -> None:
        """Let the next requests fail."""
        self.faults.append(Fault(what, times, **more))

    def say(self, answer: bytes, times: int = 1) -> None:
        """Let the next requests be answered by anything, with status 200."""
        self.fail("say", times, answer=answer)

    def names(self, topic: str = "eu-egi-cloud-accounting") -> list[str]:
        """Return the names (empaid) of what was published, in order."""
        return [one["attributes"]["empaid"] for one in self.published.get(topic, [])]

    def texts(self, topic: str = "eu-egi-cloud-accounting") -> list[bytes]:
        """Return what was published, as S/MIME."""
        return [base64.b64decode(one["data"]) for one in self.published.get(topic, [])]

    def publishes(self) -> list[str]:
        """Return the answers to publish requests."""
        return [one for one in self.requests if ":publish" in one]

    def _fault(self, body: bytes) -> Fault | None:
        for fault in self.faults:
            if fault.containing:
                messages = json.loads(body).get("messages", []) if body else []
                if not any(fault.containing in base64.b64decode(one["data"]) for one in messages):
                    continue
            fault.times -= 1
            if fault.times <= 0:
                self.faults.remove(fault)
            return fault
        return None

    def answer(self, path: str, body: bytes, key: str | None, subject: str | None) -> tuple[int, Any]:
        """Answer one request."""
        if path == "/v1/version":
            return 200, {"release": "loopback"}
        if _AUTHN.fullmatch(path):
            if subject is None:
                return _error(401, "Unauthorized")
            token = uuid.uuid4().hex
            self.tokens.add(token)
            self.subjects.append(subject)
            return 200, {"token": token}
        call = _CALL.fullmatch(path)
        if key not in self.tokens:
            return _error(401, "Unauthorized")
        if call is None or call["project"] != self.project:
            return _error(404, "project doesn't exist")
        return self._call(call["verb"], call["name"], body)

    def _call(self, verb: str, name: str, body: bytes) -> tuple[int, Any]:
        if name not in self.topics:
            return _error(404, "Topic doesn't exist")
        content = json.loads(body or b"{}")
        there = self.published.setdefault(name, [])
        if verb == "publish":
            if len(body) > self.limit:
                return _error(413, "Message size is too large")
            first = len(there)
            there += content["messages"]
            return 200, {"messageIds": [str(number) for number in range(first, len(there))]}
        if verb == "pull":
            start = self.pulled.get(name, 0)
            some = there[start : start + int(content.get("maxMessages", 1))]
            return 200, {
                "receivedMessages": [
                    {
                        "ackId": f"projects/{self.project}/subscriptions/{name}:{start + number}",
                        "message": {
                            **one,
                            "messageId": str(start + number),
                            "publishTime": "2026-11-22T00:00:00Z",
                        },
                    }
                    for number, one in enumerate(some)
                ]
            }
        self.pulled[name] = 1 + max(int(one.rpartition(":")[2]) for one in content["ackIds"])
        return 200, {}


def _error(status: int, message: str) -> tuple[int, Any]:
    return status, {"error": {"code": status, "message": message, "status": "ERROR"}}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    ams: Ams
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        path = self.path.partition("?")[0]
        with self.ams.lock:
            fault = self.ams._fault(body)
            if fault is not None and isinstance(fault.what, int):
                status, content = _error(fault.what, "injected")
            elif fault is not None and fault.what in {"hang", "close", "drip", "say"}:
                status, content = 0, None
            else:
                status, content = self.ams.answer(path, body, self.headers.get("x-api-key"), self._subject())
                if self.ams.on_published is not None and path.endswith(":publish") and status == 200:
                    self.ams.on_published()
            self.ams.requests.append(f"{self.command} {path} {status or fault.what}")
        if fault is not None and fault.what == "hang":
            self.ams.stopped.wait(30)
        if fault is not None and fault.what in {"hang", "close", "lose"}:
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
            return
        if fault is not None and fault.what == "drip":
            self._drip()
            return
        answer = json.dumps(content).encode()
        if fault is not None and fault.what == "say":
            status, answer = 200, fault.answer
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        if fault is not None and fault.retry_after is not None:
            self.send_header("Retry-After", fault.retry_after)
        if fault is not None and fault.location is not None:
            self.send_header("Location", fault.location)
        self.end_headers()
        self.wfile.write(answer)

    def _drip(self) -> None:
        """Answer a byte at a time, so that no single wait is long."""
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.wfile.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
            )
            while not self.ams.stopped.wait(0.1):
                self.wfile.write(b" ")

    def _subject(self) -> str | None:
        shown = self.connection.getpeercert()
        parts = [pair for group in (shown or {}).get("subject", ()) for pair in group]
        return "".join(f"/{name}={value}" for name, value in parts) or None

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_arguments: object) -> None:
        """Say nothing: clients hang up in tests."""


@contextlib.contextmanager
def serving(
    certificate: Path, key: Path, cafile: Path, *, host: str = "127.0.0.1", ports: tuple[int, int] = (0, 0)
) -> Iterator[Ams]:
    """Serve AMS while the block runs; `ports` are those of the API and of authentication."""
    ams = Ams()
    servers = []
    for port, mutual in zip(ports, (False, True), strict=True):
        handler = type("Handler", (_Handler,), {"ams": ams})
        server = _Server((host, port), handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        if mutual:
            context.load_verify_locations(cafile)
            context.verify_mode = ssl.CERT_REQUIRED
        # The handshake is made by the thread of the connection: one client must not stop the others.
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        servers.append(server)
    ams.api_port, ams.authn_port = (one.server_address[1] for one in servers)
    try:
        yield ams
    finally:
        ams.stopped.set()
        for server in servers:
            server.shutdown()
            server.server_close()
