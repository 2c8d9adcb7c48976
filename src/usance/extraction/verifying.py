"""`--verify`: hold our seconds against Nova's own usage API."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from usance.cloud.access import Cloud
from usance.cloud.projects import Project
from usance.extraction.executor import LedgerThread
from usance.ledger.ledger import Ledger
from usance.model.errors import UsanceError
from usance.model.period import Period
from usance.model.resource import SERVER
from usance.model.usage import usage
from usance.sources.nova_usage import Difference, verify


async def differences(
    run: LedgerThread, cloud: Cloud, projects: Sequence[Project], period: Period
) -> AsyncIterator[str]:
    """Yield a sentence for each server of which Nova counts other seconds in the period than we do."""
    for project in projects:
        ours = await run(_elapsed, run.ledger, project, cloud.cloud_id, period)
        try:
            found = await verify(cloud, project, period, ours)
        except UsanceError as error:
            yield f"project {project.name}: Nova's usage can't be read: {error}"
            continue
        for one in found:
            yield _sentence(project, one)


def _elapsed(ledger: Ledger, project: Project, cloud_id: str, period: Period) -> dict[str, int]:
    """Return the seconds of each server in the period: whatever its state, as Nova counts."""
    newest = ledger.revision(project.id, cloud_id)
    return {
        one.timeline.resource.id: usage(one.timeline, period, suspended_states=()).elapsed_s
        for one in ledger.timelines(project.id, cloud_id, SERVER, since_revision=newest, touching=period)
    }


def _sentence(project: Project, one: Difference) -> str:
    ours = "nothing" if one.ours_s is None else f"{one.ours_s} s"
    theirs = "nothing" if one.theirs_s is None else f"{one.theirs_s} s"
    return f"project {project.name}: server {one.server_id}: the ledger has {ours}, Nova's usage {theirs}"
