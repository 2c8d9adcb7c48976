"""The command `usance`: its groups, and how it ends."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Final

import click

from usance import __version__
from usance.cli.ending import DEBUG, leave, run_to_end
from usance.cli.examples import examples
from usance.extraction.garbage import collected_rarely

_PLACES: Final = {
    "collect": ("collect", "collect"),
    "config": ("config", "config"),
    "db": ("db", "db"),
    "doctor": ("doctor", "doctor"),
    "events": ("events", "events"),
    "extract": ("extract", "extract"),
    "import": ("takeover", "import_"),
    "projects": ("projects", "projects"),
    "publish": ("publish", "publish"),
    "reconcile": ("reconcile", "reconcile"),
    "report": ("report", "report"),
    "republish": ("republish", "republish"),
    "serve": ("serve", "serve"),
    "status": ("status", "status"),
    "validate": ("validate", "validate"),
}
"""The module of each command, and its name there. It is imported when the command is asked for: what one
of them needs takes up to a second to import, and a run needs one."""


class _Commands(click.Group):
    """A group whose commands are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        """Return the names of all commands."""
        return sorted(_PLACES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of a name; None if there is none."""
        if cmd_name not in _PLACES:
            self.with_all()  # click looks among them for the one that is meant
        elif cmd_name not in self.commands:
            module, name = _PLACES[cmd_name]
            with collected_rarely():
                self.add_command(getattr(import_module(f"usance.cli.{module}"), name))
        return super().get_command(ctx, cmd_name)

    def with_all(self) -> click.Group:
        """Return the group with all its commands imported, for who reads them all."""
        context = click.Context(self)
        for name in self.list_commands(context):
            self.get_command(context, name)
        return self


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=examples("usance config check", "usance extract --dry-run", "usance extract", "usance status"),
)
@click.version_option(__version__, prog_name="usance")
def cli() -> None:
    """Account what the projects of an OpenStack cloud use.

    Exit status: 0 all done; 1 something failed, and what is said; 2 wrong usage or
    configuration; 75 another run holds the lock.
    """


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
