"""What Ceilometer's publisher would have written into Gnocchi of the servers of a simulated cloud.

As the real one does: a notification or a poll makes samples; they carry the server's attributes, and
where these differ from what was published last, the resource gets another revision. The start of a
deletion sets `ended_at`. Definitions: openstack/ceilometer, ceilometer/publisher/data/gnocchi_resources.yaml
and ceilometer/gnocchi_client.py, of which the resource type `instance` is here.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import msgspec

from usance.demo.life import NEVER, Life
from usance.demo.site import Flavor

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_POLICY = {
    "name": "ceilometer-low",
    "aggregation_methods": ["mean"],
    "back_window": 0,
    "definition": [{"granularity": "5 minutes", "timespan": "30 days"}],
}
_TEXT = {"type": "string", "min_length": 0, "max_length": 255}
_TIME = {"type": "datetime", "required": False}
_ATTRIBUTES = {
    "flavor_id": {**_TEXT, "required": True},
    "flavor_name": {**_TEXT, "required": True},
    "host": {**_TEXT, "required": True},
    "display_name": {**_TEXT, "required": True},
    "image_ref": {**_TEXT, "required": False},
    "server_group": {**_TEXT, "required": False},
    "launched_at": _TIME,
    "created_at": _TIME,
    "deleted_at": _TIME,
}


class Sample(msgspec.Struct, frozen=True):
    """A moment at which something was said of a server."""

    at_us: int
    attributes: dict[str, str] = {}
    flavor: Flavor | None = None  # None: no measures came with it
    polled: bool = False  # by the hypervisor's agent: it tells of the CPU, too
    begins_deletion: bool = False


class Ceilometer:
    """Writes into a Gnocchi with an administrator's token."""

    def __init__(self, url: str, token: str) -> None:
        self._client = httpx2.Client(base_url=f"{url}/v1", headers={"X-Auth-Token": token}, timeout=60)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def upgrade(self) -> None:
        """Make the archive policy and the resource type, as `ceilometer-upgrade` does."""
        self.post("/archive_policy", _POLICY)
        self.post("/resource_type", {"name": "instance", "attributes": _ATTRIBUTES})

    def post(self, path: str, content: Any, at_us: int | None = None, method: str = "POST") -> None:
        """Ask for a change, at an instant of Gnocchi's clock."""
        headers = {} if at_us is None else {"X-Now": instant(at_us).isoformat()}
        self._client.request(method, path, json=content, headers=headers).raise_for_status()

    def publish(self, life: Life, samples: list[Sample], *, measured: bool = True) -> None:
        """Tell what was said of a server, in order; its measures go in one batch afterwards."""
        known: dict[str, str] | None = None
        path = f"/resource/instance/{life.id}"
        for one in samples:
            if one.attributes and known is None:
                content = {"id": life.id, "user_id": life.user_id, "project_id": life.project_id}
                self.post("/resource/instance", {**content, **one.attributes}, one.at_us)
                known = one.attributes
            elif one.attributes and one.attributes != known:
                self.post(path, one.attributes, one.at_us, method="PATCH")
                known = one.attributes
            if one.begins_deletion:
                self.post(path, {"ended_at": instant(one.at_us).isoformat()}, one.at_us, method="PATCH")
        if measured:
            self._publish_measures(life, samples)

    def _publish_measures(self, life: Life, samples: list[Sample]) -> None:
        measures: dict[str, list[dict[str, Any]]] = {}
        for one in samples:
            if one.flavor is not None:
                values = {
                    "vcpus": one.flavor.vcpus,
                    "memory": one.flavor.ram_mib,
                    "disk.root.size": one.flavor.disk_gib,
                    "disk.ephemeral.size": one.flavor.ephemeral_gib,
                }
                for name, value in (values | ({"cpu": one.at_us * 100} if one.polled else {})).items():
                    timestamp = instant(one.at_us).isoformat()
                    measures.setdefault(name, []).append({"timestamp": timestamp, "value": value})
        batch = {
            name: {"archive_policy_name": "ceilometer-low", "measures": several}
            for name, several in measures.items()
        }
        if not batch:
            return
        self.post("/batch/resources/metrics/measures?create_metrics=true", {life.id: batch})
        for name in batch:
            # What gnocchi-metricd does in the background.
            refreshed = self._client.get(f"/resource/instance/{life.id}/metric/{name}/measures?refresh=true")
            refreshed.raise_for_status()


def instant(us: int) -> datetime:
    """Return an instant in microseconds as an aware one."""
    return _EPOCH + timedelta(microseconds=us)


def said(life: Life, until_us: int, *, every: timedelta, late: timedelta = timedelta()) -> list[Sample]:
    """Return what notifications and polls say of a server until an instant.

    *every* is the time between two polls, *late* how long each takes to arrive.
    """
    late_us = late // timedelta(microseconds=1)
    found = [*_notified(life), *_polled(life, until_us, every // timedelta(microseconds=1))]
    found.sort(key=lambda one: one.at_us)
    return [
        msgspec.structs.replace(one, at_us=one.at_us + late_us)
        for one in found
        if one.at_us + late_us <= until_us
    ]


def _notified(life: Life) -> Iterator[Sample]:
    for step in life.steps:
        deletes = step.action == "delete" and life.deleted_us != NEVER and step.end_us >= life.deleted_us
        if deletes:
            # Gnocchi knows nothing yet of a server that is deleted while it is built: its sample comes first.
            yield Sample(step.begin_us, _attributes(life, step.begin_us), life.at(step.begin_us).flavor)
            yield Sample(step.begin_us, begins_deletion=True)
        elif step.action and step.end_us < life.deleted_us:
            yield Sample(step.end_us, _attributes(life, step.end_us), life.at(step.end_us).flavor)
    if life.deleted_us != NEVER and not life.half_deleted:
        yield Sample(life.deleted_us, _attributes(life, life.deleted_us), life.at(life.deleted_us).flavor)


def _polled(life: Life, until_us: int, every_us: int) -> Iterator[Sample]:
    """Yield the polls of a server that is on a hypervisor, which it is once it was launched."""
    end_us = min(until_us, life.deleted_us - 1)
    first_us = next((step.end_us for step in life.steps if step.launches), end_us)
    for at_us in range((first_us // every_us + 1) * every_us, end_us, every_us):
        view = life.at(at_us)
        if view.state not in {"error", "shelved_offloaded"}:
            yield Sample(at_us, _attributes(life, at_us), view.flavor, polled=True)


def _attributes(life: Life, at_us: int) -> dict[str, str]:
    view = life.at(at_us)
    flavor = view.flavor
    attributes = {
        "host": life.host,
        "display_name": life.name,
        "flavor_id": "" if flavor is None else flavor.id,
        "flavor_name": "" if flavor is None else flavor.name,
        "image_ref": view.image_id or None,
        "created_at": _second(life.created_us),
        "launched_at": _second(view.launched_us),
        "deleted_at": _second(view.terminated_us),
    }
    return {name: value for name, value in attributes.items() if value is not None}


def _second(us: int) -> str | None:
    return instant(us).replace(microsecond=0).isoformat() if us else None
