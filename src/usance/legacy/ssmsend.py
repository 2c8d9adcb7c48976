"""`ssmsend`, as cron jobs call it: SSM's sender, with its configuration, its log, and its exit statuses."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from usance import __version__
from usance.cli.columns import printable
from usance.cli.ending import leave
from usance.legacy.sender_cfg import SenderFile, read_sender_file
from usance.model.errors import ConfigurationError, LockHeldError, UsanceError

LOG = logging.getLogger("ssmsend")
PROGRAM: Final = "ssmsend"
CONFIGURATION: Final = Path("/etc/apel/sender.cfg")
LINE: Final = "========================================"

_FORMAT: Final = "%(asctime)s - %(name)s - %(levelname)s - %(message)s"
_QUIET: Final = ("httpx2", "httpcore2", "asyncio")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and end the process with its exit status."""
    leave(run(sys.argv[1:] if arguments is None else arguments))


def command_line() -> argparse.ArgumentParser:
    """Return the command line, which is SSM's."""
    parser = argparse.ArgumentParser(prog=PROGRAM, description="Send the messages of a queue, signed.")
    parser.add_argument(
        "-c",
        "--config",
        type=Path,
        default=CONFIGURATION,
        metavar="FILE",
        help=f"Configuration, as SSM's. Default: {CONFIGURATION}.",
    )
    parser.add_argument("-l", "--log_config", metavar="FILE", help="It has no effect any more, as in SSM 3.")
    parser.add_argument("-v", "--version", action="version", version=f"{PROGRAM} (Usance {__version__})")
    return parser


def run(arguments: Sequence[str]) -> int:
    """Send what is in the queue; return 0 if all went, 75 if another sender is at it, else 1.

    What can never go is put aside into `<path>-dead`, with a reason, so that it holds back nothing;
    the run that does it ends with 1.
    """
    options = command_line().parse_args(list(arguments))
    try:
        file = read_sender_file(options.config, os.environ)
        _set_up_logging(file)
    except UsanceError as error:
        click.echo(f"{PROGRAM}: {printable(str(error))}", err=True)
        return 1
    LOG.info(LINE)
    LOG.info("Starting sending, Usance %s.", __version__)
    if options.log_config is not None:
        LOG.warning("-l has no effect: logging is configured in [logging] of %s", options.config)
    for warning in file.warnings:
        LOG.warning("%s: %s", options.config, warning)
    status = _send(file)
    if status:
        click.echo("SSM failed to complete successfully.  See log file for details.")
    LOG.info("Sending has ended.")
    LOG.info(LINE)
    return status


def _send(file: SenderFile) -> int:
    settings = file.publish
    try:
        from usance.sending.publishing import publish  # noqa: PLC0415 - mistakes in the file are told without it

        LOG.info("Protocol %s, destination %s", settings.protocol, settings.queues[0].destination)
        try:
            settings.queues[0].path.stat()
        except FileNotFoundError:
            LOG.warning("there is no queue %s (yet): see [messaging] path", settings.queues[0].path)
        except OSError as error:
            LOG.warning("the queue can't be seen: %s", error)
        report = publish(settings)
    except LockHeldError as error:
        LOG.error("%s", error)  # noqa: TRY400 - a sentence for the operator, no traceback
        return error.exit_status
    except UsanceError as error:
        LOG.error("Nothing was sent: %s", error)  # noqa: TRY400 - as above
        return 1
    except Exception:
        LOG.exception("Nothing more was sent, by a fault of this program:")
        return 1
    [queue] = report.queues
    LOG.info("%d messages sent, %d put aside, %d left", queue.sent, queue.dead, queue.left)
    if queue.error:
        LOG.error("%s", queue.error)
    return report.exit_status


def _set_up_logging(file: SenderFile) -> None:
    handlers: list[logging.Handler] = []
    try:
        if file.logfile is not None:
            handlers.append(logging.FileHandler(file.logfile, encoding="utf-8", errors="backslashreplace"))
    except OSError as error:
        raise ConfigurationError(
            f"the log file {file.logfile} can't be written: {error.strerror}",
            hint="see [logging] logfile",
        ) from error
    if file.console or file.logfile is None:
        handlers.append(logging.StreamHandler(sys.stdout))
    logging.basicConfig(level=file.level, format=_FORMAT, handlers=handlers, force=True)
    for name in _QUIET:
        # At DEBUG they would log requests, and these hold tokens.
        logging.getLogger(name).setLevel(logging.WARNING)
