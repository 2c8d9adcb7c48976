"""Names of users, projects and images: looked up once, kept in the ledger, dated."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from usance.cloud.access import Cloud
from usance.cloud.projects import Project
from usance.extraction.executor import LedgerThread
from usance.model.errors import CloudError
from usance.model.observation import Observation
from usance.model.resource import IMAGE_ID, USER_ID

USER = "user"
PROJECT = "project"
FQAN = "fqan"  # what a project's usage is reported under, by project id
IMAGE_URI = "image-uri"  # the marketplace URI of an image; '' for an image that has none


class Mentioned:
    """The users and images that observations speak of, gathered while they pass."""

    def __init__(self) -> None:
        self.users: set[str] = set()
        self.images: dict[str, set[str]] = {}  # by project id: private images are seen from there only

    def gather(self, project_id: str, observations: Iterable[Observation]) -> None:
        """Note the users and images of some observations."""
        for one in observations:
            user, image = one.accounted.get(USER_ID), one.accounted.get(IMAGE_ID)
            if isinstance(user, str):
                self.users.add(user)
            if isinstance(image, str) and image:
                self.images.setdefault(project_id, set()).add(image)


async def remember_projects(run: LedgerThread, projects: Collection[Project], at: datetime) -> None:
    """Keep the names of the projects, and what they are reported under."""
    named = {project.id: project.name for project in projects}
    mapped = {project.id: project.vo for project in projects if project.vo is not None}
    await run(run.ledger.remember_names, PROJECT, named, at=at)
    await run(run.ledger.remember_names, FQAN, mapped, at=at)


async def remember_users(run: LedgerThread, cloud: Cloud, users: Collection[str], at: datetime) -> None:
    """Look up the names of users that the ledger has no name for yet."""
    known = await run(run.ledger.names, USER, sorted(users))
    missing = sorted(set(users) - known.keys())
    if missing:
        await run(run.ledger.remember_names, USER, await cloud.user_names(missing), at=at)


async def remember_images(
    run: LedgerThread, cloud: Cloud, projects: Iterable[Project], mentioned: Mentioned, at: datetime
) -> list[str]:
    """Look up the marketplace URIs of images that are new to the ledger; return what went wrong.

    Without Glance, records carry the id of the image: that is no reason to hold them back.
    """
    problems = []
    for project in projects:
        images = mentioned.images.get(project.id, set())
        known = await run(run.ledger.names, IMAGE_URI, sorted(images))
        missing = sorted(images - known.keys())
        if not missing:
            continue
        try:
            found = await cloud.image_uris(project, missing)
        except CloudError as error:
            problems.append(f"project {project.name}: image properties can't be read: {error}")
            continue
        await run(
            run.ledger.remember_names, IMAGE_URI, {image: found.get(image, "") for image in missing}, at=at
        )
    return problems
