"""Almanach, whose collector is replaced as well, as a peer: its environment, its configuration, its runs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import msgspec

from bench.child import Took, measure
from bench.place import directory

VERSION = "4.1.0"
"""The last one there is."""

TOPIC = "almanach"


class Collected(msgspec.Struct, frozen=True):
    """What `almanach_collect.py` says of itself."""

    messages: int  # after the first one
    seconds: float  # from the first to the last


def environment() -> Path | None:
    """Return its virtual environment, made from the package index if it isn't there; None if that fails.

    It is given the newest releases of its libraries that it does not exclude.
    """
    place = directory() / f"almanach-{VERSION}"
    done = place / "installed"
    if not done.exists():
        print(f"making the environment of Almanach {VERSION} in {place} ...", file=sys.stderr)
        shutil.rmtree(place, ignore_errors=True)
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            subprocess.run([sys.executable, "-m", "venv", str(place)], check=True, timeout=120)
            pip = [str(place / "bin" / "pip"), "--disable-pip-version-check", "install", "--quiet"]
            subprocess.run([*pip, f"almanach=={VERSION}"], check=True, timeout=900)
        except subprocess.SubprocessError as error:
            print(f"Almanach {VERSION} can't be installed, and is left out: {error}", file=sys.stderr)
            return None
        done.touch()
    return place


def run(place: Path, transport_url: str, work: Path) -> tuple[Collected, Took]:
    """Let its collector empty the queue `almanach.info` of a broker, and say how that went.

    It is not to sleep before it tries again what failed; by default that is 25 s, and it takes nothing else.
    """
    work.mkdir(parents=True, exist_ok=True)
    conf = work / "almanach.conf"
    lines = [
        "[collector]",
        f"transport_url = {transport_url}",
        f"topic = {TOPIC}",
        "retry_delay = 0",
        "[oslo_messaging_rabbit]",
        "amqp_durable_queues = true",  # as the queue is that it finds
    ]
    conf.write_text("\n".join(lines) + "\n", encoding="utf-8")
    took = measure(
        [place / "bin" / "python", Path(__file__).parent / "almanach_collect.py", conf],
        log=work / "almanach.log",
        environ={"PATH": "/usr/bin:/bin", "HOME": str(work), "TZ": "UTC", "PYTHONWARNINGS": "ignore"},
        cwd=work,
        limit_s=600,
    )
    return msgspec.json.decode(took.output.strip().splitlines()[-1], type=Collected), took
