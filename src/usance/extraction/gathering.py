"""What the sources made of the projects, while they look at them side by side."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence

from usance.cloud.projects import Project
from usance.extraction.observing import Outcome
from usance.sources.source import Source

Finish = Callable[[Project, Collection[str]], Awaitable[None]]
"""Takes a project that all sources are done with, and the kinds that were observed completely."""


class Gathering:
    """Gathers the outcomes of all sources; a project is finished as soon as each of them is done with it."""

    def __init__(self, projects: Sequence[Project], sources: Sequence[Source], finish: Finish) -> None:
        self.projects = projects
        self.outcomes = {project.id: Outcome() for project in projects}
        self.observed: dict[str, set[str]] = {project.id: set() for project in projects}
        self._left = {project.id: len(sources) for project in projects}
        self._failed: dict[str, set[str]] = {project.id: set() for project in projects}
        self._finish = finish

    async def done(self, source: Source, project: Project, outcome: Outcome) -> None:
        """Note how one source fared with a project."""
        one = project.id
        self.outcomes[one] = self.outcomes[one].beside(outcome)
        (self.observed if outcome.error is None else self._failed)[one].add(source.kind)
        # Several sources may look at one kind: it was observed if all of them could.
        self.observed[one] -= self._failed[one]
        self._left[one] -= 1
        if not self._left[one] and self.observed[one]:
            await self._finish(project, self.observed[one])
