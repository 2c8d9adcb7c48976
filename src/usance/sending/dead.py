"""Dead letters: messages that can never go, beside their queue, each with the reason.

For the queue `<path>` they lie in `<path>-dead`, under their names; a file `<name>.reason` says
why. No reader of the queue sees them. Who mended one moves it back under its name. Other
messages that come under the name of one that is there get a number behind it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path
from typing import Final

_MOST_OF_A_NAME: Final = 1000
MODE: Final = 0o750  # messages name users: nobody else needs to read them


class DeadLetters:
    """The dead letters of one queue."""

    def __init__(self, queue: Path) -> None:
        self._queue = queue
        self.path = queue.with_name(f"{queue.name}-dead")

    def put(self, name: str, body: bytes, reason: str) -> None:
        """Keep a message and its reason, and wait until the disk has them. Raises OSError."""
        place = self._place(name, body)
        self._write(place.with_name(f"{place.name}.reason"), f"{reason}\n".encode())
        self._write(place, body)
        _sync(place.parent)

    def move(self, name: str, source: Path, reason: str) -> None:
        """Keep a file of the queue that is too large to be read, and its reason. Raises OSError."""
        place = self._place(name)
        self._write(place.with_name(f"{place.name}.reason"), f"{reason}\n".encode())
        source.rename(place)
        _sync(place.parent)

    def _place(self, name: str, body: bytes | None = None) -> Path:
        """Return where a message may be kept; another one of the same name stays where it is."""
        mode = stat.S_IMODE(self._queue.stat().st_mode) if self._queue.exists() else MODE
        place = self.path / name
        for directory in (self.path, place.parent):
            with contextlib.suppress(FileExistsError):
                directory.mkdir(mode=MODE)
                directory.chmod(mode)
        free = place
        for number in range(1, _MOST_OF_A_NAME + 1):
            if not _is_taken(free, body):
                return free
            free = place.with_name(f"{place.name}.{number}")
        raise FileExistsError(errno.EEXIST, "too many dead letters have this name", str(place))

    def _write(self, path: Path, content: bytes) -> None:
        temporary = path.with_name(f"{path.name}.tmp")
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)


def _is_taken(place: Path, body: bytes | None) -> bool:
    try:
        status = place.lstat()
    except FileNotFoundError:
        return False
    same = stat.S_ISREG(status.st_mode) and body is not None and status.st_size == len(body)
    return not (same and place.read_bytes() == body)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
