"""What each project used in a period, for people."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import msgspec

from usance.cloud.projects import Project
from usance.extraction.report import ProjectUsage
from usance.ledger.ledger import Ledger
from usance.model.period import Period
from usance.model.resource import SERVER
from usance.model.usage import Usage, usage

NOTHING = Usage(0, 0, 0, 0, 0, 0, 0, 0)


def project_usage(
    ledger: Ledger,
    projects: Collection[Project],
    cloud_id: str,
    period: Period,
    suspended_states: Collection[str],
) -> Iterator[ProjectUsage]:
    """Yield the sum over each project's servers; timelines are streamed, never held."""
    for project in projects:
        servers, total = 0, NOTHING
        # Nothing has changed since the newest revision: only the period selects.
        newest = ledger.revision(project.id, cloud_id)
        for changed in ledger.timelines(project.id, cloud_id, SERVER, since_revision=newest, touching=period):
            timeline = changed.timeline
            if timeline.launched and period.clip(timeline.begin, timeline.end) is not None:
                servers += 1
                total = add(total, usage(timeline, period, suspended_states=suspended_states))
        yield ProjectUsage(
            cloud_id=cloud_id,
            project_id=project.id,
            name=project.name,
            vo=project.vo,
            period=period,
            servers=servers,
            usage=total,
        )


def add(one: Usage, other: Usage) -> Usage:
    """Add two usages, field by field."""
    return Usage(
        *(a + b for a, b in zip(msgspec.structs.astuple(one), msgspec.structs.astuple(other), strict=True))
    )
