"""A real PostgreSQL server for tests: its own directory, its own port on loopback."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import uuid
from pathlib import Path

import psycopg
from sqlalchemy import make_url

HOW_TO_GET_IT = "PostgreSQL is not installed here; get it with: apt-get install postgresql"


def find_binaries() -> Path | None:
    """Return the directory of the newest PostgreSQL server programs; None if there are none."""
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).resolve().parent
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    return found[-1].parent if found else None


class PostgresServer:
    """A server that is started with the first test that needs it, and stopped with the last."""

    def __init__(self, binaries: Path) -> None:
        self._binaries = binaries
        self._home = Path(tempfile.mkdtemp(prefix="usance-postgres-"))
        self._as_user: dict[str, object] = {}
        if os.getuid() == 0:  # PostgreSQL refuses to run as root
            user = _unprivileged_user()
            os.chown(self._home, user.pw_uid, user.pw_gid)
            self._as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        self.port = _free_port()
        self.url = f"postgresql://usance@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Make the cluster and start the server; return when it answers."""
        data = str(self._home / "data")
        self._run("initdb", "--pgdata", data, "--username", "usance", "--auth", "trust", "--no-sync")
        settings = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "fsync": "off",  # the machine may fail, the tests then fail with it
            "max_wal_size": "256MB",
            "max_connections": 50,
        }
        options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
        (self._home / "options").write_text(options)
        self.start_again()

    def end(self) -> None:
        """Let the server fall over, as a power cut does; its data stay."""
        self._run("pg_ctl", "stop", "--wait", "--mode", "immediate", "--pgdata", str(self._home / "data"))

    def start_again(self) -> None:
        """Start the server on its data, after :meth:`end`."""
        data, log = str(self._home / "data"), str(self._home / "log")
        options = (self._home / "options").read_text()
        self._run("pg_ctl", "start", "--wait", "--pgdata", data, "--log", log, "--options", options)

    def stop(self) -> None:
        """Stop the server, by its pid file, and remove its directory."""
        self._run("pg_ctl", "stop", "--wait", "--mode", "immediate", "--pgdata", str(self._home / "data"))
        shutil.rmtree(self._home)

    def _run(self, program: str, *arguments: str) -> None:
        with (self._home / "trouble").open("ab") as trouble:
            done = subprocess.run(
                [str(self._binaries / program), *arguments],
                check=False,
                timeout=120,
                cwd=self._home,
                env={"LC_ALL": "C.UTF-8", "PATH": os.environ.get("PATH", "")},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,  # a pipe would stay open as long as the server runs
                stderr=trouble,
                **self._as_user,
            )
        if done.returncode:
            raise RuntimeError(f"{program} failed: {(self._home / 'trouble').read_text()}")


def new_database(server_url: str, *, template: str | None = None) -> str:
    """Make a database on a server, empty or like the one at another URL, and return its URL."""
    name = f"usance_{uuid.uuid4().hex}"
    like = "" if template is None else f' TEMPLATE "{make_url(template).database}"'
    _administer(server_url, f'CREATE DATABASE "{name}"{like}')
    return make_url(server_url).set(database=name).render_as_string(hide_password=False)


def drop_database(url: str) -> None:
    """Remove a database that `new_database` made."""
    parsed = make_url(url)
    _administer(
        parsed.set(database="postgres").render_as_string(hide_password=False),
        f'DROP DATABASE IF EXISTS "{parsed.database}" WITH (FORCE)',
    )


def _administer(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


def _unprivileged_user() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("there is neither a user 'postgres' nor a user 'nobody' to run PostgreSQL as")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
