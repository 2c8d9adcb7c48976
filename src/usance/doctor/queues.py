"""The queues on disk: whether they can be written, what waits in them, and since when."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from usance.config.settings import QueueSettings
from usance.doctor.check import HERE, Check, Verdict
from usance.model.errors import UsanceError
from usance.sending.dead import DeadLetters
from usance.sending.queues import open_queue

OLD: Final = timedelta(days=1)
LEAST_FREE: Final = 256 << 20  # bytes
_MOST: Final = 100_000  # files that are looked at


def queue_checks(queue: QueueSettings, now: datetime, *, max_lock_s: int) -> list[Check]:
    """Return what there is to say of one queue. Nothing in it is touched."""
    name = f"Queue {queue.path}"
    if queue.path.exists() and not queue.path.is_dir():
        return [Check(name, HERE, Verdict.ERROR, f"{queue.path} is no directory", "name another one")]
    place = _nearest(queue.path)
    if not os.access(place, os.W_OK | os.X_OK):
        return [
            Check(
                name,
                HERE,
                Verdict.MISSING,
                f"this account may not write into {place}",
                "let it, or run this as the account of the cron job",
            )
        ]
    checks = [*_space(name, place)]
    if place != queue.path:
        checks.append(Check(name, HERE, Verdict.OK, "it is not there yet: the first message makes it"))
        return checks
    try:
        waiting = open_queue(queue.path, queue.path_type).names()
    except UsanceError as error:
        return [Check(name, HERE, Verdict.ERROR, error.message, error.hint)]
    return [
        *checks,
        *_waiting(name, queue, waiting, now),
        *_dead(name, queue),
        *_locked(name, queue, now, max_lock_s),
    ]


def _nearest(path: Path) -> Path:
    """Return the path, or the nearest directory above it that there is."""
    return next((one for one in (path, *path.parents) if one.exists()), Path("/"))


def _space(name: str, place: Path) -> Iterator[Check]:
    free = shutil.disk_usage(place).free
    if free < LEAST_FREE:
        sentence = f"there are only {free >> 20} MiB free in {place}"
        yield Check(name, HERE, Verdict.WARNING, sentence, "make room: a full disk stops the accounting")


def _waiting(name: str, queue: QueueSettings, waiting: list[str], now: datetime) -> Iterator[Check]:
    times = [at for one in waiting[:_MOST] if (at := _written(queue.path / one)) is not None]
    if not times:
        yield Check(name, HERE, Verdict.OK, "nothing waits")
        return
    age = now - min(times)
    told = f"{len(waiting)} messages wait, the oldest for {_days(age)}"
    if age < OLD:
        yield Check(name, HERE, Verdict.OK, told)
        return
    sender = "see whether usance publish or ssmsend runs, and what it says"
    if queue.destination is None:
        sender += "; for usance publish the queue has no destination (see [publish] destination)"
    yield Check(name, HERE, Verdict.WARNING, told, sender)


def _dead(name: str, queue: QueueSettings) -> Iterator[Check]:
    place = DeadLetters(queue.path).path
    letters = [one for one in _files(place) if not one.name.endswith((".reason", ".tmp"))]
    if letters:
        yield Check(
            name,
            HERE,
            Verdict.WARNING,
            f"{len(letters)} messages can never be sent, and lie in {place}",
            "read the file <name>.reason beside each of them",
        )


def _locked(name: str, queue: QueueSettings, now: datetime, max_lock_s: int) -> Iterator[Check]:
    locks = [one for one in _files(queue.path) if one.name.endswith(".lck")]
    old = [
        at for one in locks if (at := _written(one)) is not None and now - at > timedelta(seconds=max_lock_s)
    ]
    if old:
        yield Check(
            name,
            HERE,
            Verdict.WARNING,
            f"{len(old)} messages are locked by a sender that died, since {_days(now - min(old))}",
            "usance publish frees them; of SSM's sender they stay until somebody removes the .lck files",
        )


def _files(place: Path) -> list[Path]:
    found: list[Path] = []
    for directory, _, names in os.walk(place, onerror=None):
        found += [Path(directory, name) for name in names]
        if len(found) > _MOST:
            break
    return found


def _written(path: Path) -> datetime | None:
    try:
        return datetime.fromtimestamp(path.lstat().st_mtime, UTC)
    except OSError:
        return None


def _days(age: timedelta) -> str:
    if age >= timedelta(days=2):
        return f"{age.days} days"
    hours, minutes = age // timedelta(hours=1), age // timedelta(minutes=1)
    return f"{hours} hours" if hours >= 2 else f"{minutes} minutes"
