"""Running a program as a child, and what it took: time, processor time, memory."""

from __future__ import annotations

import os
import resource
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
    runs beside it. Raises RunFailedError for another exit status than the expected ones, and
    for a program that needs longer than *limit_s*.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as out:
        begin = time.monotonic()
        # A small starter goes between: the kernel counts the memory of whoever starts a program
        # as that program's own peak, and this process may have grown.
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _STARTER, *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=None if environ is None else dict(environ),
            cwd=cwd,
        )
        try:
            usage = _wait(process, begin + limit_s)
        except BaseException:
            process.kill()
            process.wait()
            raise
        wall_s = time.monotonic() - begin
    with log.open("rb") as written:
        written.seek(max(log.stat().st_size - 65536, 0))
        output = written.read().decode("utf-8", "replace")
    took = Took(
        wall_s=wall_s,
        cpu_s=usage.ru_utime + usage.ru_stime,
        peak_rss_mib=usage.ru_maxrss / 1024,
        status=process.returncode,
        output=output,
    )
    if took.status not in expected:
        name = Path(arguments[0]).name
        raise RunFailedError(f"{name} ended with {took.status}; see {log}\n{output[-2000:]}")
    return took


_STARTER = "import os, sys; os.execvp(sys.argv[1], sys.argv[1:])"


def _wait(process: subprocess.Popen[bytes], deadline: float) -> resource.struct_rusage:
    """Wait for a child with a limit, and return what the kernel counted for it."""
    pause_s = 0.001
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return usage
        if time.monotonic() > deadline:
            raise RunFailedError(f"process {process.pid} took longer than its limit")
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.5, 0.02)


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
