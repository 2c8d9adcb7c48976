"""What each source said last of a resource, in a sighting."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sqlalchemy import Connection

from usance.ledger import schema
from usance.ledger.engine import Row
from usance.ledger.keyed import joined, select_these
from usance.ledger.upserting import bulk_upsert
from usance.model.observation import Observation, Verb

_KEY: Final = ("project_id", "cloud_id", "kind", "source", "resource_id")
_LAST: Final = joined(schema.report, (*_KEY, "at", "key"), _KEY)


def report(connection: Connection, sightings: Iterable[tuple[int, str, Observation]]) -> None:
    """Note sightings, each with its instant and its key, where they are later than what is noted."""
    latest: dict[Row, tuple[int, str, Observation]] = {}
    for sighting in sightings:
        one = sighting[2]
        resource = one.resource
        place = (resource.project_id, resource.cloud_id, resource.kind, one.source, resource.id)
        if place not in latest or sighting[:2] > latest[place][:2]:
            latest[place] = sighting
    places = sorted(latest)
    known = {row[:5]: row[5:] for row in select_these(connection, _LAST, places, _KEY)}
    fresh = [place for place in places if place not in known or latest[place][:2] > known[place]]
    bulk_upsert(
        connection,
        schema.report,
        [
            (*place, at, key, one.statement, one.verb is Verb.SEEN)
            for place in fresh
            for at, key, one in [latest[place]]
        ],
    )
