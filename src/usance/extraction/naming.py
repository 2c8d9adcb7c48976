"""Names of users, projects and images: looked up once, kept in the ledger, dated.

A user or image is noted, without a name, before the first observation that mentions it is kept.
So whatever cuts a run off, the next one knows which names are still to be looked up.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from usance.cloud.access import Cloud
from usance.cloud.projects import Project
from usance.extraction.executor import LedgerThread
from usance.model.errors import CloudError
from usance.model.observation import Observation
from usance.model.period import EPOCH
from usance.model.resource import IMAGE_ID, USER_ID

USER = "user"
PROJECT = "project"
FQAN = "fqan"  # what a project's usage is reported under, by project id
IMAGE_URI = "image-uri"  # the marketplace's URI of an image, or else its id
UNNAMED = ""  # the name of what was mentioned and not looked up yet


class Mentions:
    """Notes the users and images that observations speak of, before these are kept."""

    def __init__(self, run: LedgerThread) -> None:
        self._run = run
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
        for kind, ids in found.items():
            fresh = sorted(ids - self._noted[kind])
            if fresh:
                self._noted[kind].update(fresh)
                known = await self._run(self._run.ledger.names, kind, fresh)
                new = {one: UNNAMED for one in fresh if one not in known}
                # As of the beginning of time, so that any name is newer.
                await self._run(self._run.ledger.remember_names, kind, new, at=EPOCH)


async def remember_projects(run: LedgerThread, projects: Collection[Project], at: datetime) -> None:
    """Keep the names of the projects, and what they are reported under."""
    named = {project.id: project.name for project in projects}
    mapped = {project.id: project.vo for project in projects if project.vo is not None}
    await run(run.ledger.remember_names, PROJECT, named, at=at)
    await run(run.ledger.remember_names, FQAN, mapped, at=at)


async def remember_users(run: LedgerThread, cloud: Cloud, at: datetime) -> None:
    """Look up the users that have no name yet; who stays without one is asked for again in the next run."""
    unnamed = await run(run.ledger.unnamed, USER)
    if unnamed:
        await run(run.ledger.remember_names, USER, await cloud.user_names(unnamed), at=at)


async def remember_images(
    run: LedgerThread, cloud: Cloud, projects: Sequence[Project], mentions: Mentions, at: datetime
) -> list[str]:
    """Look up the marketplace's URIs of images that are new to the ledger; return what went wrong.

    Without Glance, records carry the id of the image: that is no reason to hold them back.
    """
    problems: list[str] = []
    unnamed = set(await run(run.ledger.unnamed, IMAGE_URI))
    # Of those that a run noted which was cut off, nobody remembers who mentioned them.
    orphans = unnamed.difference(*mentions.images.values())
    for project in projects:
        wanted = (mentions.images.get(project.id, set()) & unnamed) | orphans
        if not wanted:
            continue
        try:
            found = await cloud.image_uris(project, sorted(wanted))
        except CloudError as error:
            problems.append(f"project {project.name}: image properties can't be read: {error}")
            continue
        # What has no URI keeps its id for a name; an orphan may be another project's.
        settled = {one: found.get(one, one) for one in wanted if one in found or one not in orphans}
        await run(run.ledger.remember_names, IMAGE_URI, settled, at=at)
        unnamed -= settled.keys()
        orphans -= settled.keys()
    if orphans and not problems:
        await run(run.ledger.remember_names, IMAGE_URI, {one: one for one in orphans}, at=at)
    return problems
