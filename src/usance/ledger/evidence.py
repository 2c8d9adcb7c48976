"""What was said of resources, with the looks that say something by their silence; for who compares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

import msgspec
from sqlalchemy import select

from usance.ledger import rows, schema
from usance.ledger.engine import Store
from usance.ledger.looks import Looks
from usance.model.observation import Look, Observation

_PAGE: Final = 500


class Evidence(msgspec.Struct, frozen=True):
    """All that a ledger knows of one resource: its timeline follows from it."""

    observations: tuple[Observation, ...] = ()
    looks: tuple[Look, ...] = ()  # those that matter, and perhaps others


class EvidenceReader:
    """Reads a ledger for those who compare what sources said. Each method is one transaction."""

    def __init__(self, store: Store, tolerance: timedelta) -> None:
        self._store = store
        self._tolerance = tolerance

    def of(
        self,
        project_id: str,
        cloud_id: str,
        kind: str,
        ids: Sequence[str],
        *,
        beside: Mapping[str, Sequence[Observation]] | None = None,
    ) -> dict[str, Evidence]:
        """Return what is known of each of some resources, whether anything was said of it or not.

        *beside* are observations that the ledger does not have, by resource id: the looks that
        matter to them are in the answer, too.
        """
        more = beside or {}
        found: dict[str, Evidence] = {}
        with self._store.read() as connection:
            looks = Looks(connection, project_id, cloud_id, kind, self._tolerance)
            said = rows.observations(connection, project_id, cloud_id, kind, ids)
            for one in ids:
                known = said.get(one, [])
                found[one] = Evidence(tuple(known), looks.around([*known, *more.get(one, ())]))
        return found

    def living(self, project_id: str, cloud_id: str, kind: str) -> set[str]:
        """Return the ids of the resources of a kind that have no end yet, whoever told of them."""
        table = schema.timeline.c
        query = select(table.resource_id).where(
            table.project_id == project_id,
            table.cloud_id == cloud_id,
            table.kind == kind,
            table.end_at.is_(None),
        )
        with self._store.read() as connection:
            return set(connection.execute(query).scalars())

    def elsewhere(self, project_id: str, cloud_id: str, kind: str, ids: Sequence[str]) -> set[str]:
        """Return those of some ids that another project of the cloud has, or had."""
        table = schema.timeline.c
        found: set[str] = set()
        with self._store.read() as connection:
            for page in rows.pages(ids, _PAGE):
                query = select(table.resource_id).where(
                    table.resource_id.in_(page),
                    table.kind == kind,
                    table.cloud_id == cloud_id,
                    table.project_id.not_in([project_id, ""]),
                )
                found.update(connection.execute(query).scalars())
        return found
