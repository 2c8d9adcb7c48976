"""What a collector heard, of any projects and clouds, kept in one transaction."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection

from usance.ledger.naming import remember_named
from usance.ledger.observing import observe
from usance.ledger.parking import park
from usance.ledger.values import Heard, HeardOf
from usance.model.observation import Batch, Observation


def hear(connection: Connection, heard: Heard, *, tolerance: timedelta, now: datetime) -> HeardOf:
    """Keep what was heard in the transaction that the connection is in."""
    by_place: dict[tuple[str, str], list[Observation]] = {}
    for one in heard.observations:
        by_place.setdefault((one.resource.project_id, one.resource.cloud_id), []).append(one)
    inserted = changed = 0
    # In this order everywhere, so that nobody waits for one who waits for him.
    for project_id, cloud_id in sorted(by_place):
        batch = Batch(tuple(by_place[project_id, cloud_id]))
        kept = observe(connection, project_id, cloud_id, batch, tolerance=tolerance, now=now, rewind=False)
        inserted += kept.inserted
        changed += kept.changed
    remember_named(connection, heard.names)
    parked = park(connection, heard.parked)
    return HeardOf(inserted, len(heard.observations) - inserted, changed, parked)
