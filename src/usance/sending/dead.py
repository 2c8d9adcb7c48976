"""Dead letters: messages that can never go, beside their queue, each with the reason.

For the queue `<path>` they lie in `<path>-dead`, under their names; a file `<name>.reason` says
why. No reader of the queue sees them. Who mended one moves it back under its name. Other
messages that come under the name of one that is there get a number behind it.
"""

from __future__ import annotations

import contextlib
import errno
import stat
from pathlib import Path
from typing import Final

from usance.durable import make_directory, sync_directory, write_whole

_MOST_OF_A_NAME: Final = 1000
_MODE: Final = 0o750  # messages name users: nobody else needs to read them


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
        self._sync(place)

    def move(self, name: str, source: Path, reason: str) -> None:
        """Keep a file of the queue that is too large to be read, and its reason. Raises OSError."""
        place = self._place(name)
        self._write(place.with_name(f"{place.name}.reason"), f"{reason}\n".encode())
        source.rename(place)
        self._sync(place)

    def _place(self, name: str, body: bytes | None = None) -> Path:
        """Return where a message may be kept; another one of the same name stays where it is."""
        place = self.path / name
        for directory in (self.path, place.parent):
            make_directory(directory, self._mode())
        free = place
        for number in range(1, _MOST_OF_A_NAME + 1):
            if not _is_taken(free, body):
                return free
            free = place.with_name(f"{place.name}.{number}")
        raise FileExistsError(errno.EEXIST, "too many dead letters have this name", str(place))

    def _write(self, path: Path, content: bytes) -> None:
        write_whole(path, content, self._mode() & 0o666)

    def _mode(self) -> int:
        """Return the mode of the queue: who empties it may read what could not be sent, and mend it."""
        return stat.S_IMODE(self._queue.stat().st_mode) if self._queue.exists() else _MODE

    def _sync(self, place: Path) -> None:
        sync_directory(place.parent)
        sync_directory(self.path)
        with contextlib.suppress(PermissionError):  # we may make names in it and not list them
            sync_directory(self.path.parent)


def _is_taken(place: Path, body: bytes | None) -> bool:
    try:
        status = place.lstat()
    except FileNotFoundError:
        return False
    same = stat.S_ISREG(status.st_mode) and body is not None and status.st_size == len(body)
    return not (same and place.read_bytes() == body)
