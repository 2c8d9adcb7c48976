"""Records from the ledger to the queue: made, rendered, validated, staged and delivered; beside cASO.

Usance runs in a process of its own, over a ledger (SQLite) that knows the servers, volumes or
addresses already; its queue is on the same disk, and every message waits until the disk has it. cASO
gets the very same records as values, makes its own objects of them, and its messenger `ssm` renders
them and puts them into its queue: no validation, no ledger, no waiting for the disk. Reading the
values is not counted for it. So it does a part of the work; it is shown for what it is.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from bench import peer
from bench.child import Took, measure
from bench.figures import Figure
from bench.pipe import CLOUD, UNTIL, Piped, context_of, site
from bench.place import REPOSITORY, directory
from bench.said import accounted
from bench.steady import SteadyHistory
from usance.config.settings import MessengerSettings
from usance.ledger.ledger import Ledger
from usance.messengers.caso_records import caso_record
from usance.messengers.file import FileMessenger
from usance.messengers.outbox import records_that_would_go
from usance.model import resource
from usance.model.accelerator import Told
from usance.model.observation import Batch, Look, Observation, Scope, Verb
from usance.model.resource import Resource, Value
from usance.records.context import CLOUD_TYPE

PROJECTS = 20
MONTHS = 4
"""Servers and volumes live from August to November: one record for each month."""
_CREATED = datetime(2026, 8, 5, 8, tzinfo=UTC)
_FIRST_LOOK = datetime(2026, 8, 13, tzinfo=UTC)  # addresses are counted from it on: on 100 days
_BATCH = 1000
_ENVIRON = {"PATH": "/usr/bin:/bin", "TZ": "UTC", "PYTHONWARNINGS": "ignore"}


def run(*, quick: bool = False) -> list[Figure]:
    """Measure 100,000 cloud records, and a fifth as many of each other type."""
    figures: list[Figure] = []
    for record_type, records in (
        ("cloud", 100_000),
        ("storage", 20_000),
        ("ip", 20_000),
        ("accelerator", 20_000),
    ):
        figures += _measured(record_type, records // 50 if quick else records)
    return figures


def _measured(record_type: str, records: int) -> list[Figure]:
    work = directory() / "pipeline"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    url = f"sqlite:///{work}/usance.sqlite"
    history = SteadyHistory(PROJECTS, max(records // MONTHS // PROJECTS, 1), 0, made_of=site(PROJECTS))
    projects = [one.id for one in history.site.projects]
    with Ledger.open(url) as ledger:
        _FILLED[record_type](ledger, history, records)
        values = _write_values(ledger, projects, record_type, work / "values.jsonl")
    ours = measure(
        [sys.executable, "-m", "bench.pipe", url, work / "ours", record_type],
        log=work / "ours.log", environ=_ENVIRON, cwd=REPOSITORY,
    )  # fmt: skip
    theirs = measure(
        [peer.environment() / "bin" / "python", Path(__file__).parent / "caso_push.py", record_type,
         work / "values.jsonl", work / "theirs"],
        log=work / "theirs.log", environ=_ENVIRON, cwd=work,
    )  # fmt: skip
    mine, other = _piped(ours), _piped(theirs)
    assert mine.records == other.records == values, (mine, other, values)
    shutil.rmtree(work)
    return _figures(record_type, mine, other)


def _figures(record_type: str, mine: Piped, other: Piped) -> list[Figure]:
    case = f"{mine.records} {record_type} records in {mine.messages} messages"
    said = (
        ("made to staged", mine.records / mine.first_s, "1/s"),
        ("made to delivered", mine.records / mine.seconds, "1/s"),
        ("peak memory", mine.peak_rss_mib, "MiB"),
        ("cASO: objects to queue", other.records / other.seconds, "1/s"),
        ("cASO: peak memory", other.peak_rss_mib, "MiB"),
        ("time / time of cASO, which does a part of it", mine.seconds / other.seconds, ""),
        ("memory of cASO / memory", other.peak_rss_mib / mine.peak_rss_mib, ""),
    )
    return [Figure("pipeline", case, what, (value,), unit) for what, value, unit in said]


def _piped(took: Took) -> Piped:
    return msgspec.json.decode(took.output.strip().splitlines()[-1], type=Piped)


def _write_values(ledger: Ledger, projects: Sequence[str], record_type: str, path: Path) -> int:
    """Write the records as values for the classes of cASO; return how many they are."""
    file = FileMessenger(MessengerSettings("file", record_types=frozenset({record_type})))
    written = 0
    with path.open("w", encoding="utf-8") as out:
        for project in projects:
            for one in records_that_would_go(ledger, project, CLOUD, file, context_of(), until=UNTIL):
                assert not one.findings, one
                record = caso_record(record_type, json.loads(one.text), CLOUD_TYPE)
                values = record.model_dump(mode="json")
                for name in ("start_time", "end_time", "measure_time", "volume_creation"):
                    if getattr(record, name, None) is not None:
                        values[name] = getattr(record, name).isoformat()
                out.write(json.dumps(values) + "\n")
                written += 1
    return written


def _fill_servers(
    ledger: Ledger, history: SteadyHistory, records: int, more: dict[str, Value] | None = None
) -> None:
    for project, numbers in _by_project(history, records // MONTHS):
        said = []
        for number in numbers:
            life = history.life(number)
            server = Resource(project, CLOUD, resource.SERVER, life.id)
            values = {**accounted(life, "active"), **(more or {})}
            said += _seen(server, _CREATED + timedelta(seconds=number), values, {"name": life.name})
        _observe(ledger, project, said)


def _fill_accelerators(ledger: Ledger, history: SteadyHistory, records: int) -> None:
    told = Told(type="GPU", vendor="NVIDIA", model="A100", number="2").text
    _fill_servers(ledger, history, records, {resource.ACCELERATORS: told})


def _fill_volumes(ledger: Ledger, history: SteadyHistory, records: int) -> None:
    users = [user.id for user in history.site.users]
    for project, numbers in _by_project(history, records // MONTHS):
        said = []
        for number in numbers:
            volume = Resource(project, CLOUD, resource.VOLUME, history.server_id(number))
            values: dict[str, Value] = {
                resource.USER_ID: users[number % len(users)],
                resource.SIZE_GIB: 10 + number % 90,
                resource.VOLUME_TYPE: ("ssd", "hdd")[number % 2],
                resource.ATTACHMENTS: "[]",
            }
            said += _seen(volume, _CREATED + timedelta(seconds=number), values, {})
        _observe(ledger, project, said)


def _fill_addresses(ledger: Ledger, history: SteadyHistory, records: int) -> None:
    """Give so many users of each project an address that records * days are due."""
    users = [user.id for user in history.site.users]
    each = max(records // PROJECTS // 100, 1)
    for number, project in enumerate(one.id for one in history.site.projects):
        servers, said = [], []
        for place in range(each):
            life_id = history.server_id(number * each + place)
            server = Resource(project, CLOUD, resource.SERVER, life_id)
            values: dict[str, Value] = {resource.USER_ID: users[place % len(users)], resource.STATE: "active"}
            servers += _seen(server, _CREATED, values, {})
            address = Resource(project, CLOUD, resource.FLOATING_IP, life_id)
            held: dict[str, Value] = {
                resource.ADDRESSES: f"198.51.{number}.{place}",
                resource.SERVER_ID: life_id,
            }
            said += _seen(address, _CREATED, held, {}, source="neutron")
        _observe(ledger, project, [*servers, *said])
        for begin in (_FIRST_LOOK, UNTIL - timedelta(seconds=10)):
            for kind in resource.ADDRESS_KINDS:
                look = Look(project, CLOUD, "neutron", kind, Scope.FULL, begin, begin + timedelta(seconds=2))
                ledger.observe(project, CLOUD, Batch(look=look, watermark=begin))


_FILLED: dict[str, Callable[[Ledger, SteadyHistory, int], None]] = {
    "cloud": _fill_servers,
    "storage": _fill_volumes,
    "ip": _fill_addresses,
    "accelerator": _fill_accelerators,
}


def _by_project(history: SteadyHistory, resources: int) -> Iterator[tuple[str, range]]:
    each = resources // PROJECTS
    for number, project in enumerate(history.site.projects):
        yield project.id, range(number * each, (number + 1) * each)


def _seen(
    one: Resource,
    created: datetime,
    values: dict[str, Value],
    described: dict[str, Any],
    source: str = "nova",
) -> list[Observation]:
    return [
        Observation(
            resource=one,
            verb=Verb.SEEN,
            at=created + timedelta(minutes=1),
            begin=created + timedelta(seconds=50),
            source=source,
            accounted=values,
            described=described,
            created_at=created,
            created_resolution_us=1_000_000,
            launched=True,
        )
    ]


def _observe(ledger: Ledger, project: str, said: list[Observation]) -> None:
    for start in range(0, len(said), _BATCH):
        ledger.observe(project, CLOUD, Batch(tuple(said[start : start + _BATCH])))
