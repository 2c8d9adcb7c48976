"""`almanach api|collector CONFIG`, as Almanach 3.x is started."""

from __future__ import annotations

import argparse
import logging
import logging.config
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from usance.cli.ending import leave, run_to_end
from usance.cli.serve import serve_api
from usance.config.load import Configuration, Need, read_configuration
from usance.config.settings import without_password
from usance.legacy.almanach_ini import AlmanachFile, bind_overrides, read_ini
from usance.model.errors import ConfigurationError

LOG = logging.getLogger(__name__)
PROGRAM: Final = "almanach"

_FORMAT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and end the process: 0 when told to end, 1 for trouble, 2 for a wrong configuration."""
    leave(run(sys.argv[1:] if arguments is None else arguments))


def command_line() -> argparse.ArgumentParser:
    """Return the command line, which is Almanach's."""
    parser = argparse.ArgumentParser(prog=PROGRAM)
    parser.add_argument(
        "service", help="Service to execute: 'api' or 'collector'", choices=["api", "collector"]
    )
    parser.add_argument("config_file", type=Path, help="Config file path")
    parser.add_argument("--logging", type=Path, help="Logger configuration")
    parser.add_argument("--port", type=int, default=8000, help="API HTTP port (default is 8000)")
    parser.add_argument(
        "--host", default="127.0.0.1", help="API hostname to listen on (default is 127.0.0.1)"
    )
    return parser


def run(arguments: Sequence[str]) -> int:
    """Run one of the services; return the exit status."""
    options = command_line().parse_args(list(arguments))

    def body() -> int:
        file = read_ini(options.config_file, os.environ)
        overrides = file.overrides | bind_overrides(options.host, options.port)
        need = Need.API if options.service == "api" else Need.NOTHING
        configuration = read_configuration([], overrides, os.environ, need=need)
        _set_up_logging(options.logging)
        _say(file, configuration)
        if options.service == "collector":
            from usance.cli.collect import collect_for  # noqa: PLC0415 - the API does without it

            return collect_for(configuration)
        serve_api(configuration.settings)
        return 0

    return run_to_end(PROGRAM, body, debug=lambda: False)


def _set_up_logging(path: Path | None) -> None:
    if path is None:
        logging.basicConfig(stream=sys.stdout, level=logging.INFO, format=_FORMAT, force=True)
        for name in ("httpx2", "httpcore2", "urllib3", "keystoneauth", "alembic"):
            logging.getLogger(name).setLevel(logging.WARNING)
        return
    try:
        logging.config.fileConfig(path, disable_existing_loggers=False)
    except Exception as error:
        # It may raise anything: the file names classes, and is evaluated as Python in part.
        raise ConfigurationError(
            f"the logging configuration {path} can't be used: {type(error).__name__}: {error}",
            hint="its form is that of logging.config.fileConfig",
        ) from error


def _say(file: AlmanachFile, configuration: Configuration) -> None:
    for sentence in (*file.unknown, *map(str, configuration.warnings)):
        LOG.warning("%s", sentence)
    for sentence in file.gone:
        LOG.info("%s", sentence)
    LOG.info("the ledger is %s", without_password(configuration.settings.ledger_url))
