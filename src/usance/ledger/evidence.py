"""What was said of some resources, with the looks that say something by their silence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

import msgspec
from sqlalchemy import Connection

from usance.ledger import rows
from usance.ledger.looks import Looks
from usance.model.observation import Look, Observation

_NOTHING: Mapping[str, Sequence[Observation]] = {}


class Evidence(msgspec.Struct, frozen=True):
    """All that a ledger knows of one resource: its timeline follows from it."""

    observations: tuple[Observation, ...] = ()
    looks: tuple[Look, ...] = ()  # those that matter, and perhaps others


def evidence(
    connection: Connection,
    place: tuple[str, str, str],
    ids: Sequence[str],
    *,
    tolerance: timedelta,
    beside: Mapping[str, Sequence[Observation]] = _NOTHING,
) -> dict[str, Evidence]:
    """Return what is known of each of some resources, whether anything was said of it or not.

    *place* is project, cloud and kind. *beside* are observations that the ledger does not have, by
    resource id: the looks that matter to them are in the answer, too.
    """
    project_id, cloud_id, kind = place
    looks = Looks(connection, project_id, cloud_id, kind, tolerance)
    said = rows.observations(connection, project_id, cloud_id, kind, ids)
    found: dict[str, Evidence] = {}
    for one in ids:
        known = said.get(one, [])
        found[one] = Evidence(tuple(known), looks.around([*known, *beside.get(one, ())]))
    return found
