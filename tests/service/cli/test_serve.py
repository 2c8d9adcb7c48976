"""The commands that serve the API, as processes: how they begin, what they refuse, how they end."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

BIN = Path(sys.executable).parent
KEY = "0123456789abcdef-of-the-tests"
AT = re.compile(r"the API is at (https?://\S+)")

ALMANACH_3 = f"[ALMANACH]\nauth_token = {KEY}\n[MONGODB]\nurl = mongodb://u:correct-horse@h/almanach\n"
ALMANACH_4 = f"[auth]\nprivate_key = {KEY}\n[database]\nconnection_url = mongodb://u:correct-horse@h/a\n"


class Process:
    """A command that runs; its standard output and error are read as they come."""

    def __init__(self, arguments: list[str], environ: dict[str, str], cwd: Path) -> None:
        self.process = subprocess.Popen(
            arguments, env=environ, cwd=cwd, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        self.said = ""
        self.url = ""
        self._more = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stdout or ():
            with self._more:
                self.said += line
                found = AT.search(line)
                self.url = self.url or (found[1] if found else "")
                self._more.notify_all()
        with self._more:
            self._more.notify_all()

    def ready(self) -> str:
        """Return the URL, once it says so."""
        with self._more:
            self._more.wait_for(lambda: self.url or self.process.poll() is not None, timeout=120)
        assert self.url, self.said
        return self.url

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Tell it to end, and return its exit status."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Return its exit status."""
        status = self.process.wait(60)
        self._reader.join(30)
        if self.process.stdout:
            self.process.stdout.close()
        return status


Start = Callable[..., Process]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start an installed command with a file that has this text; in the end it is killed."""
    running: list[Process] = []

    def begin(text: str, *arguments: str, **environ: str) -> Process:
        (tmp_path / "given.conf").write_text(text)
        words = [one.replace("{file}", str(tmp_path / "given.conf")) for one in arguments]
        given = {
            "HOME": str(tmp_path / "home"),
            "PATH": os.environ["PATH"],
            "USANCE_LEDGER_URL": f"sqlite:///{tmp_path}/spool/usance.sqlite",
            "OS_USANCE__LEDGER_URL": f"sqlite:///{tmp_path}/spool/usance.sqlite",
            **environ,
        }
        running.append(Process([str(BIN / words[0]), *words[1:]], given, tmp_path))
        return running[-1]

    try:
        yield begin
    finally:
        for one in running:
            one.process.kill()
            one.wait()


SERVE = ("usance", "serve", "--config-file", "{file}", "--port", "0")
EVERYWHERE = "::"
OWN = f"[auth]\nprivate_key = {KEY}\n"


@pytest.mark.parametrize(
    ("text", "command"),
    [
        (OWN, SERVE),
        (ALMANACH_3, ("almanach", "api", "{file}", "--port", "0", "--host", "localhost")),
        (f"{ALMANACH_4}[api]\nbind_port = 0\n", ("almanach-api", "--config-file", "{file}")),
    ],
)
def test_each_of_the_commands_serves_and_ends_when_it_is_told_to(
    start: Start, text: str, command: tuple[str, ...]
) -> None:
    process = start(text, *command)
    url = process.ready()

    answers = [httpx2.get(f"{url}{path}", headers={"X-Auth-Token": KEY}) for path in ("/ready", "/info")]
    wrong = httpx2.get(f"{url}/volume_types", headers={"X-Auth-Token": "guess"})

    assert [one.status_code for one in answers] == [200, 200]
    assert (wrong.status_code, wrong.text) == (401, "Unauthorized")
    assert process.end() == 0
    assert KEY not in process.said
    assert "horse" not in process.said
    assert "usance import almanach" in process.said or text == OWN


def test_what_is_under_way_is_answered_before_the_end(start: Start) -> None:
    """Half of a request has come when the order does; the other half comes after it."""
    process = start(OWN, *SERVE)
    host, port = process.ready().removeprefix("http://").split(":")
    body = b'{"type_id": "a", "type_name": "b"}'
    head = (
        f"POST /volume_type HTTP/1.1\r\nHost: a\r\nX-Auth-Token: {KEY}\r\nContent-Length: {len(body)}\r\n\r\n"
    )

    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(head.encode() + body[:5])
        with httpx2.Client(base_url=process.url) as client:
            while "usance_api_requests_under_way 2.0" not in client.get("/metrics").text:
                pass
        process.process.send_signal(signal.SIGTERM)
        while _connects(host, int(port)):
            pass
        connection.sendall(body[5:])
        answer = connection.recv(65536)

    assert answer.startswith(b"HTTP/1.1 201 ")
    assert process.wait() == 0


def _connects(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=10).close()
    except OSError:
        return False
    return True


def test_a_port_that_is_taken_is_one_sentence(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = start(OWN, "usance", "serve", "--config-file", "{file}", "--port", str(port))
        status = process.wait()

    assert status == 1
    assert process.said == (
        f"usance: can't listen on 127.0.0.1:{port}: Address already in use (see bind_ip and bind_port of "
        "[api], and what else listens there)\n"
    )


REFUSED: list[tuple[str, tuple[str, ...], str]] = [
    ("", SERVE, "no private key is set"),
    ("[auth]\nprivate_key = secret\n", (*SERVE, "--bind", EVERYWHERE), "which everybody knows"),
    ("[auth]\nstrategy = keystone\n", SERVE, "there are no credentials"),
    ("[auth]\nstrategy = key\n", SERVE, "'key' is no strategy"),
    (f"{OWN}[api]\ntls_certificate = /none.pem\n", SERVE, "there is no file /none.pem"),
    (f"{OWN}[api]\ntls_certificate = {{file}}\n", SERVE, "can't be used"),
    (f"{OWN}[api]\ntrusted_proxies = *\n", SERVE, "no address and no network"),
    (f"{OWN}[api]\nbind_ip = everywhere\n", SERVE, "should be an IP address"),
    ("[ALMANACH]\nauth_token = secret\n", ("almanach", "api", "{file}", "--host", EVERYWHERE),
     "which everybody knows"),
    ("[MONGODB]\nurl = x\n", ("almanach", "api", "{file}"), "no private key is set"),
    ("[api]\nbind_ip = ::\n", ("almanach-api", "--config-file", "{file}"), "which everybody knows"),
    ("", ("almanach", "api", "/none.cfg"), "not found"),
    (ALMANACH_3, ("almanach", "api", "{file}", "--logging", "/none.cfg"), "logging configuration"),
    (ALMANACH_3, ("almanach", "api", "{file}", "--host", "no such host"), "is no address"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "command", "sentence"), REFUSED)
def test_what_would_let_in_anybody_or_can_not_be_is_refused_in_one_sentence(
    start: Start, tmp_path: Path, text: str, command: tuple[str, ...], sentence: str
) -> None:
    process = start(text.replace("{file}", str(tmp_path / "given.conf")), *command)

    assert process.wait() == 2, process.said
    assert sentence in process.said
    assert "Traceback" not in process.said


def test_the_known_key_is_taken_on_loopback_with_a_warning(start: Start) -> None:
    process = start("[auth]\nprivate_key = secret\n", *SERVE)
    url = process.ready()

    assert httpx2.get(f"{url}/volume_types", headers={"X-Auth-Token": "secret"}).status_code == 200
    assert "which everybody knows" in process.said


def test_a_ledger_that_can_not_be_opened_is_one_sentence(start: Start, tmp_path: Path) -> None:
    broken = tmp_path / "broken.sqlite"
    broken.write_bytes(b"nothing of a database" * 1000)

    process = start(OWN, *SERVE, OS_USANCE__LEDGER_URL=f"sqlite:///{broken}")

    assert process.wait() == 1
    assert "is not a ledger" in process.said
    assert "Traceback" not in process.said


def test_logging_of_3_is_that_of_its_file(start: Start, tmp_path: Path) -> None:
    (tmp_path / "logging.cfg").write_text(
        "[loggers]\nkeys=root\n[handlers]\nkeys=file\n[formatters]\nkeys=\n"
        "[logger_root]\nlevel=INFO\nhandlers=file\n"
        f"[handler_file]\nclass=FileHandler\nargs=('{tmp_path}/api.log',)\n"
    )
    process = start(
        ALMANACH_3, "almanach", "api", "{file}", "--port", "0", "--logging", str(tmp_path / "logging.cfg")
    )
    log = tmp_path / "api.log"

    url = _said_in(log, process)
    httpx2.get(f"{url}/info")

    assert process.end(signal.SIGINT) == 0
    assert '"GET /info" 200' in log.read_text()
    assert process.said == ""


def _said_in(log: Path, process: Process) -> str:
    while process.process.poll() is None:
        found: Any = AT.search(log.read_text()) if log.exists() else None
        if found:
            return found[1]
    raise AssertionError(process.said)
