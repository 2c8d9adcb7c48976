"""Which projects are accounted: by id, by name, by tag, by domain."""

from __future__ import annotations

import logging
from collections.abc import Iterable

import msgspec

from usance.cloud.identity import DOCUMENT, Document, ForbiddenError, Identity
from usance.cloud.mapping import read_mapping, vo_of_properties
from usance.cloud.plugins import project_scope
from usance.config.settings import ProjectSettings
from usance.http.errors import StatusError, one_line
from usance.model.errors import AccessError, UnknownProjectError, UsanceError

LOG = logging.getLogger(__name__)

_LONGEST_PROPERTY = 1024


class Project(msgspec.Struct, frozen=True):
    """A project as Keystone has it, and the VO that its usage is reported under."""

    id: str
    name: str
    domain_id: str
    vo: str | None  # None: neither a property nor the mapping file names one
    properties: dict[str, str]
    tags: tuple[str, ...] = ()
    enabled: bool = True


class Selection(msgspec.Struct, frozen=True):
    """The projects that were found, and what was asked for and can't be had, with the reason."""

    projects: tuple[Project, ...]
    refused: tuple[tuple[str, UsanceError], ...] = ()


class ProjectFinder:
    """Finds the projects of a configuration; a mistake in one of them never hides another."""

    def __init__(self, identity: Identity, settings: ProjectSettings) -> None:
        self._identity = identity
        self._settings = settings
        self._found: dict[str, Project] = {}
        self._refused: list[tuple[str, UsanceError]] = []
        self._domains: dict[str, str] = {}  # id by name
        self._mapping: dict[str, str] | None = None
        self.member_of: dict[str, Project] = {}  # the projects that the account has a role in
        self.total: int | None = None  # how many projects the cloud has, where the account may see it

    async def select(self) -> Selection:
        """Return the selection. Raises AuthenticationError, and ConfigurationError for a broken mapping."""
        await self._enter()
        if self._settings.tag:
            await self._add_tagged(self._settings.tag)
        for domain in self._settings.domains:
            await self._add_domain(domain)
        for wanted in dict.fromkeys(self._settings.projects):
            await self._add_named(wanted)
        return Selection(
            tuple(sorted(self._found.values(), key=lambda one: (one.name, one.id))), tuple(self._refused)
        )

    async def find(self) -> dict[str, Project | UsanceError]:
        """Return each project that is named, by what it is called there, or why it can't be had."""
        await self._enter()
        found: dict[str, Project | UsanceError] = {}
        for wanted in dict.fromkeys(self._settings.projects):
            try:
                found[wanted] = await self._find(wanted)
            except UsanceError as error:
                found[wanted] = error
        return found

    async def _enter(self) -> None:
        """Learn which projects and domains the account knows by itself."""
        document = await self._identity.read_own("/auth/projects")
        self.member_of = {one.id: one for one in self._projects(document.get("projects"))}
        token = await self._identity.base_token()
        self._domains.update(token.domain_names)
        if token.project_id is None and self.member_of:
            self._identity.project = project_scope(next(iter(self.member_of)))

    async def _add_tagged(self, tag: str) -> None:
        try:
            found = await self._list(("tags", tag))
        except (ForbiddenError, StatusError) as error:
            # Where the account may not list projects it still sees the tags of its own.
            own = [one for one in self.member_of.values() if tag in one.tags]
            self._add(own)
            if not own:
                self._report_selector(f"tag {tag}", error)
            return
        self._add(found)

    async def _add_domain(self, domain: str) -> None:
        try:
            domain_id = await self._domain_id(domain)
            found = await self._list(("domain_id", domain_id))
        except (ForbiddenError, StatusError) as error:
            domain_id = self._domains.get(domain, domain)
            own = [one for one in self.member_of.values() if one.domain_id == domain_id]
            self._add(own)
            if not own:
                self._report_selector(f"domain {domain}", error)
            return
        self._add(found)

    def _report_selector(self, what: str, error: UsanceError) -> None:
        """Report a selector that found nothing because it was refused; quietly if projects are named."""
        if self._settings.projects:
            LOG.debug("%s finds no project: %s", what, error)
        else:
            self._refused.append((what, error))

    async def _add_named(self, wanted: str) -> None:
        try:
            self._add([await self._find(wanted)])
        except UsanceError as error:
            self._refused.append((wanted, error))

    async def _find(self, wanted: str) -> Project:
        if wanted in self.member_of:
            return self.member_of[wanted]
        name, domain_id = wanted, None
        domain, slash, rest = wanted.partition("/")
        if slash:
            name, domain_id = rest, await self._domain_id(domain)
        matching = [one for one in self.member_of.values() if _is_called(one, name, domain_id)]
        refusal: UsanceError | None = None
        if not matching:
            try:
                matching = await self._look_up(wanted, name, domain_id)
            except (ForbiddenError, StatusError) as error:
                refusal = error
        if len(matching) == 1:
            return matching[0]
        if matching:
            choices = ", ".join(sorted(f"{one.domain_id}/{one.name} ({one.id})" for one in matching))
            raise UnknownProjectError(
                f"there are {len(matching)} projects named {one_line(name)}: {one_line(choices, 400)}",
                hint="write the id, or domain/name",
            )
        if refusal is not None:
            raise AccessError(
                f"project {one_line(wanted)} is none that the account has a role in: {refusal.message}",
                hint="see the spelling, and give the account the role reader there",
            )
        raise UnknownProjectError(
            f"there is no project {one_line(wanted)}", hint="see the spelling; write the id, or domain/name"
        )

    async def _look_up(self, wanted: str, name: str, domain_id: str | None) -> list[Project]:
        """Ask Keystone for a project that the account is no member of: by id, then by name."""
        if domain_id is None and wanted.isascii() and wanted.replace("-", "").isalnum():
            try:
                document = await self._identity.read("get projects", f"/projects/{wanted}", DOCUMENT)
            except StatusError as error:
                if error.status != 404:
                    raise
            except ForbiddenError:
                # An id of nothing is forbidden rather than unknown to most accounts.
                LOG.debug("project %s can't be read by id", wanted)
            else:
                return self._projects([document.get("project")])
        domain = [("domain_id", domain_id)] if domain_id else []
        return await self._list(("name", name), *domain)

    async def _list(self, *params: tuple[str, str]) -> list[Project]:
        found, _ = await self._identity.read_all("list projects", "/projects", "projects", params)
        return self._projects(found)

    async def count(self) -> int | None:
        """Return how many projects the cloud has; None where the account may not list them."""
        if self.total is None:
            try:
                self.total = len(await self._list())
            except (ForbiddenError, StatusError):
                return None
        return self.total

    async def _domain_id(self, domain: str) -> str:
        """Return the id of a domain that is written by its id or name."""
        if domain in self._domains.values() or any(
            one.domain_id == domain for one in self.member_of.values()
        ):
            return domain
        if domain not in self._domains:
            try:
                found, _ = await self._identity.read_all(
                    "list domains", "/domains", "domains", (("name", domain),)
                )
            except (ForbiddenError, StatusError):
                return domain
            for one in found:
                if isinstance(one.get("id"), str):
                    self._domains[domain] = one["id"]
        return self._domains.get(domain, domain)

    def _add(self, projects: Iterable[Project]) -> None:
        for one in projects:
            self._found.setdefault(one.id, one)

    def _projects(self, documents: object) -> list[Project]:
        listed = documents if isinstance(documents, list) else []
        return [self._project(one) for one in listed if isinstance(one, dict) and _is_project(one)]

    def _project(self, document: Document) -> Project:
        properties = {
            key: value[:_LONGEST_PROPERTY] for key, value in document.items() if isinstance(value, str)
        }
        tags = document.get("tags")
        return Project(
            id=document["id"],
            name=document["name"],
            domain_id=str(document.get("domain_id") or "default"),
            vo=self._vo(document["id"], document["name"], properties),
            properties=properties,
            tags=tuple(one for one in tags if isinstance(one, str)) if isinstance(tags, list) else (),
            enabled=document.get("enabled") is not False,
        )

    def _vo(self, project_id: str, name: str, properties: dict[str, str]) -> str | None:
        vo = vo_of_properties(properties, self._settings.vo_properties)
        if vo is not None or self._settings.mapping_file is None:
            return vo
        if self._mapping is None:
            self._mapping = read_mapping(self._settings.mapping_file)
        return self._mapping.get(project_id) or self._mapping.get(name)


def _is_called(project: Project, name: str, domain_id: str | None) -> bool:
    return project.name == name and domain_id in {None, project.domain_id}


def _is_project(document: Document) -> bool:
    """Tell a project from a domain, which Keystone keeps among them."""
    return (
        isinstance(document.get("id"), str)
        and isinstance(document.get("name"), str)
        and document.get("is_domain") is not True
    )
