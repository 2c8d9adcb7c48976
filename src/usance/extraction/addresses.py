"""Floating IPs: counted beside the servers, and no reason to hold a record back."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from usance.cloud.access import Cloud
from usance.cloud.projects import Project
from usance.extraction.executor import LedgerMemory, LedgerThread
from usance.model.errors import UsanceError
from usance.sources.neutron_addresses import NeutronAddresses


async def observe_addresses(run: LedgerThread, cloud: Cloud, projects: Sequence[Project]) -> list[str]:
    """Keep how many floating IPs each server has; return what went wrong, a sentence a project.

    Where Neutron doesn't tell, records go out with the last count that is known.
    """
    source = NeutronAddresses(cloud)
    memory = LedgerMemory(run, cloud.cloud_id, source.name, source.kind)
    limit = asyncio.Semaphore(cloud.settings.concurrency)

    async def look(project: Project) -> str | None:
        problem: str | None = None
        async with limit:
            try:
                async for project_id, batch in source.look((project,), memory, since={}):
                    await run(run.ledger.observe, project_id, cloud.cloud_id, batch)
            except UsanceError as error:
                problem = str(error)
            await run(
                run.ledger.note_attempt,
                project.id,
                cloud.cloud_id,
                source.name,
                at=cloud.clock.local(),
                error=problem,
            )
        return problem and f"project {project.name}: floating IPs are not known: {problem}"

    async with asyncio.TaskGroup() as tasks:
        looks = [tasks.create_task(look(project)) for project in projects]
    problems = [look.result() for look in looks]
    return [problem for problem in problems if problem]
