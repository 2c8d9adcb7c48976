"""Notifications as Nova, Cinder and others put them on the bus, and a process that collects them."""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pika

from service.rabbitmq import RabbitMq, free_ports
from usance.collector.delivery import Delivery
from usance.collector.table import EVENTS
from usance.collector.understanding import Understanding
from usance.ledger.ledger import Ledger
from usance.ledger.values import Heard
from usance.model.period import Period
from usance.model.span import Timeline

PROJECT = "0be9215b503b43279ae585d50a33aed8"
CLOUD = "default"
FLAVORS = {"m1.small": (1, 2048, 20), "m1.medium": (2, 4096, 40), "m1.large": (4, 8192, 80)}
PERIOD = Period(datetime(1970, 1, 1, tzinfo=UTC), datetime(2101, 1, 1, tzinfo=UTC))
CRASH = Path(__file__).parent / "service" / "extraction" / "crash.py"
PATIENCE_S = 180


def message(event_type: str, payload: Any, when: str | None, *, request: str = "req-1") -> dict[str, Any]:
    """Return a notification, with a secret in its context as services have it there."""
    return {
        "_context_request_id": request,
        "_context_project_id": PROJECT,
        "_context_auth_token": "gAAAA-secret",
        "event_type": event_type,
        "publisher_id": "compute.node1",
        "message_id": f"{event_type}-{request}-{when}",
        "priority": "INFO",
        "payload": payload,
        "timestamp": when,
    }


def in_envelope(notification: dict[str, Any]) -> bytes:
    return json.dumps({"oslo.version": "2.0", "oslo.message": json.dumps(notification)}).encode()


class Server:
    """A server, by the messages that Nova sends of it. Times are texts: "2026-10-01 10:00:00.5"."""

    def __init__(self, server_id: str, created: str, flavor: str = "m1.small") -> None:
        self.id = server_id
        self.created_at = created
        self.flavor = flavor

    def payload(self, **more: Any) -> dict[str, Any]:
        vcpus, ram, disk = FLAVORS[self.flavor]
        return {
            "instance_id": self.id,
            "tenant_id": PROJECT,
            "user_id": "user-1",
            "display_name": self.id,
            "hostname": self.id,
            "instance_type": self.flavor,
            "vcpus": vcpus,
            "memory_mb": ram,
            "root_gb": disk,
            "disk_gb": disk,
            "ephemeral_gb": 0,
            "host": "node1",
            "availability_zone": "nova",
            "created_at": self.created_at,
            "launched_at": self.created_at,
            "terminated_at": "",
            "deleted_at": "",
            "state": "active",
            "state_description": "",
            "image_meta": {"base_image_ref": "image-1"},
            "metadata": {},
        } | more

    def event(self, kind: str, when: str | None, **more: Any) -> bytes:
        notification = message(
            f"compute.instance.{kind}", self.payload(**more), when, request=f"req-{kind}-{self.id}-{when}"
        )
        return in_envelope(notification)

    def create(self, when: str | None = None, **more: Any) -> bytes:
        return self.event("create.end", when or self.created_at, **more)

    def resize(self, when: str, flavor: str) -> bytes:
        """Return the message at which Nova says that the server runs on its new flavor."""
        self.flavor = flavor
        return self.event("finish_resize.end", when)

    def delete(self, when: str, **more: Any) -> bytes:
        return self.event("delete.end", when, **({"state": "deleted", "terminated_at": when} | more))


class Volume:
    """A volume, by the messages that Cinder sends of it."""

    def __init__(self, volume_id: str, created: str) -> None:
        self.id = volume_id
        self.created_at = created

    def event(self, kind: str, when: str | None, *, attached: Sequence[str] = (), **more: Any) -> bytes:
        payload = {
            "volume_id": self.id,
            "tenant_id": PROJECT,
            "user_id": "user-1",
            "display_name": self.id,
            "volume_type": "type-1",
            "size": 10,
            "status": "in-use" if attached else "available",
            "created_at": self.created_at,
            "launched_at": self.created_at,
            "volume_attachment": [{"instance_uuid": one} for one in attached],
        } | more
        return in_envelope(message(f"volume.{kind}", payload, when, request=f"req-{kind}-{self.id}-{when}"))


def history(servers: int, seed: int) -> list[bytes]:
    """Return the messages of the lives of some servers, in the order in which they happened.

    Each is created, resized some times, stopped and started, and two in three are deleted.
    """
    source = random.Random(seed)
    found: list[tuple[datetime, bytes]] = []
    for number in range(servers):
        now = datetime(2026, 10, 1, tzinfo=UTC) + timedelta(seconds=source.randrange(86_400))
        server = Server(f"server-{number:05}", text(now))
        found.append((now, server.create(text(now + timedelta(seconds=8)))))
        for _ in range(source.randrange(3, 7)):
            now += timedelta(seconds=source.randrange(60, 86_400), microseconds=source.randrange(1_000_000))
            kind = source.choice(("resize", "power_off", "power_on", "suspend", "resume"))
            if kind == "resize":
                found.append((now, server.resize(text(now), source.choice(sorted(FLAVORS)))))
            else:
                state = {"power_off": "stopped", "suspend": "suspended"}.get(kind, "active")
                found.append((now, server.event(f"{kind}.end", text(now), state=state)))
        if source.random() < 2 / 3:
            now += timedelta(seconds=source.randrange(60, 86_400))
            found.append((now, server.delete(text(now))))
    return [body for _, body in sorted(found)]


def text(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S.%f}"


def until(condition: Callable[[], Any], *, patience_s: float = PATIENCE_S, what: str = "") -> Any:
    """Wait until something is so, and return it."""
    end = time.monotonic() + patience_s
    while not (found := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"after {patience_s} s it is not so yet: {what or condition}")
        time.sleep(0.05)
    return found


class Bus:
    """A topic on a broker, to which services send; the queue is as an oslo.messaging notifier makes it."""

    def __init__(self, broker: RabbitMq, topic: str, virtual_host: str = "/") -> None:
        self.broker = broker
        self.topic = topic
        self.virtual_host = virtual_host
        self.queue = f"{topic}.info"

    def declare(
        self,
        *,
        durable: bool = True,
        arguments: dict[str, Any] | None = None,
        exchange: str = "nova",
        kind: str = "topic",
    ) -> None:
        with closing(self.broker.connect(self.virtual_host)) as connection:
            # Tests that share a broker may have made it, durable or not: it is used as it is.
            try:
                connection.channel().exchange_declare(exchange, passive=True)
            except pika.exceptions.ChannelClosedByBroker:
                connection.channel().exchange_declare(exchange, kind, durable=durable)
            channel = connection.channel()
            channel.queue_declare(self.queue, durable=durable, arguments=arguments)
            channel.queue_bind(self.queue, exchange, self.queue)

    def delete(self) -> None:
        connection = self.broker.connect(self.virtual_host)
        connection.channel().queue_delete(self.queue)
        connection.close()

    def make_exchange(self, exchange: str, kind: str = "topic") -> None:
        with closing(self.broker.connect(self.virtual_host)) as connection:
            connection.channel().exchange_declare(exchange, kind)

    def send(self, bodies: Iterable[bytes], *, exchange: str = "", key: str | None = None) -> None:
        """Send messages, durable as oslo.messaging sends them; return when the broker has them."""
        connection = self.broker.connect(self.virtual_host)
        channel = connection.channel()
        channel.confirm_delivery()
        properties = pika.BasicProperties(delivery_mode=2, content_type="application/json")
        for body in bodies:
            channel.basic_publish(exchange, key or self.queue, body, properties, mandatory=True)
        connection.close()

    def depth(self) -> int:
        """Return how many messages nobody has taken yet."""
        connection = self.broker.connect(self.virtual_host)
        try:
            declared = connection.channel().queue_declare(self.queue, passive=True)
            return int(declared.method.message_count)
        finally:
            connection.close()


def configuration(ledger_url: str, transport_url: str, topic: str, *lines: str) -> str:
    return "\n".join(
        [
            "[usance]",
            f"ledger_url = {ledger_url}",
            "[collector]",
            f"transport_url = {transport_url}",
            f"topics = {topic}",
            "batch_ms = 50",
            "take_stock = false",
            *lines,
        ]
    )


class Collecting:
    """A collector in a process of its own."""

    def __init__(self, path: Path, text: str, *, crash: Sequence[str] = (), **environ: str) -> None:
        path.mkdir(parents=True, exist_ok=True)
        (self.port,) = free_ports(1)
        conf = path / "usance.conf"
        conf.write_text(text)
        self.log = path / f"log-{self.port}"
        command = ["usance.cli.main:main"]
        start = (
            [sys.executable, str(CRASH), *crash, "--", *command]
            if crash
            else [str(Path(sys.executable).with_name("usance"))]
        )
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*start, "collect", "--config-file", str(conf), "--listen", f"127.0.0.1:{self.port}"],
                stdout=log,
                stderr=log,
                env={"HOME": str(path), "PATH": os.environ["PATH"], **environ},
            )

    def get(self, path: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except OSError:
            return 0, ""
        finally:
            connection.close()

    def is_ready(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(self.said())
        return self.get("/ready")[0] == 200

    def ready(self) -> Collecting:
        until(self.is_ready, what="the collector is ready")
        return self

    def metric(self, name: str) -> float:
        """Return a metric, summed over its labels."""
        lines = self.get("/metrics")[1].splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.split("{")[0] == name)

    def acknowledged(self, count: float) -> None:
        """Wait until so many messages were written and acknowledged."""
        until(
            lambda: self.metric("usance_collector_messages_acknowledged_total") >= count,
            what=f"{count} messages are acknowledged",
        )

    def peak_mib(self) -> float:
        """Return the most memory that it has had (proc(5), status)."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM:")).split()[1]) / 1024

    def said(self) -> str:
        return self.log.read_text()

    def stop(self) -> int:
        """Tell it to end in good order; return its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait(PATIENCE_S)


def timelines(
    ledger: Ledger, kind: str = "server", project_id: str = PROJECT, cloud_id: str = CLOUD
) -> list[Timeline]:
    return [one.timeline for one in ledger.timelines(project_id, cloud_id, kind, touching=PERIOD)]


def spans(timeline: Timeline) -> list[str]:
    """Return the spans of a timeline as lines of text: from, to, flavor, state."""
    return [
        f"{one.start:%m-%d %H:%M:%S} {one.end.strftime('%m-%d %H:%M:%S') if one.end else '...'} "
        f"{one.values.get('flavor')} {one.values.get('state')}"
        for one in timeline.spans
    ]


def lives(url: str, cloud_id: str = CLOUD) -> dict[str, tuple[Any, ...]]:
    """Return what a ledger says of each server: all that can be asked of it."""
    with Ledger.open(url) as ledger:
        return {
            one.resource.id: (one.begin, one.end, one.spans, one.doubts, one.anomalies)
            for one in timelines(ledger, cloud_id=cloud_id)
        }


def undisturbed(url: str, bodies: Iterable[bytes]) -> dict[str, tuple[Any, ...]]:
    """Return what a ledger says that is given the messages in their order, each once, without a broker."""
    understanding = Understanding(CLOUD, EVENTS, largest=1 << 20, kept=1 << 16)
    read = [understanding.of(delivered(body), datetime.now(UTC)) for body in bodies]
    said = tuple(one for understood in read for one in understood.reading.observations)
    with Ledger.open(url) as ledger:
        ledger.hear(Heard(said))
    return lives(url)


def delivered(body: bytes) -> Delivery:
    return Delivery(1, "almanach.info", body, len(body), "", is_repeated=False)
