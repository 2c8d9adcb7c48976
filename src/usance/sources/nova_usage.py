"""Nova's own figures, for `--verify` only: they are slow, and differ for ever on ordinary clouds.

`os-simple-tenant-usage` counts from launched_at, which moves at each resize and rebuild, and counts
servers that never ran nothing. So a difference is a question, not a mistake.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import msgspec

from usance.cloud.access import Cloud
from usance.cloud.projects import Project
from usance.model.period import Period
from usance.sources.nova_rows import Link, next_link, parse_instant

_PAGED = {"X-OpenStack-Nova-API-Version": "2.40", "OpenStack-API-Version": "compute 2.40"}
"""Since 2.40 the usages of a project are paged; before that they are cut off at a thousand."""


class ServerUsage(msgspec.Struct, frozen=True):
    """What Nova counts for one server in a period."""

    server_id: str
    seconds: int
    started_at: datetime | None
    ended_at: datetime | None


class Difference(msgspec.Struct, frozen=True, order=True):
    """Seconds of one server that we and Nova do not count alike; None: one of us does not know it."""

    server_id: str
    ours_s: int | None
    theirs_s: int | None


class _UsageRow(msgspec.Struct):
    instance_id: str
    started_at: str | None = None
    ended_at: str | None = None


class _ProjectUsage(msgspec.Struct):
    server_usages: list[_UsageRow] = []


class _UsagePage(msgspec.Struct):
    # An empty object for a project without servers.
    tenant_usage: _ProjectUsage
    tenant_usage_links: list[Link] = []


_USAGE = msgspec.json.Decoder(_UsagePage)


async def server_usages(cloud: Cloud, project: Project, period: Period) -> dict[str, ServerUsage]:
    """Return Nova's usage of each server of a project in a period, by server id. Raises CloudError."""
    scope, _ = cloud.scope_of(project)
    found: dict[str, ServerUsage] = {}
    pages = cloud.compute.pages(
        scope,
        f"/os-simple-tenant-usage/{project.id}",
        _USAGE,
        next_of=lambda page: next_link(page.tenant_usage_links),
        params=(("start", _naive(period.start)), ("end", _naive(period.end))),
        headers=_PAGED,
    )
    async for page in pages:
        for row in page.tenant_usage.server_usages:
            started, ended = parse_instant(row.started_at), parse_instant(row.ended_at)
            lived = period.clip(started, ended) if started is not None else None
            seconds = (lived.end - lived.start) // timedelta(seconds=1) if lived else 0
            found[row.instance_id] = ServerUsage(row.instance_id, seconds, started, ended)
    return found


async def verify(
    cloud: Cloud, project: Project, period: Period, elapsed_s: Mapping[str, int], *, allowed_s: int = 60
) -> tuple[Difference, ...]:
    """Compare elapsed seconds with Nova's; return what differs by more than *allowed_s*."""
    theirs = {one: usage.seconds for one, usage in (await server_usages(cloud, project, period)).items()}
    return differences(elapsed_s, theirs, allowed_s=allowed_s)


def differences(
    ours: Mapping[str, int], theirs: Mapping[str, int], *, allowed_s: int
) -> tuple[Difference, ...]:
    """Return the servers whose seconds differ by more than allowed, in the order of their ids."""
    return tuple(
        Difference(one, ours.get(one), theirs.get(one))
        for one in sorted({*ours, *theirs})
        if abs(ours.get(one, 0) - theirs.get(one, 0)) > allowed_s
    )


def _naive(instant: datetime) -> str:
    """Return an instant as this API wants it: in UTC, without saying so."""
    return instant.astimezone(UTC).replace(tzinfo=None, microsecond=0).isoformat()
