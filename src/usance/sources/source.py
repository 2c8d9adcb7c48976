"""What a source is: the entry points of the group `usance.sources` keep this protocol."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from usance.cloud.projects import Project
from usance.model.observation import Batch
from usance.model.period import Period
from usance.model.span import Timeline


class Memory(Protocol):
    """What one source said before, of one kind of resource; the ledger stands behind it."""

    async def statements(self, project_id: str, ids: Sequence[str]) -> dict[str, str]:
        """Return the digest (`Observation.statement`) of the last sighting of each of these resources."""
        ...

    async def alive(self, project_id: str) -> set[str]:
        """Return the ids of the resources of which the source said last that it saw them."""
        ...

    async def last_look(self, project_id: str) -> datetime | None:
        """Return when the source's last complete look at everything began; None if there was none."""
        ...

    async def lives(self, project_id: str, kind: str, touching: Period) -> list[Timeline]:
        """Return what the ledger knows of resources of any kind that lived in a period."""
        ...

    async def looked_until(self, project_id: str, kind: str) -> datetime | None:
        """Return when the last complete look of anyone at a kind began; None if there was none."""
        ...


class Source(Protocol):
    """A source looks at projects and says what it sees.

    The entry point is a function of the cloud and the settings; it returns sources, one for each
    kind of resource that it looks at.
    """

    @property
    def name(self) -> str:
        """The name under which the ledger keeps what it said."""
        ...

    @property
    def kind(self) -> str:
        """The kind of resource that it observes."""
        ...

    def plan(self, projects: Sequence[Project], *, full: Collection[str] = ()) -> list[tuple[Project, ...]]:
        """Return groups of projects that are looked at together.

        *full* are the ids of those that are due a full look; a group is all of one sort.
        """
        ...

    def look(
        self,
        group: Sequence[Project],
        memory: Memory,
        *,
        since: Mapping[str, datetime | None],
        full: bool = False,
    ) -> AsyncIterator[tuple[str, Batch]]:
        """Look once at a group, and yield what was seen as (project id, batch).

        *since* is the watermark of each project; None for one that was never looked at, which makes
        the look a full one from the beginning of time. *full* makes it a full look besides: what
        is absent is gone. The caller keeps each batch before it asks for the next one. The last
        batch of each project carries the look and the new watermark; a look that fails raises a
        UsanceError before that, and what it yielded is true nevertheless.
        """
        ...
