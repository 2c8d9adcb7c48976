"""A site that accounts everything (servers, accelerators, addresses, storage, energy), for two messengers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

import ip_site
from demo_site import DemoSite
from service.prometheus_server import PrometheusServer, find_programs
from storage_timelines import StarDatabase
from usance.demo.addresses import FLOATING_IP, PUBLIC, scripted_holder
from usance.demo.history import WrittenHistory
from usance.demo.script import scripted
from usance.demo.site import Site, standard_site, uuid_id
from usance.demo.storage_script import stored

FIRST, SECOND = datetime(2026, 10, 20, 12, tzinfo=UTC), datetime(2026, 11, 3, tzinfo=UTC)
STEP_S = 900
EXTRACTORS = "nova, neutron, cinder, prometheus"
TYPES = {"cloud", "ip", "accelerator", "storage", "energy"}

_SERVERS = {
    "web": "2026-10-01 00:00:00 +10 create m1.large\n2026-10-22 08:00:00 +5 suspend",
    "gpu": "2026-10-02 00:00:00 +10 create g1.large\n2026-10-25 09:30:00 +5 delete",
    "late": "2026-10-28 10:00:00 +10 create g1.large",
}
_VOLUMES = {
    "data": """
        2026-10-03 00:00:00 create 10 fast
        2026-10-19 08:00:00 extend 20
        2026-10-27 08:00:00 extend 30
        """,
    "old": "2026-10-03 00:00:00 create 5\n2026-10-26 00:00:00 delete",
    "new": "2026-10-29 00:00:00 create 7 fast",
}
_ADDRESSES = {
    "lasting": "2026-10-05 00:00:00 create 192.0.2.{n}0\n2026-10-05 00:01:00 lead web",
    "short": "2026-10-18 00:00:00 create 192.0.2.{n}1\n2026-10-24 00:00:00 delete",
}


def history(projects: int = 2) -> WrittenHistory:
    """Return a cloud with something of each kind in each project."""
    site = standard_site(projects=projects, accelerated=True)
    lives, volumes, holders = [], [], []
    for number, project in enumerate(site.projects):
        own = [scripted(site, name, text, project=number) for name, text in _SERVERS.items()]
        volumes += [stored(site, name, text, project=number) for name, text in _VOLUMES.items()]
        volumes.append(
            stored(site, "daily", "2026-10-04 00:00:00 create 10", kind="snapshot", project=number)
        )
        holders += [
            scripted_holder(
                FLOATING_IP,
                name,
                text.format(n=number + 1),
                one_id=uuid_id(name, project.id),
                project_id=project.id,
                network_id=uuid_id(PUBLIC),
                servers={one.name: one.id for one in own},
            )
            for name, text in _ADDRESSES.items()
        ]
        lives += own
    return WrittenHistory(
        msgspec.structs.replace(site, volumes=tuple(volumes), holders=tuple(holders)), lives
    )


@contextmanager
def measured(told: WrittenHistory) -> Iterator[str | None]:
    """Yield the URL of a Prometheus that measured all servers all the time; None if there is none here."""
    programs = find_programs()
    if programs is None:
        yield None
        return
    server = PrometheusServer(programs)
    try:
        server.load(_samples(told))
        server.start()
        yield server.url
    finally:
        server.stop()


def _samples(told: WrittenHistory) -> Iterator[str]:
    yield "# TYPE ceilometer_power gauge"
    for number in range(len(told)):
        moment = FIRST - timedelta(days=4)
        while moment <= SECOND:
            labels = f'resource="{told.life(number).id}"'
            yield f"ceilometer_power{{{labels}}} {number + 5} {int(moment.timestamp())}"
            moment += timedelta(seconds=STEP_S)


def site_at(cloud: DemoSite, directory: Path, prometheus: str | None, sections: str = "") -> DemoSite:
    """Return a site of its own on a cloud that is served."""
    extractors = EXTRACTORS if prometheus else EXTRACTORS.removesuffix(", prometheus")
    site = DemoSite(cloud.cloud, cloud.url, directory, messengers="ssm, file", extractor=extractors)
    with site.conf.open("a") as conf:
        conf.write(
            f"\n[neutron]\ndefault_user = {cloud.cloud.site.users[0].id}\n"
            f"[messenger_file]\npath = {directory}/records.jsonl\n"
            f"[prometheus]\nprometheus_endpoint = {prometheus}\nprometheus_step_seconds = {STEP_S}\n"
            "preset = ceilometer\nhistory_days = 3\n"
            f"{sections}"
        )
    return site


def kept(site: DemoSite) -> dict[str, Any]:
    """Return what the receivers keep of everything that is in the queues and in the file.

    Of how many seconds is inferred what storage was is left out: it is so since the second of a look.
    """
    path = site.directory / "records.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    storage = StarDatabase()
    for message in _queue(site, "storage"):
        storage.load(message)
    accelerators = {
        tuple(one[name] for name in _ACCELERATOR): one
        for message in _queue(site, "accelerator")
        for one in json.loads(message)["UsageRecords"]
    }
    addresses = [one for message in _queue(site, "ip") for one in json.loads(message)["UsageRecords"]]
    return {
        "cloud": {key: row.fields for key, row in site.apel().rows.items()},
        "storage": {key: row.fields for key, row in storage.rows.items()},
        "accelerator": accelerators,
        "ip": {
            (*key, project): {"at": at, "count": count}
            for project in {one["LocalGroup"] for one in addresses}
            for key, (at, count) in ip_site.kept(
                [one for one in addresses if one["LocalGroup"] == project]
            ).items()
        },
        "lines": {one["record_id"]: _settled(one) for one in lines},
    }


def _settled(line: dict[str, Any]) -> dict[str, Any]:
    if line["record_type"] != "storage":
        return line
    return {name: value for name, value in line.items() if name not in {"inferred_s", "record_digest"}}


_ACCELERATOR = ("AssociatedRecord", "MeasurementYear", "MeasurementMonth", "Type", "Model", "Count")


def _queue(site: DemoSite, record_type: str) -> list[bytes]:
    queue = site.outgoing.with_name(f"{site.outgoing.name}-{record_type}")
    return [path.read_bytes() for path in sorted(queue.glob("*/*")) if path.is_file()]


def types_in(found: dict[str, Any]) -> set[str]:
    """Return the record types of the lines."""
    return {one["record_type"] for one in found["lines"].values()}


def without_vo(site: Site, number: int) -> Site:
    """Return the site with a project that is mapped to no VO."""
    projects = list(site.projects)
    projects[number] = msgspec.structs.replace(projects[number], properties={})
    return msgspec.structs.replace(site, projects=tuple(projects))
