"""Which energy records have to be made again, after what was staged before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import ClassVar, Final

from usance.ledger.values import Changed, StagedRecord
from usance.messengers.making import Asked, Due
from usance.model.period import Period, month_start
from usance.model.resource import ENERGY, SERVER
from usance.model.span import Timeline
from usance.records.energy import RECORD_TYPE, day_of, energy_record, server_of

_PAGE: Final = 1000  # days looked at together
_DAY: Final = timedelta(days=1)


class EnergyMaker:
    """Makes energy records: of the days that are over and new, and of those whose server is known better."""

    record_type: ClassVar[str] = RECORD_TYPE
    observed: ClassVar[frozenset[str]] = frozenset({SERVER, ENERGY})

    def month_of(self, key: str) -> datetime:
        """Return the first instant of the month that a record key names."""
        return month_start(day_of(key))

    def due(self, asked: Asked) -> Iterator[Due]:
        """Yield what is due, day by day of each server."""
        learnt = _learnt(asked)
        start = _start(asked, learnt)
        touching = None if start is None else Period(min(start, asked.until), asked.until)
        days = asked.ledger.timelines(
            asked.project_id, asked.cloud_id, ENERGY, since_revision=asked.watermark, touching=touching
        )
        while page := list(islice(days, _PAGE)):
            wanted = [one for one in page if _is_wanted(one, asked, learnt)]
            servers = _servers(asked, wanted)
            staged = asked.staged(ENERGY, [one.timeline.resource.id for one in wanted])
            for one in wanted:
                yield self._due(asked, one, servers, staged)

    def _due(
        self,
        asked: Asked,
        changed: Changed,
        servers: dict[str, Timeline],
        staged: dict[str, dict[str, StagedRecord]],
    ) -> Due:
        day = changed.timeline
        one_id = day.resource.id
        server = servers.get(server_of(one_id))
        if day.end is None or server is None:
            return Due(())
        if day.end > asked.until:
            return Due((), untold=True)
        record = energy_record(day, server, asked.context)
        before = staged.get(one_id, {}).get(record.key)
        # A day of which nothing was measured says nothing, unless it takes back what was said.
        is_news = record.sampled_s > 0 if before is None else before.digest != record.digest
        waiting = asked.waiting.get(one_id, ())
        if is_news:
            return Due((record,))
        return Due((), fine=tuple(waiting))


def _learnt(asked: Asked) -> dict[str, datetime]:
    """Return since when the servers that changed are known differently."""
    changed = asked.ledger.timelines(asked.project_id, asked.cloud_id, SERVER, since_revision=asked.watermark)
    return {one.timeline.resource.id: one.changed_from for one in changed if one.changed_from is not None}


def _start(asked: Asked, learnt: dict[str, datetime]) -> datetime | None:
    """Return from when on days may have something to tell although they did not change; None: nowhere."""
    starts = list(learnt.values())
    if asked.since is not None:
        starts.append(asked.since)
    starts += [day_of(key) for keys in asked.waiting.values() for key in keys]
    return min(starts, default=None)


def _is_wanted(changed: Changed, asked: Asked, learnt: dict[str, datetime]) -> bool:
    one_id = changed.timeline.resource.id
    end = day_of(one_id) + _DAY
    known = learnt.get(server_of(one_id))
    return (
        changed.revision > asked.watermark
        or (asked.since is not None and end > asked.since)
        or (known is not None and end >= known)
        or one_id in asked.waiting
    )


def _servers(asked: Asked, days: Sequence[Changed]) -> dict[str, Timeline]:
    """Return the servers that some days are of."""
    if not days:
        return {}
    wanted = {server_of(one.timeline.resource.id) for one in days}
    first = min(day_of(one.timeline.resource.id) for one in days)
    last = max(day_of(one.timeline.resource.id) for one in days) + _DAY
    # A server that was found not to have lived on a day may have ended long before it.
    found = asked.ledger.timelines(
        asked.project_id, asked.cloud_id, SERVER, since_revision=asked.watermark, touching=Period(first, last)
    )
    return {one.timeline.resource.id: one.timeline for one in found if one.timeline.resource.id in wanted}
