"""Transaction 1, *observe*: what was said, the timelines that it changes, and how far was looked."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection

from usance.ledger.locking import lock_projects
from usance.ledger.owning import Strays
from usance.ledger.values import Observed
from usance.ledger.watermarks import move_source_watermark
from usance.ledger.work import Work
from usance.model.observation import Batch


def observe(
    connection: Connection,
    project_id: str,
    cloud_id: str,
    batch: Batch,
    *,
    tolerance: timedelta,
    now: datetime,
    rewind: bool,
) -> Observed:
    """Keep a batch in the transaction that the connection is in.

    Raises ValueError if the batch speaks of another project or cloud.
    """
    _check(project_id, cloud_id, batch)
    place = (project_id, cloud_id)
    strays = Strays(connection, batch.observations)
    work = Work(connection, lock_projects(connection, {place, *strays.places()}), tolerance)
    new_look = batch.look is not None and work.keep_look(batch.look)
    work.keep(batch.observations)
    if batch.look is not None and new_look:
        work.hear_silence(batch.look)
    if batch.watermark is not None:
        source = batch.look.source if batch.look is not None else _source_of(batch)
        move_source_watermark(connection, project_id, cloud_id, source, batch.watermark, rewind=rewind)
    held = work.finish(now)
    copied = work.following(held)
    copied.settle(strays.shares(tolerance))
    held = copied.finish(now)
    return Observed(
        inserted=work.inserted,
        duplicates=len(batch.observations) - work.inserted,
        changed=work.changed + copied.changed,
        revision=held[place].revision,
    )


def _check(project_id: str, cloud_id: str, batch: Batch) -> None:
    for one in batch.observations:
        if (one.resource.project_id, one.resource.cloud_id) != (project_id, cloud_id):
            raise ValueError(f"{one.resource} is not of project {project_id!r} of cloud {cloud_id!r}")
    look = batch.look
    if look is not None and (look.project_id, look.cloud_id) != (project_id, cloud_id):
        raise ValueError(f"{look} is not of project {project_id!r} of cloud {cloud_id!r}")


def _source_of(batch: Batch) -> str:
    sources = {one.source for one in batch.observations}
    if len(sources) != 1:
        raise ValueError("a watermark needs a look, or observations of one source, to say whose it is")
    return sources.pop()
