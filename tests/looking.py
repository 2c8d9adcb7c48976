"""Open a cloud that is served on loopback, look at it, and keep what the looks say, as a ledger does."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from usance.cloud.access import Cloud, open_cloud
from usance.cloud.projects import Project
from usance.config.settings import AuthSettings, CloudSettings, ProjectSettings
from usance.demo.site import PASSWORD
from usance.model.observation import Batch, Look, Observation, Scope, Verb
from usance.model.period import Period
from usance.model.span import Timeline
from usance.model.timeline import timeline
from usance.sources.source import Source


def auth(url: str, user: str = "accounting", **options: str) -> AuthSettings:
    """Return the account of a user of the simulated cloud at *url*; an empty option is left out."""
    given = {
        "auth_url": f"{url}/identity/v3",
        "username": user,
        "password": PASSWORD,
        "user_domain_name": "Default",
        **options,
    }
    return AuthSettings(
        auth_type=given.pop("auth_type", "v3password"),
        options={name: value for name, value in given.items() if value},
        origin="[keystone_auth] of caso.conf",
    )


def opened(
    url: str, user: str = "accounting", *, account: AuthSettings | None = None, **settings: Any
) -> Any:
    """Return the context of a cloud that gives up soon."""
    given = {"retries": 2, "timeout_s": 20, **settings}
    return open_cloud(CloudSettings(auth=account or auth(url, user), **given), backoff_s=0.01)


ALL = ProjectSettings()


class Notebook:
    """Everything that sources said, and the timelines that follow."""

    def __init__(self) -> None:
        self.observations: dict[str, list[Observation]] = defaultdict(list)
        self.looks: list[Look] = []
        self.watermarks: dict[tuple[str, str], datetime] = {}
        self._reports: dict[tuple[str, str], dict[str, Observation]] = defaultdict(dict)

    def keep(self, source: str, project_id: str, batch: Batch) -> None:
        """Keep a batch."""
        for one in batch.observations:
            self.observations[one.resource.id].append(one)
            if one.verb.is_sighting:
                reports = self._reports[one.source, project_id]
                last = reports.get(one.resource.id)
                if last is None or last.at <= one.at:
                    reports[one.resource.id] = one
        if batch.look is not None:
            self.looks.append(batch.look)
        if batch.watermark is not None:
            self.watermarks[source, project_id] = batch.watermark

    def memory(self, source: str) -> Remembered:
        """Return what a source is told of what it said."""
        return Remembered(self, self._reports, source)

    def timelines(self) -> dict[str, Timeline]:
        """Return the timeline of each resource that anybody spoke of, by id."""
        found: dict[str, Timeline] = {}
        for one, said in self.observations.items():
            life = timeline(said, self.looks)
            if life is not None:
                found[one] = life
        return found


class Remembered:
    """The memory of one source."""

    def __init__(
        self, notebook: Notebook, reports: dict[tuple[str, str], dict[str, Observation]], source: str
    ) -> None:
        self._notebook = notebook
        self._reports = reports
        self._looks = notebook.looks
        self._source = source

    async def statements(self, project_id: str, ids: Sequence[str]) -> dict[str, str]:
        """Return the digests of its last sightings."""
        reports = self._reports[self._source, project_id]
        return {one: reports[one].statement for one in ids if one in reports}

    async def alive(self, project_id: str) -> set[str]:
        """Return what it saw last."""
        reports = self._reports[self._source, project_id]
        return {one for one, said in reports.items() if said.verb is Verb.SEEN}

    async def last_look(self, project_id: str) -> datetime | None:
        """Return when its last full look at the project began."""
        begins = (
            one.begin
            for one in self._looks
            if (one.source, one.project_id, one.scope) == (self._source, project_id, Scope.FULL)
        )
        return max(begins, default=None)

    async def lives(self, project_id: str, kind: str, touching: Period) -> list[Timeline]:
        """Return what follows from all that was said of resources of a kind that lived in a period."""
        found: list[Timeline] = []
        for said in self._notebook.observations.values():
            mine = [one for one in said if (one.resource.project_id, one.resource.kind) == (project_id, kind)]
            life = timeline(mine, self._looks) if mine else None
            if life is not None and touching.clip(life.begin, life.end) is not None:
                found.append(life)
        return found


async def look(
    source: Source, projects: Sequence[Project], notebook: Notebook, *, full: bool = False
) -> list[Batch]:
    """Look once at all projects, keep what is said, and return the batches."""
    batches: list[Batch] = []
    due = [one.id for one in projects] if full else []
    for group in source.plan(projects, full=due):
        since = {one.id: notebook.watermarks.get((source.name, one.id)) for one in group}
        pairs = source.look(group, notebook.memory(source.name), since=since, full=full)
        async for project_id, batch in pairs:
            notebook.keep(source.name, project_id, batch)
            batches.append(batch)
    return batches


async def selected(cloud: Cloud, settings: ProjectSettings = ALL) -> tuple[Project, ...]:
    """Return the selected projects; a test that asks for them expects no refusal."""
    selection = await cloud.select_projects(settings)
    assert selection.refused == ()
    return selection.projects
