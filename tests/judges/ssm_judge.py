"""Judge our queues and our sender by SSM's own code.

    python tests/judges/ssm_judge.py QUEUE...

There is a queue for each type of record, and each is judged.

SSM_CHECKOUT names a checkout of github.com/apel/ssm, SSM_PYTHON a Python with the libraries that it
needs (`make judges` makes one).

First SSM's `ssmsend` sends the messages of each queue that we wrote to an AMS on loopback. Then `usance
publish` sends them there, signed, and again encrypted, and SSM's receiver takes them: it has to
accept each one, from our host certificate, and to find in it what was in the queue.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dirq.QueueSimple import QueueSimple

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from certificates import Place  # noqa: E402 - the tests' own modules are beside, not installed
from loopback_ams import Ams, serving  # noqa: E402 - as above
from received import opened  # noqa: E402 - as above
from usance.config.settings import PublishSettings, QueueSettings  # noqa: E402 - as above
from usance.sending.publishing import publish  # noqa: E402 - as above

TOPIC = "eu-egi-cloud-accounting"
SUBJECT = "/DC=org/DC=example/CN=host.example.org"


class Refused(Exception):  # noqa: N818 - a verdict
    """SSM did not do what it should."""


def main() -> int:
    """Let SSM judge the queues that the command line names."""
    checkout, python = os.environ.get("SSM_CHECKOUT"), os.environ.get("SSM_PYTHON")
    queues = [Path(one) for one in sys.argv[1:]]
    if not queues or not checkout or not python or not Path(checkout, "ssm", "ssm2.py").is_file():
        sys.stderr.write(f"{__doc__}\n")
        return 2
    with tempfile.TemporaryDirectory(prefix="usance-ssm-") as directory:
        place = Place(Path(directory) / "grid-security")
        for name in ("host.example.org", "ams.example.org", "receiver.example.org"):
            place.issue(name)
        for number, queue in enumerate(queues):
            own = Path(directory) / str(number)
            own.mkdir()
            try:
                judge = SsmJudge(Path(checkout).resolve(), python, own, queue, place)
                judge.send()
                judge.receive(encrypted=False)
                judge.receive(encrypted=True)
            except Refused as error:
                _say(f"refused: {queue.name}: {error}")
                return 1
    return 0


class SsmJudge:
    """SSM's sender and receiver, and what they need."""

    def __init__(self, checkout: Path, python: str, directory: Path, queue: Path, place: Place) -> None:
        self.checkout = checkout
        self.python = python
        self.directory = directory
        self.queue = queue
        self.place = place
        self.bodies = [body.strip().decode() for body in _messages(queue)]
        if not self.bodies:
            raise Refused(f"there are no messages in {queue}")

    def send(self) -> None:
        """SSM's ssmsend empties the queue."""
        queue = self._copied()
        with self._ams() as (ams, host, token):
            configuration = self.directory / "sender.cfg"
            configuration.write_text(self._sender_cfg(host, token, queue))
            self._run("bin/sender.py", "-c", str(configuration))
            log = (self.directory / "ssmsend.log").read_text()
            if QueueSimple(str(queue)).count():
                raise Refused(f"ssmsend left messages in the queue:\n{log[-2000:]}")
            got = [opened(self.place, text).decode() for text in ams.texts(TOPIC)]
            if got != self.bodies:
                raise Refused("what ssmsend sent is not what was in the queue")
            how = "with a token for the host certificate" if ams.subjects else "with a configured token"
            _say(f"accepted: ssmsend of SSM sent {len(got)} messages of {self.queue.name} to AMS, {how}")

    def receive(self, *, encrypted: bool) -> None:
        """SSM's receiver takes what `usance publish` sends."""
        queue = self._copied()
        receiver = self.place.path / "receiver.example.org.pem"
        with self._serving("127.0.0.1", (0, 0)) as ams:
            settings = PublishSettings(
                hosts=(f"127.0.0.1:{ams.api_port}",),
                authn_port=ams.authn_port,
                certificate=self.place.path / "host.example.org.pem",
                key=self.place.path / "host.example.org.key",
                capath=self.place.capath,
                cafile=self.place.cafile,
                server_cert=receiver if encrypted else None,
                queues=(QueueSettings(queue, TOPIC),),
            )
            report = publish(settings)
            if report.exit_status:
                raise Refused(f"usance publish: {report}")
            ams.tokens.add("receiver")
            job = {
                "host": f"127.0.0.1:{ams.api_port}",
                "token": "receiver",
                "topic": TOPIC,
                "count": len(ams.names(TOPIC)),
                "certificate": str(receiver),
                "key": str(receiver.with_suffix(".key")),
                "capath": str(self.place.capath),
                "subject": SUBJECT,
                "queue": str(self.directory / f"received-{encrypted}"),
            }
            (self.directory / "job.json").write_text(json.dumps(job))
            found = json.loads(self._run(str(HERE / "ssm_receive.py"), str(self.directory / "job.json")))
        self._compare(found, ams.names(TOPIC))
        _say(
            f"accepted: SSM's receiver took {len(found['accepted'])} messages of {self.queue.name}"
            f" from usance publish, signed{' and encrypted' if encrypted else ''}"
        )

    def _compare(self, found: dict[str, list[dict[str, Any]]], names: list[str]) -> None:
        if found["rejected"]:
            raise Refused(f"SSM's receiver rejected {found['rejected'][0]['error']}")
        by_name = {one["empaid"]: one for one in found["accepted"]}
        if sorted(by_name) != sorted(names) or {one["signer"] for one in found["accepted"]} != {SUBJECT}:
            raise Refused(f"SSM's receiver has {sorted(by_name)} of {sorted(names)}")
        if [by_name[name]["body"] for name in names] != self.bodies:
            raise Refused("what SSM's receiver took is not what was in the queue")

    def _copied(self) -> Path:
        copy = self.directory / "outgoing"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.queue, copy)
        return copy

    @contextlib.contextmanager
    def _ams(self) -> Iterator[tuple[Ams, str, str]]:
        """Serve where SSM looks for AMS: with a certificate, ports 443 and 8443 only."""
        if _may_listen("127.0.0.2", 443) and _may_listen("127.0.0.2", 8443):
            with self._serving("127.0.0.2", (443, 8443)) as ams:
                yield ams, "127.0.0.2", ""
            return
        with self._serving("127.0.0.1", (0, 0)) as ams:
            ams.tokens.add("sender")
            yield ams, f"127.0.0.1:{ams.api_port}", "token: sender"

    @contextlib.contextmanager
    def _serving(self, host: str, ports: tuple[int, int]) -> Iterator[Ams]:
        certificate = self.place.path / "ams.example.org.pem"
        with serving(
            certificate, certificate.with_suffix(".key"), self.place.cafile, host=host, ports=ports
        ) as ams:
            yield ams

    def _sender_cfg(self, host: str, token: str, queue: Path) -> str:
        return f"""[sender]
protocol: AMS
[broker]
host: {host}
use_ssl: true
[certificates]
certificate: {self.place.path}/host.example.org.pem
key: {self.place.path}/host.example.org.key
capath: {self.place.capath}
[messaging]
ams_project: accounting
destination: {TOPIC}
{token}
path: {queue}
path_type: dirq
[logging]
logfile: {self.directory}/ssmsend.log
level: INFO
console: false
"""

    def _run(self, *command: str) -> str:
        done = subprocess.run(
            [self.python, *command],
            cwd=self.checkout,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(self.checkout),
                "PYTHONDONTWRITEBYTECODE": "1",
                "PYTHONWARNINGS": "ignore",
                "REQUESTS_CA_BUNDLE": str(self.place.cafile),
            },
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        if done.returncode:
            log = self.directory / "ssmsend.log"
            more = log.read_text()[-2000:] if log.exists() else ""
            raise Refused(f"{command[0]} ended with {done.returncode}: {done.stdout}{done.stderr}{more}")
        return done.stdout


def _messages(queue: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(queue.glob("????????/??????????????"))]


def _may_listen(host: str, port: int) -> bool:
    try:
        socket.create_server((host, port)).close()
    except OSError:
        return False
    return True


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
