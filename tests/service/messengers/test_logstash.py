"""Logstash's side of the messenger: a listener that reads lines, as its tcp input does."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from demo_site import demo_site
from usance.config.settings import MessengerSettings
from usance.demo import truth
from usance.demo.history import SeededHistory, microseconds
from usance.ledger.values import Message, MessageState
from usance.messengers.logstash import LogstashMessenger
from usance.model.errors import ConfigurationError, DeliveryError

BEGIN = datetime(2026, 10, 1, tzinfo=UTC)
END = datetime(2026, 10, 6, tzinfo=UTC)


class Listener:
    """Reads each connection to its end, and keeps the lines."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.lines: list[dict[str, object]] = []
        self.connections = 0
        self._context = context
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(30)
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                self._read(connection)

    def _read(self, connection: socket.socket) -> None:
        try:
            if self._context is not None:
                connection = self._context.wrap_socket(connection, server_side=True)
            data = b""
            while chunk := connection.recv(65536):
                data += chunk
            if isinstance(connection, ssl.SSLSocket):
                connection.unwrap()
        except OSError:  # somebody who does not trust us, or goes away
            return
        finally:
            connection.close()
        self.connections += 1
        self.lines += [json.loads(line) for line in data.splitlines()]

    @contextmanager
    def listening(self) -> Iterator[Listener]:
        """Serve while the block runs."""
        self._thread.start()
        try:
            yield self
        finally:
            self._socket.shutdown(socket.SHUT_RDWR)
            self._socket.close()
            self._thread.join(30)


def messenger(port: int, **options: str) -> LogstashMessenger:
    """Return the messenger for a port."""
    given = {"host": "localhost", "port": str(port), "timeout": "5", **options}
    return LogstashMessenger(MessengerSettings("logstash", given))


def message(body: bytes) -> Message:
    """Return a message of the outbox."""
    return Message(
        id=1,
        project_id="p",
        cloud_id="c",
        messenger="logstash",
        record_type="cloud",
        format="cloud-json",
        body=body,
        record_count=1,
        staged_at=BEGIN,
        state=MessageState.PENDING,
    )


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a PEM file with a key and its own certificate for localhost."""
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run(
        [*command.split(), *names, "-keyout", path, "-out", f"{path}.crt"], check=True, capture_output=True
    )
    path.write_text(path.read_text() + Path(f"{path}.crt").read_text())
    return path


def server_context(certificate: Path, *, asks_clients: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    if asks_clients:
        context.load_verify_locations(certificate)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def test_each_message_is_written_line_by_line_and_confirmed():
    with Listener().listening() as listener:
        sender = messenger(listener.port)
        for number in range(3):
            sender.send(message(b'{"n":%d}\n{"n":"%s"}\n' % (number, b"x" * 100_000)))

    assert [one["n"] for one in listener.lines if isinstance(one["n"], int)] == [0, 1, 2]
    assert len(listener.lines) == 6


@pytest.mark.parametrize("asks_clients", [False, True])
def test_tls_is_verified_and_a_client_shows_its_certificate(certificate, asks_clients):
    with Listener(server_context(certificate, asks_clients=asks_clients)).listening() as listener:
        trusting = {"tls": "True", "cafile": str(certificate), "certfile": str(certificate)}
        messenger(listener.port, **trusting).send(message(b'{"n":1}\n'))
        with pytest.raises(DeliveryError, match="took no message"):
            messenger(listener.port, tls="true").send(message(b'{"n":2}\n'))
    assert listener.lines == [{"n": 1}]


def test_a_blocked_receiver_is_given_up_after_a_while():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        sender = messenger(silent.getsockname()[1], timeout="1")
        with pytest.raises(DeliveryError, match="did not take everything within 1 s"):
            sender.send(message(b"x" * 30_000_000))
        with pytest.raises(DeliveryError, match="did not take everything within 1 s"):
            sender.send(message(b'{"n":1}\n'))  # it fits into the buffers, and nobody has read it


def test_a_receiver_that_is_not_there_or_goes_away_took_nothing():
    with socket.create_server(("127.0.0.1", 0)) as leaving:
        port = leaving.getsockname()[1]

        def leave() -> None:
            connection, _ = leaving.accept()
            connection.recv(1)
            connection.close()  # with the rest unread: the connection is reset

        thread = threading.Thread(target=leave)
        thread.start()
        with pytest.raises(DeliveryError, match="took no message"):
            messenger(port).send(message(b"x" * 3_000_000))
        thread.join(30)
    with pytest.raises(DeliveryError, match="took no message"):
        messenger(port).send(message(b"{}\n"))


def test_nobody_is_told_24_times_a_day_and_nothing_is_lost(tmp_path):
    """An hour without Logstash delays; the runs of a day tell each server once."""
    history = SeededHistory(3, servers=10, begin=BEGIN, end=END, actions=4)
    with Listener().listening() as listener, demo_site(history, tmp_path, messengers="logstash") as site:
        site.conf.write_text(f"{site.conf.read_text()}\n[logstash]\nport = 1\ntimeout = 5\n")
        failed = site.run(END - timedelta(days=1))
        site.conf.write_text(site.conf.read_text().replace("port = 1\n", f"port = {listener.port}\n"))
        for hour in range(1, 27, 5):
            site.run(END - timedelta(days=1) + timedelta(hours=hour))

    assert failed.exit_status == 1
    lives = [history.life(number) for number in range(len(history))]
    told = [(one["record_id"], one["record_digest"]) for one in listener.lines]
    assert len(told) == len(set(told))
    # At the end of each of the two days; a resize may tell more of the days before it.
    resized = {life.id for life in lives if any(step.action == "resize" for step in life.steps)}
    times = Counter(one for one, _ in told if not any(server in one for server in resized))
    assert max(times.values()) == 2
    # The last that was told is what was used up to the last midnight.
    latest = {one["record_id"]: one for one in listener.lines}
    for life in lives:
        really = truth.of_server(life, microseconds(END), frozenset())
        assert (f"cloud/{life.id}/2026-10" in latest) == bool(really)
        for used in really.values():
            line = latest[f"cloud/{life.id}/2026-10"]
            assert line["WallDuration"] + line["SuspendDuration"] == used.elapsed_s


def test_options_that_make_no_sense_are_named():
    for options in (
        {"interval": "week"},
        {"tls": "perhaps"},
        {"port": "none"},
        {"tls": "true", "cafile": "/no"},
    ):
        with pytest.raises(ConfigurationError):
            LogstashMessenger(MessengerSettings("logstash", options))
