"""`caso-projects`: which projects are accounted, and under which VO."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

import click

from usance.cli.columns import printable
from usance.cli.ending import leave, run_to_end, wants_debug
from usance.cloud.access import open_cloud
from usance.cloud.projects import Selection
from usance.config.load import Need
from usance.config.settings import Settings
from usance.legacy.caso_line import configure_caso, parse_line
from usance.model.errors import UsanceError

PROGRAM = "caso-projects"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and end the process with its exit status."""
    leave(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Print a line for each project with a VO, and on standard error one for each without.

    The lines are those of cASO 5, without the stray quote that they begin with there. Exit status
    1 if a project can't be found or has no VO: its usage would not be accounted.
    """

    def body() -> int:
        configuration = configure_caso(PROGRAM, parse_line(PROGRAM, arguments), Need.CLOUD)
        return max([_of_cloud(settings) for settings in configuration.clouds])

    return run_to_end(PROGRAM, body, debug=lambda: wants_debug(arguments))


def _of_cloud(settings: Settings) -> int:
    """Print the lines of a cloud; one of several that can't be asked is told beside them."""
    if settings.name is None:
        return _print(asyncio.run(_select(settings)))
    try:
        return _print(asyncio.run(_select(settings)), f" in cloud {settings.name}")
    except UsanceError as error:
        click.echo(f"{PROGRAM}: cloud {settings.name}: {printable(str(error))}", err=True)
        return 1


async def _select(settings: Settings) -> Selection:
    async with open_cloud(settings.cloud) as cloud:
        return await cloud.select_projects(settings.projects)


def _print(selection: Selection, where: str = "") -> int:
    troubled = bool(selection.refused)
    for one in selection.projects:
        name = printable(one.name)
        if one.vo is None:
            troubled = True
            click.echo(f"{one.id} ({name}) is mapped to no VO{where}", err=True)
        else:
            click.echo(f"{one.id} ({name}) mapped to VO '{printable(one.vo)}'{where}")
    for wanted, reason in selection.refused:
        click.echo(f"{PROGRAM}: {printable(wanted)}: {printable(str(reason))}{where}", err=True)
    return 1 if troubled else 0
