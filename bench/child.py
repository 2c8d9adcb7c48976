"""Running a program as a child, and what it took: time, processor time, memory."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec


class Took(msgspec.Struct, frozen=True):
    """What one run of a program took."""

    wall_s: float
    cpu_s: float  # in user and in system mode
    peak_rss_mib: float
    status: int  # its exit status
    output: str  # what it printed, both streams; the last 64 KiB


class RunFailedError(Exception):
    """A program that is measured must end well: a run that failed measures nothing."""


def measure(
    arguments: Sequence[str | Path],
    *,
    log: Path,
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    limit_s: float = 3600,
    expected: Sequence[int] = (0,),
) -> Took:
    """Run a program to its end and say what it took.

    *log* gets what it prints. The kernel's own accounting of the child is used (wait4), so nothing
    runs beside it but a small process that waits. Raises RunFailedError for another exit status than
    the expected ones, and for a program that needs longer than *limit_s*.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    usage_file = log.with_name(f"{log.name}.usage")
    with log.open("wb") as out:
        begin = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _STARTER, str(usage_file), *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=None if environ is None else dict(environ),
            cwd=cwd,
            start_new_session=True,
        )
        try:
            process.wait(limit_s)
        except BaseException as error:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if isinstance(error, subprocess.TimeoutExpired):
                raise RunFailedError(f"{arguments[0]} took longer than {limit_s} s") from error
            raise
        wall_s = time.monotonic() - begin
    with log.open("rb") as written:
        written.seek(max(log.stat().st_size - 65536, 0))
        output = written.read().decode("utf-8", "replace")
    cpu_s, peak_kib = map(float, usage_file.read_text(encoding="ascii").split())
    took = Took(
        wall_s=wall_s,
        cpu_s=cpu_s,
        peak_rss_mib=peak_kib / 1024,
        status=process.returncode,
        output=output,
    )
    if took.status not in expected:
        name = Path(arguments[0]).name
        raise RunFailedError(f"{name} ended with {took.status}; see {log}\n{output[-2000:]}")
    return took


_STARTER = """
import os, resource, sys
child = os.fork()
if not child:
    os.execvp(sys.argv[2], sys.argv[2:])
_, status, usage = os.wait4(child, 0)
with open(sys.argv[1], "w") as file:
    file.write(f"{usage.ru_utime + usage.ru_stime} {usage.ru_maxrss}")
os._exit(os.waitstatus_to_exitcode(status) & 255)
"""
"""A small process between us and the program: the kernel counts the memory of whoever starts a
program as that program's own peak, and we may have grown."""


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a server that we started: politely, then not."""
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
