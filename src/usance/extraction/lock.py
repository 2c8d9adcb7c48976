"""The lock that keeps two runs from working on one spool directory at once."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from usance.model.errors import ConfigurationError, LockHeldError

_POLL_S = 0.2


@contextmanager
def run_lock(directory: Path, *, timeout_s: int) -> Iterator[None]:
    """Hold the lock of a directory; the kernel releases it however the process ends.

    Waits up to *timeout_s* seconds for another run to end, then raises LockHeldError (exit
    status 75). Raises ConfigurationError if the directory can't be used.
    """
    path = directory / "usance.lock"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise ConfigurationError(
            f"the lock file {path} can't be opened: {error.strerror}",
            hint="make the directory writable, or set lock_path to one that is",
        ) from error
    try:
        _acquire(descriptor, path, timeout_s)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, path: Path, timeout_s: int) -> None:
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise LockHeldError(_held_by(descriptor, path)) from None
            time.sleep(min(_POLL_S, max(deadline - time.monotonic(), 0)))
        else:
            return


def _held_by(descriptor: int, path: Path) -> str:
    holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
    who = f"process {holder}" if holder.isdigit() else "another run"
    return f"{who} holds the lock {path}"
