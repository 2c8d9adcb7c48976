"""The command `usance`: its groups, and how it ends."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from usance import __version__
from usance.cli.collect import collect
from usance.cli.config import config
from usance.cli.configuration import DEBUG, examples
from usance.cli.db import db
from usance.cli.doctor import doctor
from usance.cli.ending import leave, run_to_end
from usance.cli.events import events
from usance.cli.extract import extract
from usance.cli.projects import projects
from usance.cli.publish import publish
from usance.cli.reconcile import reconcile
from usance.cli.report import report
from usance.cli.republish import republish
from usance.cli.serve import serve
from usance.cli.status import status
from usance.cli.takeover import import_
from usance.cli.validate import validate


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=examples("usance config check", "usance extract --dry-run", "usance extract", "usance status"),
)
@click.version_option(__version__, prog_name="usance")
def cli() -> None:
    """Account what the projects of an OpenStack cloud use.

    Exit status: 0 all done; 1 something failed, and what is said; 2 wrong usage or
    configuration; 75 another run holds the lock.
    """


for command in (
    extract,
    collect,
    events,
    reconcile,
    status,
    report,
    projects,
    doctor,
    publish,
    republish,
    validate,
    serve,
    import_,
    config,
    db,
):
    cli.add_command(command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and end the process with its exit status."""
    leave(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Run the command and return its exit status. What is no mistake of the operator's is raised."""
    seen: list[click.Context] = []

    def body() -> int:
        with cli.make_context("usance", list(arguments)) as context:
            seen.append(context)
            result = cli.invoke(context)
        return result if isinstance(result, int) else 0

    try:
        return run_to_end("usance", body, debug=lambda: bool(seen and seen[0].meta.get(DEBUG)))
    except click.exceptions.Exit as ending:
        return ending.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
