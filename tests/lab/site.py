"""A site as cASO's 3.x documentation describes it, and what its queue holds."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

from client import Cloud, wait_for
from contents import READER
from place import PASSWORD, Place
from usance.ledger.ledger import Ledger
from usance.model.resource import SERVER, STATE, VCPUS
from usance.model.span import LIFE, Timeline

LAB = Path(__file__).resolve().parents[2] / "lab"
NEAR_MIDNIGHT = timedelta(minutes=5)

CONFIGURATION = """\
[DEFAULT]
site_name = LAB-Site
service_name = cloud.lab.example.org
spooldir = {directory}/spool
messengers = {messengers}
projects = {project}
mapping_file = {voms}
extractor = {extractor}

[keystone_auth]
auth_type = v3password
auth_url = {auth_url}
username = {account}
password = {password}
user_domain_name = Default
project_domain_name = Default

[ssm]
output_path = {directory}/queue
"""

SUSPENDED_STATES = """
[usance]
suspended_states = {}
"""


@dataclass(frozen=True)
class Run:
    """What one run of the command put into the queue."""

    began: datetime
    ended: datetime
    messages: tuple[str, ...]
    others: dict[str, tuple[bytes, ...]]  # messages with records of other types, by type
    log: str = ""  # what it wrote to standard error

    @cached_property
    def records(self) -> dict[str, dict[str, str]]:
        """The cloud records by server id; of two months, that of the later one."""
        return records_by_server(self.messages)


@dataclass(frozen=True)
class Site:
    """A directory with a caso.conf, a spool and a queue."""

    place: Place
    directory: Path
    account: str
    project: str
    extractor: str = "nova"
    suspended_states: str | None = None  # None: the default
    messengers: str = "ssm"
    more: str = ""  # sections at the end of the configuration

    def extract(self, *arguments: str, command: Path | None = None, status: int = 0) -> Run:
        """Run caso-extract (ours, or another one) as cron would, and take what it wrote out of the queue.

        *status* is what it has to end with: 1 if something is held back.
        """
        self.directory.mkdir(exist_ok=True)
        configuration = self.directory / "caso.conf"
        text = CONFIGURATION.format(
            directory=self.directory,
            project=self.project,
            voms=self.place.root / "voms.json",
            auth_url=self.place.url("keystone", "/v3"),
            account=self.account,
            password=PASSWORD,
            extractor=self.extractor,
            messengers=self.messengers,
        )
        if self.suspended_states is not None:
            text += SUSPENDED_STATES.format(self.suspended_states)
        text += self.more
        configuration.write_text(text, encoding="utf-8")
        program = command or Path(sys.executable).with_name("caso-extract")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("OS_")}
        began = datetime.now(UTC)
        done = subprocess.run(
            [str(program), "--config-file", str(configuration), *arguments],
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
            env=environment | {"HOME": str(self.directory)},
        )
        assert done.returncode == status, (
            f"{program} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
        )
        messages = self._take_messages()
        others = {kind: self._take(f"queue-{kind}") for kind in ("storage", "ip", "accelerator")}
        return Run(began, datetime.now(UTC), messages, others, done.stderr)

    def inferred(self) -> frozenset[str]:
        """Return the servers of which the ledger says that some of what it counts is inferred."""
        with Ledger.open(f"sqlite:///{self.directory}/spool/usance.sqlite") as ledger:
            timelines = [
                changed.timeline
                for project_id, cloud_id in ledger.projects()
                for changed in ledger.timelines(project_id, cloud_id, SERVER)
            ]
        return frozenset(one.resource.id for one in timelines if one.launched and counts_doubt(one))

    def _take_messages(self) -> tuple[str, ...]:
        return tuple(body.decode("ascii") for body in self._take("queue"))

    def _take(self, queue: str) -> tuple[bytes, ...]:
        """Remove all messages from a queue, as ssmsend does, in the order of their names."""
        bodies = []
        for path in sorted((self.directory / queue).glob("*/*")):
            bodies.append(path.read_bytes())
            path.unlink()
        return tuple(bodies)


@contextmanager
def policies(variant: str) -> Iterator[None]:
    """Give the services other policies, for a while."""
    try:
        set_policies(variant)
        yield
    finally:
        set_policies("default")


def set_policies(variant: str) -> None:
    """Give the services other policies."""
    subprocess.run([sys.executable, str(LAB), "policies", variant], check=True, timeout=300)


@contextmanager
def system_reader(cloud: Cloud) -> Iterator[None]:
    """Give the account with the role `reader` that role on the system, too: it reads names, for a while."""
    user = cloud.get("identity", f"/users?name={READER}")["users"][0]["id"]
    role = cloud.get("identity", "/roles?name=reader")["roles"][0]["id"]
    path = f"/system/users/{user}/roles/{role}"
    cloud.call("PUT", "identity", path)
    try:
        yield
    finally:
        cloud.call("DELETE", "identity", path)


def stay_within_a_day() -> None:
    """Wait for a day (UTC) that is about to begin: a story that midnight cuts in two has other figures."""

    def midnight_is_far() -> bool:
        now = datetime.now(UTC)
        return (now + NEAR_MIDNIGHT).date() == now.date()

    wait_for("midnight", midnight_is_far, limit_s=NEAR_MIDNIGHT.total_seconds() + 10)


def counts_doubt(timeline: Timeline) -> bool:
    """Say whether a doubt concerns what is counted: the life, the state or the vCPUs."""
    return any(doubt.attribute in {LIFE, STATE, VCPUS} for doubt in timeline.doubts)


def records_by_server(messages: tuple[str, ...]) -> dict[str, dict[str, str]]:
    """Return the records, the last one of each server; no two may be of one server and month."""
    found: dict[str, dict[str, str]] = {}
    filed = set()
    for record in sorted(read_records(messages), key=lambda record: int(record["RecordCreateTime"])):
        month = datetime.fromtimestamp(int(record["RecordCreateTime"]), UTC).strftime("%Y-%m")
        key = (record["VMUUID"], month)
        assert key not in filed, f"{key} is there twice"
        filed.add(key)
        found[record["VMUUID"]] = record
    return found


def read_records(messages: tuple[str, ...]) -> Iterator[dict[str, str]]:
    """Read cloud records as APEL does: split at any `%%`, then at the first colon of each line."""
    for message in messages:
        header, _, body = message.partition("\n")
        if message.startswith(("{", "<")):
            continue  # records of another type
        assert header == "APEL-cloud-message: v0.4"
        for chunk in body.split("%%"):
            lines = [line.partition(":") for line in chunk.splitlines() if line.strip()]
            if lines:
                yield {key.strip(): value.strip() for key, _, value in lines}
