"""Files and directories that are whole or not there, whenever the process or the machine dies."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path
from typing import Final

_UNFINISHED: Final = 0o700


def sync_directory(path: Path) -> None:
    """Wait until the disk has the names in a directory."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_directory(path: Path, mode: int) -> None:
    """Make a directory of this mode, whatever the umask is; one that is there keeps its own.

    Unless a process of ours made it and died before it gave it the mode: nobody else could ever empty it.
    """
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=_UNFINISHED)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        # A link was made by somebody on purpose, and what it leads to is none of ours. Who may not
        # read the directory did not make it.
        if error.errno in {errno.ELOOP, errno.ENOTDIR, errno.EACCES}:
            return
        raise
    try:
        found = os.fstat(descriptor)
        if stat.S_IMODE(found.st_mode) & 0o777 == _UNFINISHED and found.st_uid == os.geteuid():
            os.fchmod(descriptor, mode)
    finally:
        os.close(descriptor)


def write_whole(path: Path, content: bytes, mode: int) -> None:
    """Write a file so that its name shows the whole content or nothing, and wait until the disk has it.

    Its mode is this one, whatever the umask is. The disk has its name once the directory is synced too.
    """
    temporary = path.with_name(f"{path.name}.tmp")
    with contextlib.suppress(FileNotFoundError):
        temporary.unlink()  # of a process that was killed
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
