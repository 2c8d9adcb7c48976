"""The queues that messages are taken from: dirq's simple layout, or a plain directory of files.

In a dirq, `<path>/<8 hex>/<14 hex>`, an element is locked by a file `<element>.lck` beside it. SSM
makes it a second name of the element; ours says who we are instead, which every reader of the
queue respects just the same, or nothing, where we died before we said it. Since one process at a
time may hold the whole queue (a lock of the kernel's on its directory), a lock of ours that is found
was left by a process that died, and is taken at once; SSM's, which may be in use, only when it is old.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol

from usance.model.errors import ConfigurationError, DeliveryError, LockHeldError

MAX_LOCK_S: Final = 600  # dirq's own: an older lock is a dead sender's
MAX_TEMPORARY_S: Final = 300  # dirq's own: an older half-written element is never finished
LARGEST: Final = 64 << 20  # bytes of a message; larger ones are not even read

_DIRECTORY: Final = re.compile(r"[0-9a-f]{8}")
# The parts of a message that was split have a name behind its own: they come back from the dead letters.
_ELEMENT: Final = re.compile(r"[0-9a-f]{14}(-[01]{1,32})?")
_OURS: Final = b"usance\n"
_LOCK: Final = ".lck"
_TEMPORARY: Final = ".tmp"
# What programs call files that they are still writing, and what lies beside messages.
_NO_MESSAGES: Final = (_TEMPORARY, _LOCK, ".reason", ".part", ".swp", "~")


class UnreadableError(Exception):
    """A message can't be read, and never will."""


class Queue(Protocol):
    """Where messages wait. Names are in the order in which they should go."""

    path: Path

    def names(self) -> list[str]:
        """Return the names of what waits, locked or not."""
        ...

    def take(self, name: str) -> bytes | None:
        """Lock a message and return it; None if another sender has it, or sent it.

        Raises UnreadableError for what is no message (it stays locked), and OSError.
        """
        ...

    def remove(self, name: str) -> None:
        """Remove a message that was taken, with its lock."""
        ...

    def release(self, name: str) -> None:
        """Let others have a message that was taken."""
        ...

    def purge(self) -> None:
        """Remove what dead senders and writers left behind."""
        ...


def open_queue(path: Path, path_type: str, *, max_lock_s: int = MAX_LOCK_S) -> Queue:
    """Return the queue in a directory. Raises ConfigurationError for what is none."""
    if not path.name:
        raise ConfigurationError(f"{path} can't be a queue", hint="name a directory below it")
    with contextlib.suppress(OSError):  # it is told, with the reason, by who reads the queue
        if path.exists() and not path.is_dir():
            raise ConfigurationError(f"the queue {path} is not a directory")
    return DirqQueue(path, max_lock_s=max_lock_s) if path_type == "dirq" else DirectoryQueue(path)


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """Keep other processes of ours from a queue. Raises LockHeldError if one has it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise DeliveryError(
            f"the queue {path} can't be read: {error.strerror}", hint="let this account read and write it"
        ) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LockHeldError(f"another sender is emptying the queue {path}") from None
        yield
    finally:
        os.close(descriptor)


def read_message(path: Path) -> bytes:
    """Return what is in a file, locked or not. Raises UnreadableError for what is no message, and OSError."""
    return _content(path)[0]


class DirqQueue:
    """A queue in the simple layout of dirq (`dirq.QueueSimple`, Perl's `Directory::Queue::Simple`)."""

    def __init__(self, path: Path, *, max_lock_s: int = MAX_LOCK_S) -> None:
        self.path = path
        self._max_lock_s = max_lock_s

    def names(self) -> list[str]:
        """Return the names of all elements."""
        return [
            f"{minute}/{element}"
            for minute in self._minutes()
            for element in sorted(_listed(self.path / minute))
            if _ELEMENT.fullmatch(element)
        ]

    def _minutes(self) -> list[str]:
        return sorted(one for one in _listed(self.path) if _DIRECTORY.fullmatch(one))

    def take(self, name: str) -> bytes | None:
        """Lock an element and return what is in it."""
        if not self._lock(name):
            return None
        try:
            _hold_removable(self.path / name)
            content, _ = _content(self.path / name)
        except FileNotFoundError:  # it was sent before we locked it
            self.release(name)
            return None
        return content

    def _lock(self, name: str) -> bool:
        lock = self.path / f"{name}{_LOCK}"
        for _ in range(2):
            try:
                descriptor = os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
            except FileNotFoundError:  # with its minute
                return False
            except FileExistsError:
                if not self._is_stale(lock):
                    return False
                with contextlib.suppress(FileNotFoundError):
                    lock.unlink()
            else:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(_OURS)
                return True
        return False

    def _is_stale(self, lock: Path) -> bool:
        try:
            found = lock.lstat()
            if stat.S_ISREG(found.st_mode) and _is_ours(lock, found):
                return True
        except OSError:
            return False
        return _is_older(found, self._max_lock_s)

    def remove(self, name: str) -> None:
        """Remove an element, then its lock."""
        with contextlib.suppress(FileNotFoundError):
            (self.path / name).unlink()
        self.release(name)

    def release(self, name: str) -> None:
        """Remove the lock of an element."""
        with contextlib.suppress(FileNotFoundError):
            (self.path / f"{name}{_LOCK}").unlink()

    def purge(self) -> None:
        """Remove old temporary files, locks without an element, and empty minutes but the newest."""
        minutes = self._minutes()
        for minute in minutes:
            for name in _listed(self.path / minute):
                path = self.path / minute / name
                with contextlib.suppress(OSError):
                    old = _is_older(path.lstat(), MAX_TEMPORARY_S)
                    orphan = name.endswith(_LOCK) and not path.with_suffix("").exists()
                    if (name.endswith(_TEMPORARY) and old) or (orphan and self._is_stale(path)):
                        path.unlink()
        for minute in minutes[:-1]:
            with contextlib.suppress(OSError):  # somebody put something in
                (self.path / minute).rmdir()


class DirectoryQueue:
    """A directory whose files are messages, oldest first. It has no locks but that of the whole."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._taken: dict[str, tuple[int, int, int]] = {}  # what tells each file from its successor

    def names(self) -> list[str]:
        """Return the names of all files that may be messages."""
        found: list[tuple[int, str]] = []
        for name in _listed(self.path):
            if name.startswith(".") or name.endswith(_NO_MESSAGES):
                continue
            with contextlib.suppress(FileNotFoundError):
                status = (self.path / name).lstat()
                if stat.S_ISREG(status.st_mode):
                    found.append((status.st_mtime_ns, name))
        return [name for _, name in sorted(found)]

    def take(self, name: str) -> bytes | None:
        """Return what is in a file; None if it is empty and new: then somebody is about to write it."""
        path = self.path / name
        try:
            _hold_removable(path)
            content, status = _content(path)
        except FileNotFoundError:
            return None
        if not content and not _is_older(status, MAX_TEMPORARY_S):
            return None
        self._taken[name] = _mark(status)
        return content

    def remove(self, name: str) -> None:
        """Remove a file, unless somebody has written it anew since it was taken."""
        mark = self._taken.pop(name, None)
        with contextlib.suppress(FileNotFoundError):
            path = self.path / name
            if mark is None or _mark(path.lstat()) == mark:
                path.unlink()

    def release(self, name: str) -> None:
        """Do nothing: there was no lock."""

    def purge(self) -> None:
        """Do nothing: nothing is left behind."""


def _listed(path: Path) -> list[str]:
    try:
        return [one.name for one in path.iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise DeliveryError(
            f"the queue {path} can't be read: {error.strerror}", hint="let this account read and write it"
        ) from error


def _is_older(status: os.stat_result, seconds: int) -> bool:
    """Tell whether a file was written longer ago; one from the future was, before the clock was set back."""
    return abs(time.time() - status.st_mtime) > seconds


def _is_ours(lock: Path, found: os.stat_result) -> bool:
    """Tell whether we made a lock; who died before it said so left it empty, and with one name."""
    if found.st_size == 0:
        return found.st_nlink == 1
    return found.st_size == len(_OURS) and lock.read_bytes() == _OURS


def _mark(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_ino, status.st_mtime_ns, status.st_size


def _hold_removable(path: Path) -> None:
    """Raise PermissionError for what we could not remove once it is sent: it would be sent for ever."""
    around, own = path.parent.stat(), os.geteuid()
    may = os.access(path.parent, os.W_OK | os.X_OK, effective_ids=True)
    if around.st_mode & stat.S_ISVTX and own not in {0, around.st_uid, path.lstat().st_uid}:
        may = False
    if not may:
        reason = f"this account may not remove it from {path.parent}"
        raise PermissionError(errno.EACCES, reason, str(path))


def _content(path: Path) -> tuple[bytes, os.stat_result]:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if path.is_symlink():
            raise UnreadableError("it is a symbolic link, no file") from error
        raise
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableError("it is no file")
        if status.st_size > LARGEST:
            raise UnreadableError(f"its {status.st_size} bytes are more than any message has")
        return file.read(LARGEST + 1), status
