"""Names of users, projects and images: looked up once, kept in the ledger, dated.

A user or image is noted, without a name, before the first observation that mentions it is kept.
So whatever cuts a run off, the next one knows which names are still to be looked up.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from usance.cloud.access import Cloud
from usance.cloud.projects import Project
from usance.extraction.executor import LedgerThread
from usance.ledger.values import of_cloud
from usance.model.errors import CloudError
from usance.model.observation import Observation
from usance.model.period import EPOCH
from usance.model.resource import IMAGE_ID, USER_ID
from usance.model.storage import TYPE_NAMES

USER = "user"
PROJECT = "project"
FQAN = "fqan"  # what a project's usage is reported under, by project id
IMAGE_URI = "image-uri"  # the marketplace's URI of an image, or else its id

UNNAMED = ""  # the name of what was mentioned and not looked up yet


class Mentions:
    """Notes the users and images that observations speak of, before these are kept."""

    def __init__(self, run: LedgerThread, cloud_id: str) -> None:
        self._run = run
        self._cloud_id = cloud_id
        self._noted: dict[str, set[str]] = {USER: set(), IMAGE_URI: set()}
        self.images: dict[str, set[str]] = {}  # by project id: private images are seen from there only

    async def note(self, project_id: str, observations: Iterable[Observation]) -> None:
        """Note what some observations mention for the first time."""
        found: dict[str, set[str]] = {USER: set(), IMAGE_URI: set()}
        for one in observations:
            user, image = one.accounted.get(USER_ID), one.accounted.get(IMAGE_ID)
            if isinstance(user, str) and user:
                found[USER].add(user)
            if isinstance(image, str) and image:
                found[IMAGE_URI].add(image)
                self.images.setdefault(project_id, set()).add(image)
        await self._note(found)

    async def note_user(self, user_id: str) -> None:
        """Note a user whom the configuration names."""
        await self._note({USER: {user_id}})

    async def _note(self, found: dict[str, set[str]]) -> None:
        for kind, ids in found.items():
            fresh = sorted(ids - self._noted[kind])
            if fresh:
                self._noted[kind].update(fresh)
                named = of_cloud(kind, self._cloud_id)
                known = await self._run(self._run.ledger.names, named, fresh)
                new = {one: UNNAMED for one in fresh if one not in known}
                # As of the beginning of time, so that any name is newer.
                await self._run(self._run.ledger.remember_names, named, new, at=EPOCH)


async def remember_projects(
    run: LedgerThread, cloud: Cloud, projects: Collection[Project], at: datetime
) -> None:
    """Keep the names of the projects, and what they are reported under."""
    named = {project.id: project.name for project in projects}
    mapped = {project.id: project.vo for project in projects if project.vo is not None}
    await run(run.ledger.remember_names, PROJECT, named, at=at)
    await run(run.ledger.remember_names, of_cloud(FQAN, cloud.cloud_id), mapped, at=at)


async def remember_users(run: LedgerThread, cloud: Cloud, at: datetime) -> None:
    """Look up the users that have no name yet; who stays without one is asked for again in the next run."""
    kind = of_cloud(USER, cloud.cloud_id)
    unnamed = await run(run.ledger.unnamed, kind)
    if unnamed:
        await run(run.ledger.remember_names, kind, await cloud.user_names(unnamed), at=at)


async def remember_volume_types(
    run: LedgerThread, cloud: Cloud, project: Project, at: datetime, *, every: bool = False
) -> list[str]:
    """Look up the volume types that a collector heard of by their ids alone; return what went wrong.

    With *every*, all that there are: those that it will hear of, too.
    """
    unnamed = None if every else await run(run.ledger.unnamed, TYPE_NAMES)
    if unnamed == []:
        return []
    try:
        found = await cloud.volume_type_names(project, unnamed)
    except CloudError as error:
        return [f"project {project.name}: names of volume types can't be read: {error}"]
    await run(run.ledger.remember_names, TYPE_NAMES, found, at=at)
    return []


async def remember_images(
    run: LedgerThread, cloud: Cloud, project: Project, images: Collection[str], at: datetime
) -> list[str]:
    """Look up the marketplace's URIs of a project's images that are new; return what went wrong.

    Without Glance, records carry the id of the image: that is no reason to hold them back.
    """
    kind = of_cloud(IMAGE_URI, cloud.cloud_id)
    wanted = sorted(set(await run(run.ledger.unnamed, kind)).intersection(images))
    if not wanted:
        return []
    try:
        found = await cloud.image_uris(project, wanted)
    except CloudError as error:
        return [f"project {project.name}: image properties can't be read: {error}"]
    # What has no URI keeps its id for a name.
    named = {one: found.get(one, one) for one in wanted}
    await run(run.ledger.remember_names, kind, named, at=at)
    return []


async def remember_orphans(
    run: LedgerThread, cloud: Cloud, projects: Iterable[Project], at: datetime
) -> list[str]:
    """Look up the images that a run noted which was cut off: nobody remembers which project has them.

    To be called before anything is noted. Returns what went wrong.
    """
    kind = of_cloud(IMAGE_URI, cloud.cloud_id)
    orphans = set(await run(run.ledger.unnamed, kind))
    problems: list[str] = []
    for project in projects:
        if not orphans:
            return problems
        try:
            found = await cloud.image_uris(project, sorted(orphans))
        except CloudError as error:
            problems.append(f"project {project.name}: image properties can't be read: {error}")
            continue
        await run(run.ledger.remember_names, kind, found, at=at)
        orphans -= found.keys()
    if orphans and not problems:
        await run(run.ledger.remember_names, kind, {one: one for one in orphans}, at=at)
    return problems
