"""Runs of Usance, through the command that takes cASO's place."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.child import Took, measure
from bench.place import beside_python


def run(work: Path, *, log: Path, expected: Sequence[int] = (0,)) -> Took:
    """Let Usance extract up to now, by the cloud's clock."""
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(work), "TZ": "UTC"}
    arguments: list[str | Path] = [beside_python("caso-extract"), "--config-file", work / "caso.conf"]
    return measure(arguments, log=log, environ=environ, cwd=work, expected=expected)
