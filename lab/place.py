"""Where a lab lives: its directories, its ports and its environment."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
PASSWORD = "lab"
REGION = "RegionOne"

PORT_OFFSETS = {
    "memcached": 211,
    "glance": 292,
    "mariadb": 306,
    "epmd": 369,
    "keystone": 500,
    "rabbitmq": 672,
    "rabbitmq-cluster": 673,
    "neutron": 696,
    "nova": 774,
    "nova-soft": 775,
    "cinder": 776,
    "placement": 778,
}


@dataclass(frozen=True)
class Place:
    """One lab on this machine. Two of them run side by side when both variables differ."""

    root: Path
    port_base: int

    @classmethod
    def from_environment(cls) -> Place:
        """Read USANCE_LAB_DIR and USANCE_LAB_PORT_BASE."""
        root = os.environ.get("USANCE_LAB_DIR") or "~/.cache/usance-lab"
        return cls(
            root=Path(root).expanduser().resolve(),
            port_base=int(os.environ.get("USANCE_LAB_PORT_BASE", "27000")),
        )

    def port(self, service: str) -> int:
        """Return the loopback port that a service listens on."""
        return self.port_base + PORT_OFFSETS[service]

    def url(self, service: str, path: str = "") -> str:
        """Return the address of a service."""
        return f"http://127.0.0.1:{self.port(service)}{path}"

    @property
    def virtualenv(self) -> Path:
        """The virtual environment with OpenStack in it."""
        return self.root / "venv"

    @property
    def etc(self) -> Path:
        """The configuration files; written anew at each start."""
        return self.root / "etc"

    @property
    def log(self) -> Path:
        """One file for each process, and one for each step of the set-up."""
        return self.root / "log"

    @property
    def run(self) -> Path:
        """Process ids and sockets."""
        return self.root / "run"

    @property
    def state(self) -> Path:
        """What the services keep: databases, queues, keys, images. `reset` throws it away."""
        return self.root / "state"

    @property
    def snapshot(self) -> Path:
        """The state as it was after the databases were set up, to begin again from."""
        return self.root / "snapshot"

    def program(self, name: str) -> str:
        """Return the path of a program of the virtual environment."""
        return str(self.virtualenv / "bin" / name)

    def database(self, name: str) -> str:
        """Return the URL of a database."""
        address = f"127.0.0.1:{self.port('mariadb')}"
        return f"mysql+pymysql://lab:{PASSWORD}@{address}/{name}?charset=utf8"

    @property
    def transport(self) -> str:
        """The URL of the message queue, as oslo.messaging wants it."""
        return f"rabbit://lab:{PASSWORD}@127.0.0.1:{self.port('rabbitmq')}/"

    @property
    def amqp_url(self) -> str:
        """The URL of the message queue, as other clients want it: the virtual host is `/`."""
        return f"amqp://lab:{PASSWORD}@127.0.0.1:{self.port('rabbitmq')}/%2F"

    def environment(self) -> dict[str, str]:
        """Return the environment of the lab's processes: ours, without what would lead them astray."""
        misleading = ("OS_", "RABBITMQ_", "ERL_", "LC_")
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(misleading)
            and name not in {"PYTHONPATH", "PYTHONHOME"}
            and not name.lower().endswith("_proxy")
        }
        return kept | {
            "LANG": "C.UTF-8",
            "PATH": f"{self.virtualenv / 'bin'}:{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin",
            "PYTHONPATH": str(HERE / "fakes"),  # neutron finds its mechanism driver by an entry point
            "PYTHONUNBUFFERED": "1",
            "PYTHONWARNINGS": "ignore",
        }

    def client_environment(self, user: str = "admin", project: str = "admin") -> dict[str, str]:
        """Return the OS_* variables with which a client speaks to this cloud."""
        return {
            "OS_AUTH_TYPE": "password",
            "OS_AUTH_URL": self.url("keystone", "/v3"),
            "OS_USERNAME": user,
            "OS_PASSWORD": PASSWORD,
            "OS_PROJECT_NAME": project,
            "OS_USER_DOMAIN_NAME": "Default",
            "OS_PROJECT_DOMAIN_NAME": "Default",
            "OS_REGION_NAME": REGION,
            "OS_IDENTITY_API_VERSION": "3",
            "OS_INTERFACE": "public",
        }
