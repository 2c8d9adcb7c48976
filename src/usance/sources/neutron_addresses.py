"""How many floating IPs each server has: described beside it, never a proof of its life."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime

from usance.cloud.access import Cloud
from usance.cloud.catalog import NoEndpointError
from usance.cloud.projects import Project
from usance.model.observation import Batch, Observation, Verb
from usance.model.resource import SERVER, Resource
from usance.sources.source import Memory

LOG = logging.getLogger(__name__)

NAME = "neutron"
PUBLIC_IP_COUNT = "public_ip_count"


class NeutronAddresses:
    """Looks at the floating IPs of a project, and says of each server how many point at it.

    Its sightings only describe. Its batches carry no look: that Neutron does not speak of a
    server says nothing about the server. A run that ends without an error was complete.
    """

    name = NAME
    kind = SERVER

    def __init__(self, cloud: Cloud, *, missing_is_said: bool = False) -> None:
        """*missing_is_said*: of a cloud without Neutron another source says so."""
        self._cloud = cloud
        self._warned = missing_is_said

    def plan(
        self,
        projects: Sequence[Project],
        *,
        full: Collection[str] = (),  # noqa: ARG002  every look is the same here; the protocol has it
    ) -> list[tuple[Project, ...]]:
        """Return one group for each project."""
        return [(one,) for one in projects]

    async def look(
        self,
        group: Sequence[Project],
        memory: Memory,
        *,
        since: Mapping[str, datetime | None],  # noqa: ARG002  Neutron has no history; the protocol has it
        full: bool = False,  # noqa: ARG002  every look is the same here; the protocol has it
    ) -> AsyncIterator[tuple[str, Batch]]:
        """Yield what changed; see :class:`usance.sources.source.Source`. Raises CloudError.

        Of a cloud without Neutron nothing is said, with one warning.
        """
        for project in group:
            begin = self._cloud.clock.now()
            try:
                counts = await self._cloud.floating_ip_counts(project)
            except NoEndpointError as error:
                if not self._warned:
                    self._warned = True
                    LOG.warning("records go out without floating IPs: %s", error)
                return
            end = max(begin, self._cloud.clock.now())
            # Who had one at the last look and has none now is said to have none.
            ids = sorted(set(counts) | await memory.alive(project.id))
            said = await memory.statements(project.id, ids)
            seen = [
                Observation(
                    resource=Resource(project.id, self._cloud.cloud_id, SERVER, one),
                    verb=Verb.SEEN,
                    at=end,
                    begin=begin,
                    source=NAME,
                    described={PUBLIC_IP_COUNT: counts.get(one, 0)},
                )
                for one in ids
            ]
            changed = tuple(one for one in seen if said.get(one.resource.id) != one.statement)
            if changed:
                yield project.id, Batch(changed)
