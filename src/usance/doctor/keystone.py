"""What Keystone lets the account see: projects and users."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from usance.cloud.access import Cloud
from usance.cloud.identity import DOCUMENT, ForbiddenError
from usance.cloud.projects import Selection
from usance.config.settings import ProjectSettings
from usance.doctor.check import Check, Verdict
from usance.doctor.policies import GET_USER, LIST_PROJECTS, remedy
from usance.doctor.releases import Release
from usance.http.errors import StatusError
from usance.model.errors import UnknownProjectError, UsanceError
from usance.sources.nova_api import is_path_safe

MOST_TRIED: Final = 5
_READER: Final = "openstack role add --user <the account> --system all reader"


async def project_checks(
    cloud: Cloud,
    settings: ProjectSettings,
    selection: Selection,
    releases: tuple[Release, ...],
    role: str,
) -> list[Check]:
    """Return whether the projects that are configured can be found."""
    scope = cloud.cloud_id
    checks = [_not_found(wanted, error, scope) for wanted, error in selection.refused]
    if not selection.projects and not checks:
        checks.append(
            Check(
                "Keystone: projects",
                scope,
                Verdict.MISSING,
                "no project is accounted",
                f"give projects the tag {settings.tag}, or name them with the option projects",
            )
        )
    if settings.tag or settings.domains:
        checks.append(await _listing(cloud, selection, releases, role))
    elif selection.projects:
        told = f"{len(selection.projects)} projects are accounted"
        checks.append(Check("Keystone: projects", scope, Verdict.OK, told))
    return checks


def _not_found(wanted: str, error: UsanceError, scope: str) -> Check:
    verdict = Verdict.MISSING if not isinstance(error, UnknownProjectError) else Verdict.ERROR
    return Check("Keystone: projects", scope, verdict, f"{wanted}: {error.message}", error.hint)


async def _listing(cloud: Cloud, selection: Selection, releases: tuple[Release, ...], role: str) -> Check:
    name = "Keystone: projects"
    try:
        await cloud.identity.read("list projects", "/projects", DOCUMENT, (("limit", "1"),))
    except ForbiddenError:
        found = Verdict.WARNING if selection.projects else Verdict.MISSING
        return Check(
            name,
            cloud.cloud_id,
            found,
            "Keystone lets the account list only the projects in which it has a role: by tag or domain"
            " no others are found",
            f"{_READER}; or, with a role of its own, {remedy((LIST_PROJECTS,), releases, role)}",
        )
    told = f"{len(selection.projects)} projects are accounted, of all that Keystone has"
    return Check(name, cloud.cloud_id, Verdict.OK, told)


async def user_checks(
    cloud: Cloud, users: Sequence[str], releases: tuple[Release, ...], role: str
) -> list[Check]:
    """Return whether the names of users are told; *users* are the ids of some that have servers."""
    name = "Keystone: users"
    lists = await _allows(cloud, "list users", "/users", (("name", "-"),))
    own = (await cloud.identity.base_token()).user_id
    strangers = [one for one in dict.fromkeys(users) if one != own and is_path_safe(one)][:MOST_TRIED]
    shown = [await _allows(cloud, "get users", f"/users/{one}") for one in strangers]
    # Not to list them: whoever may look them up one by one can't collect those of the whole cloud.
    lines = f"{_READER}; or, with a role of its own, {remedy((GET_USER,), releases, role)}"
    if not lists and not strangers:
        return [
            Check(
                name,
                cloud.cloud_id,
                Verdict.WARNING,
                "users can't be listed, and there is none to try",
                lines,
            )
        ]
    if not all(shown):
        which = "some users" if lists else "users"
        verdict = Verdict.WARNING if lists else Verdict.MISSING
        sentence = f"Keystone does not tell the names of {which}, and records go out without them"
        return [Check(name, cloud.cloud_id, verdict, sentence, lines)]
    how = "listed" if lists else "looked up one by one"
    return [Check(name, cloud.cloud_id, Verdict.OK, f"the names of users are {how}")]


async def _allows(cloud: Cloud, operation: str, path: str, params: tuple[tuple[str, str], ...] = ()) -> bool:
    """Tell whether Keystone lets the account read something; what was deleted may be read, too."""
    try:
        await cloud.identity.read(operation, path, DOCUMENT, params)
    except ForbiddenError:
        return False
    except StatusError as error:
        if error.status == 403:  # what one user's domain allows another's does not
            return False
        if error.status != 404:
            raise
    return True


async def known_projects(cloud: Cloud, selection: Selection) -> tuple[set[str], bool]:
    """Return the ids and names of the projects that the account sees, and whether these are all."""
    known = {word for one in selection.projects for word in (one.id, one.name)}
    try:
        found, truncated = await cloud.identity.read_all("list projects", "/projects", "projects")
    except (ForbiddenError, StatusError):
        return known, False
    words = {one.get(key) for one in found for key in ("id", "name")}
    return known | {word for word in words if isinstance(word, str)}, not truncated


def no_token(error: UsanceError, scope: str, project_id: str) -> Check:
    """Return what it means that the account gets no token for a project."""
    command = f"openstack role add --user <the account> --project {project_id} reader"
    wants_role = "role reader" in (error.hint or "")
    return Check(
        "Keystone: roles", scope, Verdict.MISSING, error.message, command if wants_role else error.hint
    )
