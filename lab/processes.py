"""Starting, watching and stopping the lab's processes, each by its own id."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from place import Place


class LabError(Exception):
    """The lab can't do what it was asked for; the message says why and where to look."""


def say(text: str) -> None:
    """Tell the user what goes on, on standard error."""
    print(time.strftime("%H:%M:%S"), text, file=sys.stderr, flush=True)


def birth(pid: int) -> str | None:
    """Return when a process started, in ticks since boot: with the id, this names it for good."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else fields[19]


def running(place: Place, name: str) -> int | None:
    """Return the id of the process that we started under this name, if it still runs."""
    try:
        pid, born = (place.run / f"{name}.pid").read_text(encoding="utf-8").split()
    except (OSError, ValueError):
        return None
    return int(pid) if birth(int(pid)) == born else None


def start(place: Place, name: str, command: Sequence[str], extra: dict[str, str] | None = None) -> None:
    """Start a process in a session of its own, unless it runs already."""
    if running(place, name):
        return
    with (place.log / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=place.environment() | (extra or {}),
            cwd=place.run,
            start_new_session=True,
        )
    (place.run / f"{name}.pid").write_text(f"{process.pid} {birth(process.pid)}\n", encoding="utf-8")


def stop(place: Place, names: Iterable[str], grace_s: float = 5) -> None:
    """End the named processes together; what is left of them after the grace is killed."""
    found = {name: pid for name in names if (pid := running(place, name))}
    for pid in found.values():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    limit = time.monotonic() + grace_s
    while time.monotonic() < limit and any(running(place, name) for name in found):
        time.sleep(0.05)
    for name, pid in found.items():
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)  # its children too: it leads a session
        (place.run / f"{name}.pid").unlink(missing_ok=True)


def call(place: Place, command: Sequence[str], log: str, extra: dict[str, str] | None = None) -> None:
    """Run one step of the set-up to its end; its output goes to a log."""
    began = time.monotonic()
    path = place.log / f"{log}.log"
    with path.open("ab") as out:
        status = subprocess.call(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=place.environment() | (extra or {})
        )
    shown = " ".join(Path(word).name for word in command if not word.startswith("--config-file"))
    if status:
        raise LabError(f"{shown} ended with {status}; see {path}")
    say(f"  {time.monotonic() - began:4.1f} s  {shown[:90]}")


def wait_until(place: Place, name: str, ready: Callable[[], bool], limit_s: float = 600) -> None:
    """Wait until a process that we started answers; fail at once when it dies."""
    limit = time.monotonic() + limit_s
    trouble: Exception | None = None
    while time.monotonic() < limit:
        if not running(place, name):
            raise LabError(f"{name} ended; see {place.log / name}.log")
        try:
            if ready():
                return
        except OSError as error:
            trouble = error
        time.sleep(0.1)
    raise LabError(f"{name} did not answer within {limit_s:.0f} s ({trouble}); see {place.log / name}.log")


def listens(port: int) -> bool:
    """Say whether something accepts connections on a loopback port."""
    with socket.create_connection(("127.0.0.1", port), 1):
        return True


def answers(url: str) -> bool:
    """Say whether an HTTP service is there: anything below 500 is an answer."""
    try:
        with urllib.request.urlopen(url, timeout=20):  # noqa: S310 - our own address on loopback
            return True
    except urllib.error.HTTPError as error:
        return error.code < 500
