"""The messengers `ssm` (cloud records v0.4) and `ssmv2` (v0.2): the queue that ssmsend empties.

The queue is a directory queue (dirq, "simple" layout): `<path>/<8 hex>/<14 hex>`, where the
directory is the minute and the file the second, microsecond and one digit more, of an instant.
Readers take the names in order. The instant is that at which the message was staged, so that a
message has one name, and written twice, after a crash, it replaces itself.
"""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Final

from usance.config.settings import MessengerSettings
from usance.durable import make_directory, sync_directory, write_whole
from usance.ledger.values import Message
from usance.messengers.complaints import delivery_error
from usance.messengers.options import carried_types, choice, positive_integer
from usance.model.period import to_us
from usance.records.wire import MAX_MESSAGE_BYTES

DEFAULT_OUTPUT_PATH: Final = "/var/spool/apel/outgoing/openstack"
DEFAULT_MAX_SIZE: Final = 100
_GRANULARITY_S: Final = 60
# The sender's purge may remove an empty directory between our making it and our using it.
_ATTEMPTS: Final = 10


def queue_name(message: Message) -> str:
    """Return the place of a message in its queue, `<8 hex>/<14 hex>`, which depends on the message alone."""
    seconds, microseconds = divmod(to_us(message.staged_at), 1_000_000)
    minute = seconds - seconds % _GRANULARITY_S
    return f"{minute:08x}/{seconds:08x}{microseconds:05x}{message.id % 16:x}"


class SsmMessenger:
    """Puts messages into the queue of the option `output_path`, `max_size` records in each.

    `queues` (`split` or `single`) is for the record types that have other destinations than cloud
    records; those stay in `output_path` either way.
    """

    alias = "ssm"
    formats: ClassVar[Mapping[str, str]] = {
        "cloud": "cloud-v04",
        "ip": "ip-v02",
        "accelerator": "accelerator-v01",
        "storage": "storage-star",
    }

    def __init__(self, settings: MessengerSettings) -> None:
        self.name = self.alias
        self.record_types = carried_types(settings, self.formats.keys())
        self.max_records = positive_integer(settings, "max_size", DEFAULT_MAX_SIZE)
        self.max_bytes = MAX_MESSAGE_BYTES
        self.queues = choice(settings, "queues", ("split", "single"))
        self.output_path = Path(settings.options.get("output_path", "").strip() or DEFAULT_OUTPUT_PATH)

    def queue_path(self, record_type: str) -> Path:
        """Return the queue of a record type: cloud records have no other destination than cASO's."""
        if self.queues == "single" or record_type == "cloud":
            return self.output_path
        return self.output_path.with_name(f"{self.output_path.name}-{record_type}")

    def send(self, message: Message) -> None:
        """Write the message into the queue under its name, and wait until the disk has it."""
        queue = self.queue_path(message.record_type)
        try:
            _make_queue(queue)
            _write(queue, queue_name(message), message.body)
        except OSError as error:
            raise delivery_error(self.name, queue, error) from error


class SsmV2Messenger(SsmMessenger):
    """The same queue with the older format."""

    alias = "ssmv2"
    formats: ClassVar[Mapping[str, str]] = {"cloud": "cloud-v02"}


def _make_queue(queue: Path) -> None:
    if not queue.is_dir():
        queue.parent.mkdir(parents=True, exist_ok=True)
        # Records name users: nobody else needs to read them. A queue that the operator made, for
        # a sender of another account, keeps the mode and group that she gave it.
        queue.mkdir(mode=0o750, exist_ok=True)
        sync_directory(queue.parent)


def _write(queue: Path, name: str, body: bytes) -> None:
    directory, _, element = name.partition("/")
    minute = queue / directory
    mode = stat.S_IMODE(queue.stat().st_mode)
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            make_directory(minute, mode)  # as accessible as the queue: the sender removes what it sent
            write_whole(minute / element, body, mode & 0o666)
        except FileNotFoundError:
            if attempt == _ATTEMPTS:
                raise
        else:
            sync_directory(minute)
            sync_directory(queue)
            return
