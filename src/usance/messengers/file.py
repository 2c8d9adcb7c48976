"""The messenger `file`: records as JSON lines at the end of one file.

Each line carries the identity of its record (`record_id`, `record_digest`), so that a reader can
tell a repetition, which a crash between writing and marking may leave. Whoever rotates the file
renames it; the next message begins a new one.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar, Final

from usance.config.settings import MessengerSettings
from usance.durable import sync_directory
from usance.ledger.values import Message
from usance.messengers.complaints import delivery_error
from usance.messengers.options import carried_types, positive_integer

DEFAULT_PATH: Final = "/var/spool/usance/records.jsonl"
_CHUNK_BYTES: Final = 65536


class FileMessenger:
    """Appends to the file of its option `path`; `max_size` is the most records written at once."""

    formats: ClassVar[Mapping[str, str]] = {
        "cloud": "cloud-json",
        "ip": "ip-json",
        "accelerator": "accelerator-json",
        "storage": "storage-json",
        "energy": "energy-json",
    }

    def __init__(self, settings: MessengerSettings) -> None:
        self.name = "file"
        self.record_types = carried_types(settings, self.formats.keys())
        self.max_records = positive_integer(settings, "max_size", 1000)
        self.max_bytes = 4 * 1024 * 1024
        self.path = Path(settings.options.get("path", "").strip() or DEFAULT_PATH)

    def send(self, message: Message) -> None:
        """Append the message's lines, and wait until the disk has them."""
        try:
            self.path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
            existed = self.path.exists()
            with _opened_alone(self.path) as descriptor:
                end = _drop_torn_line(descriptor)
                try:
                    _write_all(descriptor, message.body)
                    os.fsync(descriptor)
                except OSError:
                    # Half a message would be taken for a whole one as soon as its last line is.
                    with contextlib.suppress(OSError):
                        os.ftruncate(descriptor, end)
                    raise
            if not existed:
                sync_directory(self.path.parent)
        except OSError as error:
            raise delivery_error(self.name, self.path, error) from error


@contextlib.contextmanager
def _opened_alone(path: Path) -> Iterator[int]:
    """Open the file under an exclusive lock; opened again if it was rotated away meanwhile."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _is_still(path, descriptor):
                yield descriptor
                return
        finally:
            os.close(descriptor)


def _is_still(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _drop_torn_line(descriptor: int) -> int:
    """Cut off a last line without its end, which a crash left; return the size, and stand there."""
    size = os.lseek(descriptor, 0, os.SEEK_END)
    end = size
    while end > 0:
        start = max(0, end - _CHUNK_BYTES)
        newline = os.pread(descriptor, end - start, start).rfind(b"\n")
        if newline >= 0:
            end = start + newline + 1
            break
        end = start
    if end < size:
        os.ftruncate(descriptor, end)
    os.lseek(descriptor, end, os.SEEK_SET)
    return end


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
