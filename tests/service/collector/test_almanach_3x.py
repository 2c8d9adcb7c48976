"""What Almanach 3.2.0's own black-box tests asked of its collector, asked of ours, by what the API tells.

There were 52. Each name below stands for one of them; the first 41, which ask the API alone, are beside
the tests of the API. How they are worded and made is ours. What differs on purpose is said where it is
tested.
The messages are those of the services of that time: no envelope, in the queue that the routing key names.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from asking_almanach import Client, new_id
from bus import Bus, Collecting, configuration, until
from serve_process import Serving, almanach_3
from service.rabbitmq import RabbitMq

SYSTEM = {"distro": "ubuntu", "version": "14.04", "os_type": "linux"}


@pytest.fixture(scope="module")
def ledger_file(tmp_path_factory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('ledger')}/ledger.db"


@pytest.fixture(scope="module")
def almanach(ledger_file, tmp_path_factory) -> Iterator[Client]:
    process = Serving(tmp_path_factory.mktemp("serve"), almanach_3(ledger_file))
    try:
        yield Client(process.ready().url)
        assert process.stop() == 0
    finally:
        process.kill()


@pytest.fixture
def project() -> str:
    return new_id()


class Sender:
    """Sends notifications to the collector that writes the ledger which is served."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    def __call__(self, event_type: str, payload: dict[str, Any], when: str | None) -> None:
        body = {"event_type": event_type, "publisher_id": "x.y", "payload": payload, "priority": "INFO"}
        self._bus.send([json.dumps(body if when is None else body | {"timestamp": when}).encode()])

    def instance(self, event: str, instance: str, project: str, when: str, **more: Any) -> None:
        payload = {
            "instance_id": instance,
            "tenant_id": project,
            "user_id": "u",
            "hostname": "to.to",
            "display_name": "to.to",
            "instance_type": "myflavor",
            "vcpus": 1,
            "memory_mb": 1024,
            "root_gb": 50,
            "ephemeral_gb": 0,
            "created_at": "2016-02-01T09:00:00.000000Z",
            "launched_at": "2016-02-01T09:00:01.000000Z",
            "terminated_at": "",
            "deleted_at": "",
            "state": "active",
            "image_meta": SYSTEM,
            "metadata": {},
        } | more
        self(f"compute.instance.{event}.end", payload, when)

    def volume(self, event: str, volume: str, project: str, when: str, **more: Any) -> None:
        payload = {
            "volume_id": volume,
            "tenant_id": project,
            "user_id": "u",
            "display_name": "data",
            "volume_type": "my-type-id",
            "size": 50,
            "status": "available",
            "created_at": "2014-02-14T17:18:35.000000Z",
            "launched_at": "2014-02-14T17:18:36.000000Z",
        } | more
        self(f"volume.{event}.end", payload, when)


@pytest.fixture(scope="module")
def send(broker: RabbitMq, ledger_file: str, tmp_path_factory) -> Iterator[Sender]:
    bus = Bus(broker, f"almanach-{secrets.token_hex(4)}")
    bus.declare(durable=False)
    path: Path = tmp_path_factory.mktemp("collect")
    collector = Collecting(path, configuration(ledger_file, broker.url(), bus.topic, "durable = false"))
    try:
        collector.ready()
        yield Sender(bus)
        assert collector.stop() == 0
    finally:
        collector.kill()


def wait_for(
    almanach: Client, project: str, fits: Callable[[list[dict[str, Any]]], bool]
) -> list[dict[str, Any]]:
    """Wait until the entities of a project are as they should be, and return them."""
    found: list[dict[str, Any]] = []

    def is_so() -> bool:
        found[:] = almanach.listed(project, start="2014-01-01 00:00:00.000")
        return fits(found)

    until(is_so, what=f"the entities of {project}, at last {found}")
    return found


def attached(*servers: str) -> list[dict[str, Any]]:
    return [{"instance_uuid": one, "attach_status": "attached"} for one in servers]


def test_42_of_52_the_bus_creates_an_instance(almanach, send, project):
    instance = new_id()

    send.instance("create", instance, project, "2016-02-01T09:00:01.200000Z")

    (one,) = wait_for(almanach, project, lambda found: len(found) == 1)
    assert (one["entity_id"], one["start"]) == (instance, "2016-02-01 09:00:00+00:00")
    assert (one["flavor"], one["os"]) == ("myflavor", SYSTEM)


DELETED = {"state": "deleted", "terminated_at": "2016-02-01T10:00:00.000000Z"}


def test_43_of_52_the_bus_deletes_an_instance(almanach, send, project):
    instance = new_id()

    send.instance("create", instance, project, "2016-02-01T09:00:01.200000Z")
    send.instance("delete", instance, project, "2016-02-01T10:00:00.200000Z", **DELETED)

    (one,) = wait_for(almanach, project, lambda found: bool(found) and found[0]["end"] is not None)
    assert one["end"] == "2016-02-01 10:00:00+00:00"


def test_44_of_52_a_deletion_that_comes_before_the_creation_ends_it(almanach, send, project):
    instance = new_id()

    send.instance("delete", instance, project, "2016-02-01T10:00:00.200000Z", **DELETED)
    send.instance("create", instance, project, "2016-02-01T09:00:01.200000Z")

    (one,) = wait_for(almanach, project, lambda found: bool(found) and found[0]["name"] is not None)
    until(lambda: almanach.listed(project)[0]["start"] == "2016-02-01 09:00:00+00:00")
    assert one["end"] == "2016-02-01 10:00:00+00:00"


def test_45_of_52_the_bus_attaches_a_volume(almanach, send, project):
    volume, instance = new_id(), new_id()

    send.volume("create", volume, project, "2014-02-14T17:18:36.200000Z")
    send.volume("attach", volume, project, "2014-02-14T17:18:40Z", volume_attachment=attached(instance))

    (one,) = wait_for(almanach, project, lambda found: bool(found) and found[0]["attached_to"] != [])
    assert (one["end"], one["attached_to"]) == (None, [instance])


def test_46_of_52_the_bus_creates_a_volume(almanach, send, project):
    volume = new_id()

    send.volume("create", volume, project, "2014-02-14T17:18:36.200000Z")

    (one,) = wait_for(almanach, project, lambda found: len(found) == 1)
    assert (one["entity_id"], one["end"], one["attached_to"], one["size"]) == (volume, None, [], 50)


def test_47_of_52_the_bus_deletes_a_volume(almanach, send, project):
    volume = new_id()

    send.volume("create", volume, project, "2014-02-14T17:18:36.200000Z")
    send.volume("delete", volume, project, "2014-02-15T15:01:01.000000Z", status="deleting")

    (one,) = wait_for(almanach, project, lambda found: bool(found) and found[0]["end"] is not None)
    assert one["end"] == "2014-02-15 15:01:01+00:00"


def test_48_of_52_the_bus_detaches_a_volume(almanach, send, project):
    volume, instance = new_id(), new_id()

    send.volume("create", volume, project, "2014-02-14T17:18:36.200000Z")
    send.volume("attach", volume, project, "2014-02-14T17:18:40Z", volume_attachment=attached(instance))
    wait_for(almanach, project, lambda found: bool(found) and found[0]["attached_to"] != [])
    send.volume("detach", volume, project, "2014-02-14T17:18:50Z", volume_attachment=[])

    (one,) = wait_for(almanach, project, lambda found: bool(found) and found[0]["attached_to"] == [])
    assert one["end"] is None


def test_49_of_52_the_bus_attaches_a_volume_to_several(almanach, send, project):
    volume, servers = new_id(), sorted([new_id(), new_id()])

    send.volume("create", volume, project, "2014-02-14T17:18:36.200000Z")
    send.volume("attach", volume, project, "2014-02-14T17:18:40Z", volume_attachment=attached(*servers))

    (one,) = wait_for(almanach, project, lambda found: bool(found) and found[0]["attached_to"] != [])
    assert (one["end"], one["attached_to"]) == (None, servers)


def test_50_of_52_the_bus_detaches_a_volume_from_one_of_several(almanach, send, project):
    """Both messages bore one instant, and the order of arrival decided; here the instants do."""
    volume, first, second = new_id(), new_id(), new_id()

    send.volume("create", volume, project, "2014-02-14T17:18:36.200000Z")
    send.volume("attach", volume, project, "2014-02-14T17:18:40Z", volume_attachment=attached(first, second))
    send.volume("detach", volume, project, "2014-02-14T17:18:50Z", volume_attachment=attached(second))

    (one,) = wait_for(almanach, project, lambda found: bool(found) and found[0]["attached_to"] == [second])
    assert one["end"] is None


def test_51_of_52_the_bus_resizes_a_volume(almanach, send, project):
    volume = new_id()

    send.volume("create", volume, project, "2014-02-14T17:18:36.200000Z", size=10)
    send.volume("resize", volume, project, "2014-02-15T15:01:02.000000Z", size=100)

    first, second = wait_for(almanach, project, lambda found: len(found) == 2)
    assert (first["end"], first["size"]) == ("2014-02-15 15:01:02+00:00", 10)
    assert (second["end"], second["size"]) == (None, 100)


def test_52_of_52_the_bus_names_a_type_of_volumes(almanach, send):
    type_id, name = new_id(), new_id()
    created = {"id": type_id, "name": name, "created_at": "2014-02-14T17:18:35.036186Z", "deleted": False}

    send("volume_type.create", {"volume_types": created}, None)

    until(lambda: almanach.get(f"/volume_type/{type_id}").status_code == 200)
    assert almanach.get(f"/volume_type/{type_id}").json() == {
        "volume_type_id": type_id,
        "volume_type_name": name,
    }
