"""A cloud, opened: who asks, for which projects, and what its services tell."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import usance
from usance.cloud.addresses import Addresses
from usance.cloud.identity import Identity
from usance.cloud.images import Images
from usance.cloud.plugins import TokenScope, project_scope
from usance.cloud.projects import Project, ProjectFinder, Selection
from usance.cloud.service import Service
from usance.cloud.tokens import Tokens
from usance.cloud.users import Users
from usance.cloud.volume_types import VolumeTypes
from usance.config.settings import CloudSettings, ProjectSettings
from usance.http.client import HttpClient, Tls
from usance.http.clock import CloudClock
from usance.http.retry import RetryPolicy
from usance.model.errors import AccessError, UsanceError

LOG = logging.getLogger(__name__)

ADMIN_ROLE = "admin"
"""The role that Nova's own policy asks of whoever lists all projects' servers."""

MANY_PROJECTS = 50


class Cloud:
    """One OpenStack region. Made by :func:`open_cloud`."""

    def __init__(self, settings: CloudSettings, client: HttpClient, tokens: Tokens) -> None:
        self.settings = settings
        self.cloud_id = settings.cloud_id
        self.client = client
        self.clock: CloudClock = client.clock  # the cloud's clock: `now()` and `offset`
        self._tokens = tokens
        self.compute = Service("compute", "v2.1", settings=settings, client=client, tokens=tokens)
        self.image = Service("image", "v2", settings=settings, client=client, tokens=tokens)
        self.volume = Service("block-storage", "v3", settings=settings, client=client, tokens=tokens)
        self.network = Service("network", "v2.0", settings=settings, client=client, tokens=tokens)
        self.addresses = Addresses(self.network, page_limit=settings.page_limit)
        self.metric = Service("metric", "v1", settings=settings, client=client, tokens=tokens)
        # Keystone is asked where it gave the token: its public endpoint may not be reachable from here.
        keystone = Service(
            "identity",
            "v3",
            settings=settings,
            client=client,
            tokens=tokens,
            endpoint=tokens.factory.auth_url,
        )
        self.identity = Identity(keystone, tokens)
        self._users = Users(self.identity)
        self._images = Images(self.image)
        self._volume_types = VolumeTypes(self.volume)
        self._member_of: frozenset[str] = frozenset()
        self._admin: TokenScope | None = None
        self._lists_all = False

    async def select_projects(self, settings: ProjectSettings) -> Selection:
        """Return the projects that are accounted, and those that can't be, with the reasons.

        Raises AuthenticationError if Keystone does not know the account, ConfigurationError if the
        mapping file is broken, CloudError if Keystone can't be asked.
        """
        finder = ProjectFinder(self.identity, settings)
        selection = await finder.select()
        self._member_of = frozenset(finder.member_of)
        self._admin = await self._find_admin(selection)
        self._lists_all = await self._is_good_part(finder, selection)
        return selection

    async def find_projects(self, names: Iterable[str]) -> dict[str, Project | UsanceError]:
        """Return each of the projects, by the id or name that it is asked for by, or why it can't be had.

        Raises AuthenticationError and CloudError as :meth:`select_projects`.
        """
        return await ProjectFinder(self.identity, ProjectSettings(projects=tuple(names), tag=None)).find()

    async def _find_admin(self, selection: Selection) -> TokenScope | None:
        """Return a project scope in which the account is an administrator."""
        scopes = [await self.identity.base_scope()]
        scopes += [project_scope(one.id) for one in selection.projects if one.id in self._member_of][:1]
        for scope in scopes:
            try:
                token = await self._tokens.get(scope)
            except AccessError:
                continue
            if token.project_id is not None and ADMIN_ROLE in token.roles:
                return scope
        return None

    async def _is_good_part(self, finder: ProjectFinder, selection: Selection) -> bool:
        """Tell whether one listing of the whole cloud costs less than one of each selected project."""
        if self._admin is None or len(selection.projects) < 2:
            return False
        if len(selection.projects) > MANY_PROJECTS:
            return True
        total = await finder.count()
        return total is not None and 2 * len(selection.projects) >= total

    @property
    def all_projects_scope(self) -> TokenScope | None:
        """The scope with which one listing serves all selected projects; None where it does not pay."""
        return self._admin if self._lists_all else None

    def scope_of(self, project: Project) -> tuple[TokenScope, bool]:
        """Return the scope for a project's servers, and whether it is an administrator's look from outside.

        Known after :meth:`select_projects`.
        """
        if project.id not in self._member_of and self._admin is not None:
            return self._admin, True
        return project_scope(project.id), False

    async def user_names(self, ids: Iterable[str]) -> dict[str, str]:
        """Return the names of users, as far as Keystone tells them."""
        return await self._users.names(ids)

    async def image_uris(self, project: Project, ids: Iterable[str]) -> dict[str, str]:
        """Return the marketplace URIs of the images of these ids that have one."""
        scope, _ = self.scope_of(project)
        return await self._images.uris(scope, ids)

    async def volume_type_names(self, project: Project, ids: Iterable[str] | None = None) -> dict[str, str]:
        """Return the names of volume types, all or these: what an administrator or else this project sees."""
        scope = self._admin or self.scope_of(project)[0]
        return await self._volume_types.names(scope, ids)

    async def floating_ip_counts(self, project: Project) -> dict[str, int]:
        """Return the number of floating IPs by server id. Raises CloudError where Neutron does not tell."""
        scope, _ = self.scope_of(project)
        return await self.addresses.floating_ip_counts(scope, project.id)


@asynccontextmanager
async def open_cloud(
    settings: CloudSettings, *, clock: CloudClock | None = None, backoff_s: float = 0.5
) -> AsyncIterator[Cloud]:
    """Open a cloud: nothing is asked of it yet. Raises ConfigurationError for wrong options or certificates.

    *backoff_s* is the first pause before a request is made again.
    """
    auth = settings.auth
    client = HttpClient(
        concurrency=settings.concurrency,
        timeout_s=settings.timeout_s,
        policy=RetryPolicy(retries=settings.retries, backoff_s=backoff_s),
        tls=Tls(cafile=auth.cafile, certfile=auth.certfile, keyfile=auth.keyfile, insecure=auth.insecure),
        clock=clock,
        user_agent=f"usance/{usance.__version__}",
    )
    async with client:
        tokens = Tokens(auth, client, timeout_s=settings.timeout_s)
        try:
            yield Cloud(settings, client, tokens)
        finally:
            tokens.close()
