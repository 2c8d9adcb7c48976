"""All checks of one cloud: what the account sees of each project, the versions, the clocks, the flavors."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import msgspec

from usance.cloud.access import Cloud, open_cloud
from usance.cloud.plugins import TokenScope
from usance.cloud.projects import Project, Selection
from usance.cloud.service import Service
from usance.config.settings import Settings
from usance.doctor.check import Check, Verdict, failed, guarded
from usance.doctor.clocks import clock_checks
from usance.doctor.flavors import flavor_checks
from usance.doctor.keystone import known_projects, no_token, project_checks, user_checks
from usance.doctor.mapping import vo_checks
from usance.doctor.nova import Sight, details, flavors, servers, versions
from usance.doctor.place import Place, role_to_name
from usance.doctor.releases import Release, releases_of
from usance.doctor.services import cinder, glance, gnocchi, neutron
from usance.http.errors import one_line
from usance.model.errors import AccessError, CloudError, UsanceError
from usance.sources.nova_api import NovaApi

AT_ONCE: Final = 8  # projects that are looked at side by side
WHOLE_PAGES: Final = 10  # projects whose servers are listed to the end of the first page
LONGEST_S: Final = 20  # for one request: who waits is a person


class Examined(msgspec.Struct):
    """What was found out about one cloud."""

    checks: list[Check]
    known: set[str] = set()  # ids and names of its projects
    complete: bool = False  # whether these are all


async def examine_cloud(settings: Settings) -> Examined:
    """Look at everything that a run over this cloud needs. What goes wrong is among the checks."""
    own = settings.cloud
    patience = msgspec.structs.replace(
        own, retries=min(own.retries, 1), timeout_s=min(own.timeout_s, LONGEST_S)
    )
    try:
        async with open_cloud(patience) as cloud:
            return await _Examination(cloud, settings).run()
    except UsanceError as error:
        return Examined([failed("Keystone: account", own.cloud_id, error)])


class _Examination:
    """One cloud, while it is looked at."""

    def __init__(self, cloud: Cloud, settings: Settings) -> None:
        self._cloud = cloud
        self._settings = settings
        self._label = settings.cloud.cloud_id
        self._api = NovaApi(cloud.compute)
        self._under_way = asyncio.Semaphore(AT_ONCE)
        self._releases: tuple[Release, ...] = (Release.LATER,)

    async def run(self) -> Examined:
        """Return what there is to say. Raises what keeps all of it from being found out."""
        await self._cloud.identity.base_token()
        selection = await self._cloud.select_projects(self._settings.projects)
        checks = [Check("Keystone: account", self._label, Verdict.OK, "Keystone knows the account")]
        open_to_us, no_tokens = await self._scopes(selection)
        checks += no_tokens
        for scope, _ in list(open_to_us.values())[:1]:
            checks += await guarded("Nova: version", self._label, self._versions(scope))
        places = [
            self._place(project, *open_to_us[project.id])
            for project in selection.projects
            if project.id in open_to_us
        ]
        looks = await asyncio.gather(
            *(self._look(place, whole_page=number < WHOLE_PAGES) for number, place in enumerate(places))
        )
        sights = [sight for sight, _ in looks]
        checks += [check for _, found in looks for check in found]
        checks += await self._of_cloud(selection, places, sights)
        known, complete = await known_projects(self._cloud, selection)
        return Examined(checks, known, complete)

    async def _scopes(
        self, selection: Selection
    ) -> tuple[dict[str, tuple[TokenScope, frozenset[str]]], list[Check]]:
        """Return the scope and the roles for each project, and those for which there are none."""
        found: dict[str, tuple[TokenScope, frozenset[str]]] = {}
        checks: list[Check] = []
        for project in selection.projects:
            scope, _ = self._cloud.scope_of(project)
            try:
                found[project.id] = scope, await self._cloud.compute.roles(scope)
            except AccessError as error:
                checks.append(no_token(error, f"{self._label}/{one_line(project.name)}", project.id))
            except CloudError as error:
                checks.append(failed("Keystone: roles", f"{self._label}/{one_line(project.name)}", error))
        return found, checks

    def _place(self, project: Project, scope: TokenScope, roles: frozenset[str]) -> Place:
        _, outside = self._cloud.scope_of(project)
        return Place(self._cloud, self._settings, project, scope, outside, roles, self._releases)

    async def _versions(self, scope: TokenScope) -> list[Check]:
        await self._api.negotiate(scope)
        self._releases = releases_of(self._api.offered)
        return versions(self._api, self._label)

    async def _look(self, place: Place, *, whole_page: bool) -> tuple[Sight, list[Check]]:
        """Return what was seen of a project's servers, and all checks of the project."""
        chosen = self._settings.extractors
        async with self._under_way:
            sight = Sight([])

            async def of_nova() -> list[Check]:
                nonlocal sight
                sight = await servers(place, self._api, whole_page=whole_page)
                return [*sight.checks, *(await details(place, self._api, sight) if sight.seen else [])]

            found = await guarded("Nova", place.label, of_nova()) if "nova" in chosen else []
            others = []
            if "nova" in chosen or "neutron" in chosen:
                others.append(guarded("Neutron", place.label, neutron(place, sight)))
            if "nova" in chosen:
                others.append(guarded("Glance", place.label, glance(place, sight)))
            if "cinder" in chosen:
                others.append(guarded("Cinder", place.label, cinder(place)))
            if "gnocchi" in chosen:
                others.append(guarded("Gnocchi", place.label, gnocchi(place)))
            for checks in await asyncio.gather(*others):
                found += checks
        return sight, found

    async def _of_cloud(
        self, selection: Selection, places: Sequence[Place], sights: Sequence[Sight]
    ) -> list[Check]:
        rows = [row for sight in sights for row in sight.servers]
        users = [row.user_id for row in rows if row.user_id]
        role = role_to_name(places[0].roles if places else frozenset())
        cloud, settings, label = self._cloud, self._settings, self._label

        async def vos() -> list[Check]:
            return vo_checks(selection.projects, settings.projects, label)

        async def properties() -> list[Check]:
            live = [row for sight in sights for row in sight.live]
            return flavor_checks(await flavors(places[0], self._api), live, settings.flavor_keys, label)

        waiting = [
            guarded(
                "Keystone: projects",
                label,
                project_checks(cloud, settings.projects, selection, self._releases, role),
            ),
            guarded("VO mapping", label, vos()),
        ]
        if places:
            services = (cloud.identity.service, cloud.compute, *self._others())
            waiting += [
                guarded("Keystone: users", label, user_checks(cloud, users, self._releases, role)),
                guarded("Clock", label, clock_checks(cloud, places[0].scope, services)),
            ]
        if places and "nova" in settings.extractors:
            waiting.append(guarded("Flavors", label, properties()))
        return [check for checks in await asyncio.gather(*waiting) for check in checks]

    def _others(self) -> list[Service]:
        by_name = {
            "cinder": self._cloud.volume,
            "neutron": self._cloud.network,
            "gnocchi": self._cloud.metric,
        }
        return [service for name, service in by_name.items() if name in self._settings.extractors]
