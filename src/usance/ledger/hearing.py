"""What a collector heard, of any projects and clouds, kept in one transaction."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection

from usance.ledger.locking import lock_projects
from usance.ledger.naming import remember_named
from usance.ledger.owning import Strays
from usance.ledger.parking import park, unpark
from usance.ledger.values import Heard, HeardOf
from usance.ledger.work import Work


def hear(connection: Connection, heard: Heard, *, tolerance: timedelta, now: datetime) -> HeardOf:
    """Keep what was heard in the transaction that the connection is in."""
    said = heard.observations
    places = {(one.resource.project_id, one.resource.cloud_id) for one in said}
    strays = Strays(connection, said)
    work = Work(connection, lock_projects(connection, places | strays.places()), tolerance)
    work.keep(said)
    held = work.finish(now)
    copied = work.following(held)
    copied.settle(strays.shares(tolerance))
    copied.finish(now)
    remember_named(connection, heard.names)
    parked = park(connection, heard.parked)
    unpark(connection, heard.unparked)
    return HeardOf(work.inserted, len(said) - work.inserted, work.changed + copied.changed, parked)
