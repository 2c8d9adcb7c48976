"""What Cinder sends in the life of a volume, from a few lines that read like a ledger.

    10:00:00.7   create 10 ssd
    11:00:00.25  attach web
    12:00        resize 20

Every message holds the whole volume, as it is then. Instants are of 1 October 2026.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from usance.collector.cinder import EVENTS
from usance.collector.reading import Notification
from usance.collector.volume_types import with_types
from usance.model.observation import Observation
from usance.model.resource import ATTACHMENTS, SIZE_GIB, VOLUME_TYPE
from usance.model.span import Timeline
from usance.model.timeline import timeline

CLOUD = "region1"
VOLUME = "volume1"
READERS = {one.type: one.reader for one in EVENTS}
TYPES = {"type-ssd": "ssd", "type-hdd": "hdd"}
SUFFIXES = {"accept": "transfer.accept.end", "offer": "transfer.accept.start", "retype": "retype"}


def at(time: str) -> datetime:
    """Read `10:00` or `10:00:00.25`."""
    return datetime.fromisoformat(f"2026-10-01T{time}").replace(tzinfo=UTC)


def whole(moment: datetime) -> datetime:
    """Return what a database keeps of an instant."""
    return moment.replace(microsecond=0)


class Volume:
    """A volume that is changed line by line, and says so as Cinder does."""

    def __init__(self, volume_id: str = VOLUME, project_id: str = "project1") -> None:
        self.payload: dict[str, Any] = {
            "volume_id": volume_id,
            "tenant_id": project_id,
            "user_id": "user1",
            "host": "lab@fake#fake",
            "availability_zone": "nova",
            "display_name": "data",
            "snapshot_id": None,
            "metadata": [],
            "volume_attachment": [],
        }
        self.sent: list[Notification] = []

    def do(self, line: str) -> Notification:
        """Change the volume as a line says, and return what Cinder sends then."""
        when, verb, *words = line.split()
        moment = at(when)
        change = getattr(self, f"_{verb}", None)
        if change is not None:
            change(moment, *words)
        return self.say(moment, f"volume.{SUFFIXES.get(verb, f'{verb}.end')}")

    def say(self, moment: datetime, event_type: str, **more: Any) -> Notification:
        """Return what Cinder sends of the volume as it is."""
        attached = [dict(one) for one in self.payload["volume_attachment"]]
        message = Notification(
            event_type,
            self.payload | {"volume_attachment": attached} | more,
            moment,
            request_id=f"req-{event_type}-{moment.isoformat()}",
        )
        self.sent.append(message)
        return message

    def _create(self, moment: datetime, size: str, type_name: str) -> None:
        self.payload |= {
            "size": int(size),
            "volume_type": f"type-{type_name}",
            "status": "available",
            "created_at": whole(moment).isoformat(),
            "launched_at": moment.isoformat(),
        }

    def _resize(self, _moment: datetime, size: str) -> None:
        self.payload["size"] = int(size)

    def _retype(self, _moment: datetime, type_name: str) -> None:
        self.payload["volume_type"] = f"type-{type_name}"

    def _attach(self, moment: datetime, server_id: str) -> None:
        self.payload["volume_attachment"].append(
            {
                "id": f"attachment-of-{server_id}",
                "instance_uuid": server_id,
                "attach_status": "attached",
                "attach_time": whole(moment - timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%S.%f"),
            }
        )
        self.payload["status"] = "in-use"

    def _detach(self, _moment: datetime, server_id: str) -> None:
        left = [one for one in self.payload["volume_attachment"] if one["instance_uuid"] != server_id]
        self.payload |= {"volume_attachment": left, "status": "in-use" if left else "available"}

    def _update(self, _moment: datetime, name: str) -> None:
        self.payload["display_name"] = name

    def _accept(self, _moment: datetime, project_id: str, user_id: str) -> None:
        self.payload |= {"tenant_id": project_id, "user_id": user_id}

    def _delete(self, _moment: datetime) -> None:
        launched = datetime.fromisoformat(self.payload["launched_at"])
        self.payload |= {"status": "deleted", "launched_at": whole(launched).isoformat()}


def messages(*lines: str) -> list[Notification]:
    """Return what Cinder sends in the life of a volume."""
    volume = Volume()
    return [volume.do(line) for line in lines]


def read(sent: Iterable[Notification], types: dict[str, str] = TYPES) -> list[Observation]:
    """Return what a collector makes of messages, if it knows the names of some types."""
    found = [one for message in sent for one in READERS[message.event_type](message, CLOUD).observations]
    return list(with_types(found, types))


def life(observations: Iterable[Observation], project_id: str = "project1") -> Timeline:
    """Return the timeline in one project, as the ledger would: of an unknown project is who has it."""
    made = timeline([one for one in observations if one.resource.project_id == project_id])
    assert made is not None
    return made


def told(found: Timeline) -> list[str]:
    """Return the spans, one a line: from when to when it was of which size and type, and attached to what."""
    return [
        " ".join(
            (
                moment(one.start),
                "-" if one.end is None else moment(one.end),
                *(str(one.values.get(name)) for name in (SIZE_GIB, VOLUME_TYPE, ATTACHMENTS)),
            )
        )
        for one in found.spans
    ]


def moment(instant: datetime) -> str:
    return f"{instant:%H:%M:%S.%f}".removesuffix(".000000")
