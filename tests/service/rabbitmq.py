"""A real RabbitMQ that speaks AMQP and STOMP, for tests: its own node, directories and ports on loopback."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pika

from certificates import Place

PROGRAMS = Path("/usr/lib/rabbitmq/bin")  # /usr/sbin/rabbitmq-server wants its system user
HOW_TO_GET_IT = "RabbitMQ is not installed here; get it with: apt-get install rabbitmq-server"
USER, PASSWORD = "usance", "loopback"
_START_S = 120


def is_installed() -> bool:
    """Say whether there is a RabbitMQ to start."""
    return (PROGRAMS / "rabbitmq-server").exists() and shutil.which("epmd") is not None


@contextlib.contextmanager
def running_rabbitmq(place: Place, name: str = "localhost") -> Iterator[RabbitMq]:
    """Start a broker with the certificate of a name, and stop it in the end."""
    server = RabbitMq(place.path / f"{name}.pem", place.path / f"{name}.key", place.cafile)
    server.start()
    try:
        yield server
    finally:
        server.stop()


class RabbitMq:
    """A broker that is started once, and stopped by the ids of its processes."""

    def __init__(self, certificate: Path, key: Path, cafile: Path) -> None:
        self._home = Path(tempfile.mkdtemp(prefix="usance-rabbitmq-"))
        ports = free_ports(6)
        self._epmd_port, cluster, self.amqp_port, self.amqps_port, self.stomp_port, self.stomps_port = ports
        (self._home / "plugins").write_text("[rabbitmq_stomp].\n")
        (self._home / "rabbitmq.conf").write_text(
            f"""
            default_user = {USER}
            default_pass = {PASSWORD}
            loopback_users = none
            log.console = true
            log.file = false
            listeners.ssl.1 = 127.0.0.1:{self.amqps_port}
            stomp.listeners.tcp.1 = 127.0.0.1:{self.stomp_port}
            stomp.listeners.ssl.1 = 127.0.0.1:{self.stomps_port}
            ssl_options.cacertfile = {cafile}
            ssl_options.certfile = {certificate}
            ssl_options.keyfile = {key}
            ssl_options.verify = verify_peer
            ssl_options.fail_if_no_peer_cert = true
            """
        )
        (self._home / "environment").touch()
        self._environment = {
            "PATH": f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin",
            "LANG": "C.UTF-8",
            "HOME": str(self._home),  # the cookie lies there
            "RABBITMQ_NODENAME": f"usance{self.amqp_port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.amqp_port),
            "RABBITMQ_DIST_PORT": str(cluster),
            "RABBITMQ_BASE": str(self._home),
            "RABBITMQ_MNESIA_BASE": str(self._home / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self._home / "log"),
            "RABBITMQ_CONF_ENV_FILE": str(self._home / "environment"),
            "RABBITMQ_CONFIG_FILE": str(self._home / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self._home / "plugins"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
                "+S 2:2 +sbwt none -kernel inet_dist_use_interface {127,0,0,1}"
            ),
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }
        self._processes: list[subprocess.Popen[bytes]] = []

    def url(self, virtual_host: str = "", *, scheme: str = "rabbit", port: int | None = None) -> str:
        """Return the address, as oslo.messaging writes it."""
        return f"{scheme}://{USER}:{PASSWORD}@localhost:{port or self.amqp_port}/{virtual_host}"

    def start(self) -> None:
        """Start the port mapper and the broker; return when it lets us in."""
        self._run(["epmd", "-port", str(self._epmd_port), "-address", "127.0.0.1"])
        self.start_broker()

    def _run(self, command: list[str]) -> None:
        with (self._home / "output").open("ab") as output:
            self._processes.append(
                subprocess.Popen(
                    command,
                    env=self._environment,
                    cwd=self._home,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
            )

    def start_broker(self) -> None:
        """Start the broker, for the first time or after :meth:`kill`; return when it lets us in."""
        self._run([str(PROGRAMS / "rabbitmq-server")])
        until = time.monotonic() + _START_S
        while not self._lets_us_in():
            if time.monotonic() > until or self._processes[-1].poll() is not None:
                output = (self._home / "output").read_text(errors="replace")
                self.stop()
                raise RuntimeError(f"RabbitMQ did not start: {output[-3000:]}")
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._processes[-1].wait(0.2)

    def kill(self) -> None:
        """End the broker as a power cut does."""
        broker = self._processes.pop()
        os.killpg(broker.pid, signal.SIGKILL)
        broker.wait(30)

    def control(self, *arguments: str) -> None:
        """Run rabbitmqctl."""
        subprocess.run(
            [str(PROGRAMS / "rabbitmqctl"), "--quiet", *arguments],
            env=self._environment,
            cwd=self._home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
            timeout=60,
        )

    def add_virtual_host(self, name: str) -> None:
        """Make a virtual host that our user may use."""
        self.control("add_vhost", name)
        self.control("set_permissions", "--vhost", name, USER, ".*", ".*", ".*")

    def _lets_us_in(self) -> bool:
        for port in (self.amqp_port, self.amqps_port, self.stomp_port, self.stomps_port):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
            except OSError:
                return False
        try:
            self.connect().close()
        except pika.exceptions.AMQPError:
            return False
        return True

    def connect(self, virtual_host: str = "/") -> pika.BlockingConnection:
        """Open a connection."""
        return pika.BlockingConnection(
            pika.ConnectionParameters(
                "127.0.0.1",
                self.amqp_port,
                virtual_host,
                credentials=pika.PlainCredentials(USER, PASSWORD),
            )
        )

    def taken(self, queue: str) -> Iterator[tuple[dict[str, str], bytes]]:
        """Take what is in a queue: the headers and the body of each message."""
        connection = self.connect()
        try:
            channel = connection.channel()
            channel.queue_declare(queue, durable=True)
            while (found := channel.basic_get(queue, auto_ack=True))[0] is not None:
                yield found[1].headers or {}, found[2]
        finally:
            connection.close()

    def stop(self) -> None:
        """Stop what was started, and remove its directory."""
        for process in reversed(self._processes):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(30)
        self._processes.clear()
        shutil.rmtree(self._home, ignore_errors=True)


def free_ports(count: int) -> list[int]:
    """Return ports below those that the system gives to connections: one of these may be taken meanwhile."""
    probes: list[socket.socket] = []
    try:
        while len(probes) < count:
            probe = socket.socket()
            try:
                probe.bind(("127.0.0.1", secrets.choice(range(12000, 32000))))
            except OSError:
                probe.close()
            else:
                probes.append(probe)
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()
