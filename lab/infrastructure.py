"""What OpenStack stands on: MariaDB, RabbitMQ with its own epmd, memcached."""

from __future__ import annotations

import os
import shutil
import subprocess

from place import PASSWORD, Place
from processes import call, listens, running, start, wait_until

DATABASES = ("keystone", "placement", "nova_api", "nova", "nova_cell0", "glance", "neutron", "cinder")
RABBITMQ = "/usr/lib/rabbitmq/bin"  # the programs themselves: /usr/sbin/rabbitmq-server wants its system user


def mysql_command(place: Place) -> list[str]:
    """Return the client, as the database's administrator."""
    return ["mariadb", "--no-defaults", "-u", "root", "-S", str(place.run / "mariadb.sock")]


def query(place: Place, statement: str) -> str:
    """Run SQL and return what comes out, without headings."""
    return subprocess.run(
        [*mysql_command(place), "-N"], input=statement, stdout=subprocess.PIPE, text=True, check=True
    ).stdout


def start_mariadb(place: Place) -> None:
    """Start the database; it is made on first use. Nothing in it has to survive a power cut."""
    data = place.state / "mariadb"
    user = ["--user=root"] if os.geteuid() == 0 else []
    hasty = ["--innodb-flush-log-at-trx-commit=0"]
    if not (data / "mysql").is_dir():
        data.mkdir(parents=True, exist_ok=True)
        install = ["mariadb-install-db", "--no-defaults", f"--datadir={data}", "--skip-test-db"]
        install.append("--auth-root-authentication-method=normal")
        call(place, [*install, *hasty, *user], log="setup-mariadb")
    temporary = place.run / "mariadb-tmp"  # its own: a server that starts empties a shared one, for all
    temporary.mkdir(exist_ok=True)
    options = [
        f"--datadir={data}",
        f"--socket={place.run / 'mariadb.sock'}",
        f"--pid-file={place.run / 'mariadb.own-pid'}",
        f"--tmpdir={temporary}",
        f"--port={place.port('mariadb')}",
        "--bind-address=127.0.0.1",
        "--skip-name-resolve",
        "--skip-log-bin",
        "--max-connections=500",
        "--skip-innodb-doublewrite",
        "--innodb-flush-method=nosync",
        "--innodb-buffer-pool-size=256M",
        "--innodb-log-file-size=48M",
        "--character-set-server=utf8mb3",
        "--collation-server=utf8mb3_general_ci",
        "--performance-schema=OFF",
    ]
    start(place, "mariadb", ["mariadbd", "--no-defaults", *options, *hasty, *user])

    def ready() -> bool:
        ping = [*mysql_command(place), "-e", "select 1"]
        return subprocess.call(ping, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0

    wait_until(place, "mariadb", ready)
    statements = [
        f"CREATE USER IF NOT EXISTS 'lab'@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';",
        "GRANT ALL ON *.* TO 'lab'@'127.0.0.1';",
        *(f"CREATE DATABASE IF NOT EXISTS {name};" for name in DATABASES),
    ]
    query(place, "\n".join(statements))


def rabbitmq_environment(place: Place) -> dict[str, str]:
    """Return what makes a RabbitMQ of our own: name, ports, cookie, directories, epmd."""
    home = place.state / "rabbitmq"
    etc = place.etc / "rabbitmq"
    home.mkdir(parents=True, exist_ok=True)
    return {
        "HOME": str(home),  # the cookie lies there
        "RABBITMQ_NODENAME": f"usance{place.port_base}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(place.port("rabbitmq")),
        "RABBITMQ_DIST_PORT": str(place.port("rabbitmq-cluster")),
        "RABBITMQ_BASE": str(home),
        "RABBITMQ_MNESIA_BASE": str(home / "mnesia"),
        "RABBITMQ_LOG_BASE": str(home / "log"),
        "RABBITMQ_PID_FILE": str(home / "rabbitmq.pid"),
        "RABBITMQ_CONF_ENV_FILE": str(etc / "environment"),
        "RABBITMQ_CONFIG_FILE": str(etc / "rabbitmq.conf"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(etc / "enabled_plugins"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
            "+S 2:2 +sbwt none -kernel inet_dist_use_interface {127,0,0,1}"
        ),
        "ERL_EPMD_PORT": str(place.port("epmd")),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
    }


def start_rabbitmq(place: Place) -> None:
    """Start the message queue and its port mapper. `rabbitmq_ready` tells when it can be used."""
    environment = rabbitmq_environment(place)
    epmd = ["epmd", "-port", str(place.port("epmd")), "-address", "127.0.0.1"]
    start(place, "epmd", epmd, environment)
    wait_until(place, "epmd", lambda: listens(place.port("epmd")))
    start(place, "rabbitmq", [f"{RABBITMQ}/rabbitmq-server"], environment)


def wait_for_rabbitmq(place: Place) -> None:
    """Wait until the queue lets our user in: it listens a little earlier than that."""
    script = "import sys, amqp; amqp.Connection(sys.argv[1], 'lab', 'lab').connect()"
    command = [place.program("python"), "-c", script, f"127.0.0.1:{place.port('rabbitmq')}"]

    def ready() -> bool:
        quiet = subprocess.DEVNULL
        return subprocess.call(command, env=place.environment(), stdout=quiet, stderr=quiet) == 0

    wait_until(place, "rabbitmq", lambda: listens(place.port("rabbitmq")))
    wait_until(place, "rabbitmq", ready)


def stop_rabbitmq(place: Place) -> None:
    """Let the queue end by itself, so that it closes its files."""
    if running(place, "rabbitmq"):
        subprocess.call(
            [f"{RABBITMQ}/rabbitmqctl", "-q", "stop", str(place.state / "rabbitmq/rabbitmq.pid")],
            env=place.environment() | rabbitmq_environment(place),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


def start_memcached(place: Place) -> None:
    """Start the cache of tokens."""
    user = ["-u", "root"] if os.geteuid() == 0 else []
    address = ["-l", "127.0.0.1", "-p", str(place.port("memcached")), "-U", "0"]
    start(place, "memcached", [shutil.which("memcached") or "memcached", *address, "-m", "64", *user])
    wait_until(place, "memcached", lambda: listens(place.port("memcached")))
