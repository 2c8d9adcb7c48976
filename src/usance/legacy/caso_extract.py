"""`caso-extract`, as cron jobs call it."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from usance.cli.ending import leave, run_to_end, wants_debug
from usance.extraction.garbage import collected_rarely

PROGRAM = "caso-extract"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and end the process with its exit status: 0, 1, 2 or 75, as `usance extract`."""
    leave(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Extract as a command line of any cASO says; return the exit status."""

    def body() -> int:
        with collected_rarely():
            from usance.legacy.caso_run import extract_as_caso  # noqa: PLC0415 - imports make garbage, too

            return extract_as_caso(PROGRAM, arguments)

    return run_to_end(PROGRAM, body, debug=lambda: wants_debug(arguments))
