"""cASO, the program that is replaced, as a peer: its environment, its configuration, its runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import datetime
from pathlib import Path

from bench.child import Took, measure
from bench.place import directory

VERSION = "5.2.2"
"""The version that is compared with: the newest one."""

ALL_EXTRACTORS = "nova,cinder,neutron"
"""What it extracts by default."""


def environment() -> Path:
    """Return the virtual environment of the peer, made from the package index if it isn't there.

    The variable USANCE_BENCH_PEER names one that exists already.
    """
    chosen = os.environ.get("USANCE_BENCH_PEER")
    place = Path(chosen) if chosen else directory() / f"caso-{VERSION}"
    command = place / "bin" / "caso-extract"
    if not chosen and not command.exists():
        print(f"making the environment of cASO {VERSION} in {place} ...", file=sys.stderr)
        shutil.rmtree(place, ignore_errors=True)
        place.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, "-m", "venv", str(place)], check=True, timeout=120)
        pip = [str(place / "bin" / "pip"), "--disable-pip-version-check", "install", "--quiet"]
        subprocess.run([*pip, f"caso=={VERSION}"], check=True, timeout=900)
    if not command.exists():
        raise FileNotFoundError(f"{command} does not exist")
    return place


def run(work: Path, *, until: datetime, log: Path, debug: bool = False) -> Took:
    """Let cASO extract up to an instant, from its lastrun files (or 1970) on."""
    # TZ: it writes local times into records unless the machine's zone is UTC.
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(work), "TZ": "UTC", "PYTHONWARNINGS": "ignore"}
    arguments: list[str | Path] = [
        environment() / "bin" / "caso-extract",
        "--config-file",
        work / "caso.conf",
        "--extract-to",
        until.strftime("%Y-%m-%dT%H:%M:%S"),
        *(["--debug"] if debug else []),
    ]
    return measure(arguments, log=log, environ=environ, cwd=work)
