"""A real Gnocchi for tests: its own environment, database, directory and port on loopback."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import httpx2
from sqlalchemy import make_url

from usance.demo.setup import auth_url
from usance.demo.site import PASSWORD

HOW_TO_GET_IT = "Gnocchi is not installed here; get it with: tests/install-servers"
_HERE = Path(__file__).parent


def find_environment() -> Path | None:
    """Return the virtual environment that `tests/install-servers` made; None if it did not."""
    named = os.environ.get("USANCE_GNOCCHI_DIR") or "~/.cache/usance-gnocchi"
    place = Path(named).expanduser()
    return place if (place / "installed").exists() else None


class GnocchiServer:
    """Gnocchi's API, which knows people by the Keystone of a simulated cloud."""

    def __init__(self, environment: Path, database_url: str, cloud_url: str) -> None:
        self._bin = environment / "bin"
        self._home = Path(tempfile.mkdtemp(prefix="usance-gnocchi-"))
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        database = make_url(database_url).set(drivername="postgresql")
        # Where Gnocchi's middleware for Keystone looks for it: it knows nothing of --config-file.
        self._conf = self._home / ".gnocchi" / "gnocchi.conf"
        self._conf.parent.mkdir()
        self._conf.write_text(
            f"[DEFAULT]\nlog_file = {self._home}/log\n"
            "[api]\nauth_mode = keystone\nmax_limit = 7\n"  # so that everything has pages
            f"[indexer]\nurl = {database.render_as_string(hide_password=False)}\n"
            f"[storage]\ndriver = file\nfile_basepath = {self._home}/data\n"
            "[keystone_authtoken]\nauth_type = password\n"
            f"auth_url = {auth_url(cloud_url)}\nwww_authenticate_uri = {auth_url(cloud_url)}\n"
            f"username = admin\npassword = {PASSWORD}\nproject_name = project0\n"
            "user_domain_name = Default\nproject_domain_name = Default\ninterface = public\n"
            "service_token_roles_required = true\n"
        )

    def start(self) -> None:
        """Make the schema and start the server; return when it answers."""
        options = ["--config-file", str(self._conf)]
        variables = {**os.environ, "HOME": str(self._home)}
        with (self._home / "output").open("wb") as output:
            subprocess.run(
                [self._bin / "gnocchi-upgrade", *options, "--sacks-number", "4"],
                check=True,
                timeout=120,
                env=variables,
                stdout=output,
                stderr=output,
            )
            self._process = subprocess.Popen(
                [self._bin / "python", _HERE / "gnocchi_process.py", str(self.port), *options],
                env=variables,
                stdout=output,
                stderr=output,
            )
        deadline = time.monotonic() + 60
        while not self._answers():
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.05)
            if self._process.returncode is not None or time.monotonic() > deadline:
                raise RuntimeError(f"Gnocchi did not start: {(self._home / 'output').read_text()[-4000:]}")

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return True
        except OSError:
            return False

    def stop(self) -> None:
        """Stop the server and remove its directory."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)
        shutil.rmtree(self._home)


def token(cloud_url: str, user: str = "admin", project: str = "project0") -> str:
    """Return a token of a user of the simulated cloud."""
    domain = {"name": "Default"}
    who = {"password": {"user": {"name": user, "password": PASSWORD, "domain": domain}}}
    auth = {
        "identity": {"methods": ["password"], **who},
        "scope": {"project": {"name": project, "domain": domain}},
    }
    answer = httpx2.post(f"{auth_url(cloud_url)}/auth/tokens", json={"auth": auth})
    answer.raise_for_status()
    return answer.headers["x-subject-token"]
