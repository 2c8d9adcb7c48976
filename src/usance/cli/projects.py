"""`usance projects`: what would be accounted, under which VO, and whether the account may see it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from usance.cli.columns import Columns
from usance.cli.configuration import cloud_option, configuration_options, configure, output_option
from usance.cli.examples import examples
from usance.cli.present import show
from usance.cloud.access import Cloud, open_cloud
from usance.cloud.projects import Project
from usance.config.load import Need
from usance.config.settings import Settings
from usance.model.errors import CloudError, UsanceError

_SERVERS: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(dict[str, Any])


class ListedProject(msgspec.Struct, frozen=True):
    """A project of the selection, and what the account can do with it."""

    id: str
    name: str
    domain_id: str
    vo: str | None
    vo_from: str | None  # "property VO", or the mapping file
    problem: str | None  # why its servers can't be read; None: they can
    cloud_id: str


class Refused(msgspec.Struct, frozen=True):
    """What was configured and can't be had."""

    wanted: str
    reason: str
    cloud_id: str


class Listing(msgspec.Struct, frozen=True):
    """The projects of a configuration."""

    projects: tuple[ListedProject, ...]
    refused: tuple[Refused, ...]

    @property
    def exit_status(self) -> int:
        """0 if every project can be accounted, else 1."""
        return 1 if self.refused or any(one.problem or not one.vo for one in self.projects) else 0


@click.command(
    short_help="List the projects that are accounted.",
    epilog=examples("usance projects", "usance projects --project demo --output json"),
)
@configuration_options
@cloud_option
@output_option
@click.option("--project", "names", multiple=True, help="Only this one: an id, a name, or domain/name.")
def projects(
    *,
    config_file: Sequence[Path],
    config_dir: Sequence[Path],
    debug: bool,
    clouds: Sequence[str],
    output: str,
    names: Sequence[str],
) -> int:
    """List the projects that are accounted, their VO, and whether their servers can be read.

    Exit status 1 if one of them has no VO or can't be read, or if one of several clouds can't be asked.
    """
    configuration = configure(
        config_file,
        config_dir,
        debug=debug,
        need=Need.CLOUD,
        overrides=only_projects(names),
        only=clouds,
    )
    listing = asyncio.run(list_all_projects(configuration.clouds))
    several = len(configuration.clouds) > 1
    columns = Columns(
        "Projects",
        (*(("cloud",) if several else ()), "id", "name", "domain", "VO", "VO from", "access"),
        tuple(
            (
                *((one.cloud_id,) if several else ()),
                *(one.id, one.name, one.domain_id, one.vo or "none", one.vo_from, one.problem or "yes"),
            )
            for one in listing.projects
        ),
    )
    refused = Columns(
        "Not accounted",
        (*(("cloud",) if several else ()), "wanted", "reason"),
        tuple((*((one.cloud_id,) if several else ()), one.wanted, one.reason) for one in listing.refused),
    )
    show(output, listing, [columns, refused])
    return listing.exit_status


def only_projects(names: Sequence[str]) -> dict[str, Any]:
    """Return the overrides that select these projects and no others; none if there are no names."""
    return {"projects": list(names), "caso_tag": "", "usance.domains": []} if names else {}


async def list_all_projects(clouds: Sequence[Settings]) -> Listing:
    """List the projects of all clouds; one of several that can't be asked is reported beside them."""
    listings = await asyncio.gather(*(_of_cloud(one) for one in clouds))
    return Listing(
        tuple(project for one in listings for project in one.projects),
        tuple(refused for one in listings for refused in one.refused),
    )


async def _of_cloud(settings: Settings) -> Listing:
    try:
        return await list_projects(settings)
    except UsanceError as error:
        if settings.name is None:
            raise
        return Listing((), (Refused("all", str(error), settings.cloud.cloud_id),))


async def list_projects(settings: Settings) -> Listing:
    """Ask the cloud for the projects of a configuration, and try to read each one's servers."""
    async with open_cloud(settings.cloud) as cloud:
        selection = await cloud.select_projects(settings.projects)
        listed = await asyncio.gather(*(_listed(cloud, one, settings) for one in selection.projects))
    refused = tuple(
        Refused(wanted, str(reason), settings.cloud.cloud_id) for wanted, reason in selection.refused
    )
    return Listing(tuple(listed), refused)


async def _listed(cloud: Cloud, project: Project, settings: Settings) -> ListedProject:
    problem = await _problem(cloud, project)
    return ListedProject(
        project.id,
        project.name,
        project.domain_id,
        project.vo,
        _vo_from(project, settings),
        problem,
        settings.cloud.cloud_id,
    )


async def _problem(cloud: Cloud, project: Project) -> str | None:
    scope, from_outside = cloud.scope_of(project)
    every = (("all_tenants", "1"), ("project_id", project.id)) if from_outside else ()
    try:
        await cloud.compute.get(scope, "/servers/detail", _SERVERS, params=(("limit", "1"), *every))
    except CloudError as error:
        return str(error)
    except UsanceError as error:
        return error.message
    return None


def _vo_from(project: Project, settings: Settings) -> str | None:
    if project.vo is None:
        return None
    for name in settings.projects.vo_properties:
        if project.properties.get(name):
            return f"property {name}"
    return str(settings.projects.mapping_file)
