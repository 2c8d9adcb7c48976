"""Volumes that move between projects: where they were seen before, and what that means here.

Cinder tells of no transfer. One is known by the id: another project had it. Up to the look that
missed it there, it was charged there; so here it begins with the look that shows it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from usance.model.observation import Observation, Verb
from usance.model.period import EPOCH, Period
from usance.model.resource import SIZE_GIB
from usance.sources.cinder_observations import Seen
from usance.sources.cinder_rows import StorageRow
from usance.sources.nova_rows import parse_instant
from usance.sources.source import Memory


class Moves:
    """What is known of other projects that are looked at in the same run."""

    def __init__(
        self, memory: Memory, last_looks: Mapping[str, datetime | None], tolerance: timedelta
    ) -> None:
        """*last_looks*: when each project was looked at last, before this run."""
        self._memory = memory
        self._last_looks = last_looks
        self._tolerance = tolerance

    async def seen_elsewhere(self, project_id: str, rows: Sequence[StorageRow]) -> set[str]:
        """Return the ids of the rows that another project had at some time.

        Asked about are only projects that were looked at since a row was created: for what is new
        since the last run, these are none.
        """
        created = {row.id: parse_instant(row.created_at) for row in rows}
        found: set[str] = set()
        for other, last_look in self._last_looks.items():
            if other == project_id or last_look is None:
                continue
            latest = last_look + self._tolerance
            ids = [one for one, at in created.items() if one not in found and (at is None or at <= latest)]
            if ids:
                found.update(await self._memory.statements(other, ids))
        return found

    async def absence(self, seen: Seen) -> list[Observation]:
        """Say of what came back that it occupied nothing here since the look that missed it."""
        project_id, one_id = seen.resource.project_id, seen.resource.id
        for life in await self._memory.lives(project_id, seen.resource.kind, Period(EPOCH, seen.end)):
            if life.resource.id == one_id and life.end is not None:
                return [
                    Observation(
                        resource=seen.resource,
                        verb=Verb.SEEN,
                        at=life.end,
                        begin=life.end,
                        source=seen.source,
                        accounted={SIZE_GIB: 0},
                    )
                ]
        return []
