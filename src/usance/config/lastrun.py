"""The files in which cASO kept how far it had extracted: one a project, `lastrun.<project>`."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from usance.config.instants import parse_instant
from usance.model.errors import UsanceError

_LONGEST: Final = 256  # bytes; a time takes 32
_EXTRA: Final = timedelta(seconds=1)  # cASO wrote the end of its period plus one second


def read_lastrun(spool_dir: Path, project_id: str, names: Sequence[str] = ()) -> datetime | None:
    """Return the end of the last period that cASO extracted for a project; None if it never ran.

    Looks for the file of the project's id, then for those of *names* (what older configurations
    call the project); the latest counts. The instant is aware and in UTC, and less the second
    that cASO added. Raises UsanceError, which names the file, if it can't be read or holds no
    time: what cASO reported is never guessed.
    """
    found = [_read(path) for path in _candidates(spool_dir, (project_id, *names))]
    return max((instant for instant in found if instant is not None), default=None)


def _candidates(spool_dir: Path, names: Sequence[str]) -> list[Path]:
    safe = (name for name in dict.fromkeys(names) if name and "/" not in name and "\0" not in name)
    return [spool_dir / f"lastrun.{name}" for name in safe]


def _read(path: Path) -> datetime | None:
    try:
        with path.open("rb") as file:
            content = file.read(_LONGEST + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            return None
        raise UsanceError(
            f"{path} can't be read: {error.strerror}",
            hint="make it readable: it says up to when cASO has reported this project",
        ) from error
    try:
        return parse_instant(content.decode("ascii")) - _EXTRA
    except (ValueError, OverflowError):
        state = "is empty" if not content.strip() else "holds no time"
        raise UsanceError(
            f"{path} {state}, so it is not known up to when cASO has reported this project",
            hint="write the time of cASO's last good run into it, for instance 2026-11-21 12:00:00+00:00, "
            "or remove it to report everything again",
        ) from None
