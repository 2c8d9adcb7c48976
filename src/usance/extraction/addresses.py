"""Floating IPs: counted beside the servers, and no reason to hold a record back."""

from __future__ import annotations

from usance.cloud.access import Cloud
from usance.cloud.projects import Project
from usance.extraction.executor import LedgerMemory, LedgerThread
from usance.model.errors import UsanceError
from usance.sources.neutron_addresses import NeutronAddresses


class AddressObserver:
    """Keeps how many floating IPs the servers of a project have."""

    def __init__(self, run: LedgerThread, cloud: Cloud, *, missing_is_said: bool = False) -> None:
        self._run = run
        self._cloud = cloud
        self._source = NeutronAddresses(cloud, missing_is_said=missing_is_said)
        self._memory = LedgerMemory(run, cloud.cloud_id, self._source.name, self._source.kind)

    async def observe(self, project: Project) -> list[str]:
        """Look at a project; return what went wrong: then records go out with the last count known."""
        problem: str | None = None
        try:
            async for project_id, batch in self._source.look((project,), self._memory, since={}):
                await self._run(self._run.ledger.observe, project_id, self._cloud.cloud_id, batch)
        except UsanceError as error:
            problem = str(error)
        await self._run(
            self._run.ledger.note_attempt,
            project.id,
            self._cloud.cloud_id,
            self._source.name,
            at=self._cloud.clock.local(),
            error=problem,
        )
        return [] if problem is None else [f"project {project.name}: floating IPs are not known: {problem}"]
