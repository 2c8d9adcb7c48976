"""`caso-mapping-migrate`: from voms.json to properties and tags of the projects in Keystone."""

from __future__ import annotations

import asyncio
import shlex
import sys
from collections.abc import Iterator, Sequence
from typing import Final
from urllib.parse import quote

import click
import msgspec
from oslo_config import cfg

from usance.cli.columns import printable
from usance.cli.ending import run_to_end, wants_debug
from usance.cloud.access import Cloud, open_cloud
from usance.cloud.mapping import read_mapping
from usance.cloud.projects import Project
from usance.config.load import Configuration, Need
from usance.config.settings import Settings
from usance.legacy.caso_line import configure_caso, parse_line
from usance.model.errors import ConfigurationError, UsanceError

PROGRAM = "caso-mapping-migrate"
OWN_OPTIONS: Final[list[cfg.Opt]] = [
    cfg.BoolOpt(
        "migrate-projects",
        default=False,
        help="Tag the projects that the configuration names, too, so that it need not name them.",
    ),
]


class Step(msgspec.Struct, frozen=True):
    """One thing that a project is given."""

    project: str  # as it is written: an id, a name, or domain/name
    name: str  # of the property; "" for a tag
    value: str

    @property
    def command(self) -> str:
        """The command of the OpenStack client that does it, quoted for a shell."""
        what = ["--property", f"{self.name}={self.value}"] if self.name else ["--tag", self.value]
        domain, slash, rest = self.project.partition("/")
        where = ["--domain", domain] if slash else []
        project = rest if slash else self.project
        end = ["--"] if project.startswith("-") else []
        return shlex.join(["openstack", "project", "set", *what, *where, *end, project])

    @property
    def result(self) -> str:
        """What the project has afterwards."""
        return f"{self.name} = {self.value}" if self.name else f"the tag {self.value}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and end the process with its exit status."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Print the commands that move the mapping into Keystone; with --nodry-run do what they say.

    Without that nothing is asked of the cloud. Exit status 1 if something could not be done.
    """

    def body() -> int:
        line = parse_line(PROGRAM, arguments, OWN_OPTIONS)
        # As in cASO, a dry_run in the file does not count: only the command line makes it do anything.
        apply = line.overrides.get("dry_run") is False
        configuration = configure_caso(PROGRAM, line, Need.CLOUD if apply else Need.NOTHING)
        with_tags = line.own["migrate_projects"]
        if not apply:
            _print(configuration, with_tags=with_tags)
            return 0
        return max(_apply(settings, with_tags=with_tags) for settings in configuration.clouds)

    return run_to_end(PROGRAM, body, debug=lambda: wants_debug(arguments))


def steps(settings: Settings, *, with_tags: bool) -> Iterator[Step]:
    """Yield what is to be done: a property for each project of the mapping file, then the tags.

    Raises ConfigurationError if there is nothing to move.
    """
    projects = settings.projects
    if projects.mapping_file is None and not with_tags:
        raise ConfigurationError(
            "there is no mapping file", hint="see mapping_file; --migrate-projects moves the list of projects"
        )
    if projects.mapping_file is not None:
        for project, vo in read_mapping(projects.mapping_file).items():
            yield Step(project, projects.vo_properties[0], vo)
    if with_tags:
        if projects.tag is None:
            raise ConfigurationError("caso_tag is empty, so that there is no tag to set")
        for project in projects.projects:
            yield Step(project, "", projects.tag)


def _print(configuration: Configuration, *, with_tags: bool) -> None:
    """Print the commands; of several clouds, below the name of theirs."""
    for settings in configuration.clouds:
        if settings.name is not None:
            click.echo(f"# cloud {settings.name}")
        for step in steps(settings, with_tags=with_tags):
            click.echo(step.command)


def _apply(settings: Settings, *, with_tags: bool) -> int:
    where = "" if settings.name is None else f" in cloud {settings.name}"
    return asyncio.run(_do(settings, list(steps(settings, with_tags=with_tags)), where))


async def _do(settings: Settings, todo: Sequence[Step], where: str) -> int:
    status = 0
    async with open_cloud(settings.cloud) as cloud:
        found = await cloud.find_projects(step.project for step in todo)
        for step in todo:
            project = found[step.project]
            try:
                if isinstance(project, UsanceError):
                    raise project
                done = await _set(cloud, project, step)
            except UsanceError as error:
                status = 1
                said = f"{PROGRAM}: {step.project}{where}: {error}"
                click.echo(printable(said), err=True)
                continue
            state = "has now" if done else "has already"
            click.echo(printable(f"{project.id} ({project.name}){where} {state} {step.result}"))
    return status


async def _set(cloud: Cloud, project: Project, step: Step) -> bool:
    """Give a project what it is to have; say whether it did not have it before."""
    place = f"/projects/{quote(project.id, safe='')}"
    if not step.name:
        if step.value in project.tags:
            return False
        await cloud.identity.change("tag projects", "PUT", f"{place}/tags/{quote(step.value, safe='')}")
        return True
    if project.properties.get(step.name) == step.value:
        return False
    document = {"project": {step.name: step.value}}
    await cloud.identity.change("change projects", "PATCH", place, msgspec.json.encode(document))
    return True
