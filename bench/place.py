"""Where the benchmarks keep what they make."""

from __future__ import annotations

import os
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent


def directory() -> Path:
    """Return the directory of all that benchmarks make: USANCE_BENCH_DIR, or var/bench."""
    return Path(os.environ.get("USANCE_BENCH_DIR") or REPOSITORY / "var" / "bench").resolve()


def beside_python(name: str) -> Path:
    """Return a command that is installed in the environment that runs this."""
    return Path(sys.executable).parent / name
