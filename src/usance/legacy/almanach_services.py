"""`almanach-api` and `almanach-collector`, as Almanach 3.3 and 4.x are started."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from usance.cli.ending import leave, run_to_end, wants_debug
from usance.cli.serve import serve_api
from usance.config.almanach_options import MONGO
from usance.config.files import configuration_files
from usance.config.load import Configuration, Need, read_configuration
from usance.config.logs import set_up_logging
from usance.config.rawfile import RawFiles
from usance.config.serving import ALMANACHS_KEY
from usance.config.settings import without_password
from usance.legacy.almanach_ini import ledger_overrides
from usance.legacy.caso_line import parse_line

LOG = logging.getLogger(__name__)
API: Final = "almanach-api"
COLLECTOR: Final = "almanach-collector"

_LEDGER: Final = (("usance", "ledger_url"), ("DEFAULT", "spooldir"))
_KEY: Final = (("auth", "private_key"), ("auth", "private-key"))


def main_api(arguments: Sequence[str] | None = None) -> None:
    """Serve the API, and end the process with its exit status: 0, 1 or 2, as `usance serve`."""
    leave(run_api(sys.argv[1:] if arguments is None else arguments))


def main_collector(arguments: Sequence[str] | None = None) -> None:
    """Listen to notifications, and end the process with its exit status, as `usance collect`."""
    leave(run_collector(sys.argv[1:] if arguments is None else arguments))


def run_api(arguments: Sequence[str]) -> int:
    """Serve the API as a command line of Almanach says; return the exit status."""

    def serve(configuration: Configuration) -> int:
        serve_api(configuration.settings)
        return 0

    return _run(API, arguments, Need.API, serve)


def run_collector(arguments: Sequence[str]) -> int:
    """Listen to notifications as a command line of Almanach says; return the exit status."""
    from usance.cli.collect import collect_for  # noqa: PLC0415 - the API does without it

    return _run(COLLECTOR, arguments, Need.NOTHING, collect_for)


def _run(program: str, arguments: Sequence[str], need: Need, service: Callable[[Configuration], int]) -> int:
    def body() -> int:
        line = parse_line(program, arguments, common=())
        files = configuration_files("almanach", line.files, line.directories, os.environ)
        overrides = line.overrides | defaults_of_4(files, os.environ)
        configuration = read_configuration(files, overrides, os.environ, need=need, only=line.clouds)
        set_up_logging(configuration.conf, program, plain=False)
        for finding in configuration.findings:
            level = logging.INFO if MONGO in finding.message else logging.WARNING
            if finding in configuration.warnings or MONGO in finding.message:
                LOG.log(level, "%s", finding)
        LOG.info("the ledger is %s", without_password(configuration.settings.ledger_url))
        return service(configuration)

    return run_to_end(program, body, debug=lambda: wants_debug(arguments))


def defaults_of_4(files: Sequence[Path], environ: Mapping[str, str]) -> dict[str, Any]:
    """Return what Almanach took for granted where its files say nothing, and where the ledger is.

    Its private key was `secret`: it goes on to be, as far as `usance serve` lets it.
    """
    raw = RawFiles(files)
    is_written = any(
        raw.find(group, name) or f"OS_{group.upper()}__{name.upper()}" in environ for group, name in _LEDGER
    )
    overrides = ledger_overrides(environ, is_written=is_written)
    if not (any(raw.find(*one) for one in _KEY) or "OS_AUTH__PRIVATE_KEY" in environ):
        overrides["auth.private_key"] = ALMANACHS_KEY
    if raw.find("collector", "queue") and not raw.find("collector", "durable"):
        overrides["collector.durable"] = "false"  # as 3.3 made its queue
    return overrides
