"""A collector at a real cloud's bus: killed and started again while things happen, and its queue."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import pika

import plain_http
from client import wait_for
from configuration import TOPIC
from contents import READER
from lab.notifications import Notification, unwrap
from lab.site import CONFIGURATION
from loopback_api import KEY
from place import PASSWORD, Place
from serve_process import Serving, almanach_3
from usance.ledger.ledger import Ledger

QUEUE = f"{TOPIC}.info"
LIFE_S = (2.0, 12.0)  # how long a collector lives that is to be killed


class Span(NamedTuple):
    """A span as `/v2/spans` tells it."""

    start: datetime
    end: datetime | None
    values: dict[str, Any]  # what is accounted, with its state and its flavor or type
    start_exact: bool
    launched: bool


class Life(NamedTuple):
    """The spans of a resource in a project, in order."""

    spans: tuple[Span, ...]

    @property
    def begin(self) -> datetime:
        """When it began."""
        return self.spans[0].start

    @property
    def end(self) -> datetime | None:
        """When it ended; None: it goes on."""
        return self.spans[-1].end


def _spans(url: str, kind: str) -> Iterator[dict[str, Any]]:
    """Yield all spans of a kind, page by page."""
    asked: dict[str, str | int] = {"kind": kind, "limit": 7}
    while True:
        answer = plain_http.get(f"{url}/v2/spans", params=asked, headers={"X-Auth-Token": KEY}, timeout=120)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        yield from page["spans"]
        if page["next"] is None:
            return
        asked["cursor"] = page["next"]


def _span(told: dict[str, Any]) -> Span:
    return Span(
        datetime.fromisoformat(told["start"]),
        None if told["end"] is None else datetime.fromisoformat(told["end"]),
        told["accounted"] | {"state": told["state"], "flavor": told["flavor"]},
        told["start_exact"],
        told["launched"],
    )


@dataclass
class Collector:
    """A site that listens: its configuration, its ledger, and the process, if there is one."""

    place: Place
    directory: Path
    projects: tuple[str, ...]
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0

    def __post_init__(self) -> None:
        """Write the configuration, as the page on collecting has it."""
        self.directory.mkdir(parents=True, exist_ok=True)
        text = CONFIGURATION.format(
            directory=self.directory,
            project=", ".join(self.projects),
            voms=self.place.root / "voms.json",
            auth_url=self.place.url("keystone", "/v3"),
            account=READER,
            password=PASSWORD,
            extractor="nova, cinder, neutron",
            messengers="noop",
        )
        self.conf.write_text(
            f"{text}\n[collector]\ntransport_url = {self.place.transport}\n", encoding="utf-8"
        )

    @property
    def conf(self) -> Path:
        """The configuration file."""
        return self.directory / "usance.conf"

    def start(self) -> None:
        """Start it; what it says goes to a file."""
        assert self.process is None
        self.starts += 1
        with (self.directory / "collector.log").open("ab") as log:
            self.process = subprocess.Popen(
                [self._program, "collect", "--config-file", str(self.conf)],
                stdout=log,
                stderr=log,
                env=self._environment,
            )

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it, and wait until it has ended; SIGTERM lets it write what it has."""
        assert self.process is not None
        self.process.send_signal(number)
        status = self.process.wait(300)
        self.process = None
        # One that has just begun knows no signals yet; it has nothing either.
        assert status in (0, -signal.SIGKILL, -signal.SIGTERM), f"see {self.directory / 'collector.log'}"

    def take_stock(self) -> None:
        """Start it for the first time, wait until it has taken stock, and end it."""
        self.start()
        said = self.directory / "collector.log"
        wait_for("the collector to take stock", lambda: "took stock" in said.read_text())
        self.stop()

    def close(self) -> None:
        """End it, whatever happened: one that goes on would take the messages of the next."""
        if self.process is not None:
            self.stop(signal.SIGKILL)

    @contextmanager
    def killed_at_random(self, seed: int = 0) -> Iterator[None]:
        """Kill it again and again, each time after some seconds, and start it anew; in the end it runs."""
        chance, over = random.Random(seed), threading.Event()

        def haunt() -> None:
            while not over.wait(chance.uniform(*LIFE_S)):
                self.stop(signal.SIGKILL)
                self.start()

        self.start()
        haunting = threading.Thread(target=haunt)
        haunting.start()
        try:
            yield
        finally:
            over.set()
            haunting.join(400)

    def catch_up(self) -> None:
        """Wait until nothing is left in the queue, and all that was taken from it is written."""
        wait_for("the collector to empty its queue", lambda: waiting(self.place) == 0)
        self.stop()  # it writes what it has, and gives back what it could not write
        self.start()
        wait_for("the collector to empty its queue again", lambda: waiting(self.place) == 0)
        wait_for("the collector to say that it listens", self._says_that_it_listens)

    def reconcile(self, *arguments: str, status: int) -> dict[str, Any]:
        """Run `usance reconcile`, and return its report; it has to end with this status."""
        done = subprocess.run(
            [
                self._program,
                "reconcile",
                "--config-file",
                str(self.conf),
                "-o",
                "json",
                "--wait",
                "300",
                *arguments,
            ],
            capture_output=True,
            text=True,
            timeout=1200,
            check=False,
            env=self._environment,
        )
        assert done.returncode == status, f"{done.stdout}\n{done.stderr}"
        return dict(json.loads(done.stdout))

    def lives(self, kind: str) -> dict[tuple[str, str], Life]:
        """Return what `/v2/spans` tells of a kind, by project and id."""
        serving = Serving(self.directory / "api", almanach_3(self._ledger_url)).ready()
        try:
            told = list(_spans(serving.url, kind))
        finally:
            serving.stop()
        found: dict[tuple[str, str], list[Span]] = {}
        for span in told:
            found.setdefault((span["project_id"], span["id"]), []).append(_span(span))
        return {key: Life(tuple(sorted(spans, key=lambda one: one.start))) for key, spans in found.items()}

    def _says_that_it_listens(self) -> bool:
        """Tell whether each start, but those that were killed at once, is known as a stretch of listening."""
        with self._ledger() as ledger:
            clouds = {cloud_id for _, cloud_id in ledger.projects()}
            assert self.process is not None
            mine = f":{self.process.pid}:"
            return any(mine in one.collector for cloud in clouds for one in ledger.listening.stretches(cloud))

    def _ledger(self) -> Ledger:
        return Ledger.open(self._ledger_url)

    @property
    def _ledger_url(self) -> str:
        return f"sqlite:///{self.directory}/spool/usance.sqlite"

    @property
    def _program(self) -> str:
        return str(Path(sys.executable).with_name("usance"))

    @property
    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("OS_")}
        return kept | {"HOME": str(self.directory)}


def waiting(place: Place) -> int:
    """Return how many messages wait for a collector; 0 if no service has sent one yet."""
    with pika.BlockingConnection(pika.URLParameters(place.amqp_url)) as connection:
        try:
            return connection.channel().queue_declare(QUEUE, passive=True).method.message_count
        except pika.exceptions.ChannelClosedByBroker:
            return 0


def throw_away(place: Place) -> tuple[Notification, ...]:
    """Empty the queue, as a careless administrator does; return what is lost."""
    lost = []
    with pika.BlockingConnection(pika.URLParameters(place.amqp_url)) as connection:
        channel = connection.channel()
        try:
            while (got := channel.basic_get(QUEUE, auto_ack=True))[0] is not None:
                lost.append(unwrap(got[2]))
        except pika.exceptions.ChannelClosedByBroker:
            pass  # there is no queue yet
    return tuple(lost)
