"""Run benchmarks and print one table: `python -m bench [--quick] [--strict] [NAME ...]`."""

from __future__ import annotations

import argparse
import importlib
import os
import sys

from bench.figures import Figure, keep, show
from bench.place import directory

NAMES = (
    "timeline",
    "records",
    "ledger",
    "hear",
    "collect",
    "pipeline",
    "publish",
    "extract",
    "scale",
    "usage",
    "api",
    "sites",
    "lab",
)
"""Each of them is a module with a function `run`."""


def main() -> int:
    """Run what was asked for; with --strict, the exit status is 1 if a figure misses its aim."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="one of " + ", ".join(NAMES) + "; default: all"
    )
    parser.add_argument("--quick", action="store_true", help="smaller and once: does it work at all?")
    parser.add_argument("--strict", action="store_true", help="exit status 1 if a figure misses its aim")
    options = parser.parse_args()
    for name in options.names:
        if name not in NAMES:
            parser.error(f"there is no benchmark {name!r}")
    figures: list[Figure] = []
    for name in options.names or NAMES:
        print(f"{name} ...", file=sys.stderr, flush=True)
        found = importlib.import_module(f"bench.{name}").run(quick=options.quick)
        if found:
            keep(found, directory(), f"{name}-quick" if options.quick else name)
        figures += found
    show(figures)
    load = os.getloadavg()[0]
    print(
        f"{os.cpu_count()} processors; load {load:.1f} at the end."
        " Aims are for a machine that is otherwise idle."
    )
    return 1 if options.strict and any(one.met is False for one in figures) else 0


if __name__ == "__main__":
    sys.exit(main())
