"""A reading of the ledger that the makers of one staging share.

Cloud and accelerator records are both made of the servers' timelines. Reading and decoding them takes
longer than most of what follows, so what the first maker was given is kept for the next one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Final

from usance.ledger.values import Changed, Looked, StagedRecord
from usance.messengers.making import Reading
from usance.model.period import Period

_KEPT: Final = 2000
"""Timelines that are kept of one question, some 4 kB each; of more than these, none: they are read again."""

_Question = tuple[str, str, str, int, Period | None]


class ReadOnce:
    """Answers as another reading does; timelines that were read to their end are not read twice."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._kept: dict[_Question, list[Changed]] = {}

    def timelines(
        self,
        project_id: str,
        cloud_id: str,
        kind: str,
        *,
        since_revision: int = 0,
        touching: Period | None = None,
    ) -> Iterator[Changed]:
        """Yield the timelines that changed after a revision or live in a period, in the order of ids."""
        asked = (project_id, cloud_id, kind, since_revision, touching)
        kept = self._kept.get(asked)
        return self._read(asked) if kept is None else iter(kept)

    def staged(
        self, project_id: str, cloud_id: str, messenger: str, kind: str, resource_ids: Sequence[str]
    ) -> dict[str, dict[str, StagedRecord]]:
        """Return what was staged last: never kept, for staging changes it."""
        return self._reading.staged(project_id, cloud_id, messenger, kind, resource_ids)

    def looked(
        self, project_id: str, cloud_id: str, kinds: Collection[str], *, revision: int | None = None
    ) -> Looked | None:
        """Return since when, and when last, all of these kinds were looked at; None if they never were."""
        return self._reading.looked(project_id, cloud_id, kinds, revision=revision)

    def _read(self, asked: _Question) -> Iterator[Changed]:
        project_id, cloud_id, kind, since_revision, touching = asked
        found = self._reading.timelines(
            project_id, cloud_id, kind, since_revision=since_revision, touching=touching
        )
        read: list[Changed] = []
        for one in found:
            if len(read) <= _KEPT:
                read.append(one)
            yield one
        if len(read) <= _KEPT:
            self._kept[asked] = read
