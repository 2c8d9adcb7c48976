"""Whether the clocks agree: that of this machine, and those of the cloud's services."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from typing import Any, Final

import msgspec

from usance.cloud.access import Cloud
from usance.cloud.plugins import TokenScope
from usance.cloud.service import Service
from usance.config.settings import CloudSettings
from usance.doctor.check import Check, Verdict
from usance.http.client import HttpClient, Tls
from usance.http.clock import CloudClock
from usance.http.retry import RetryPolicy
from usance.model.errors import CloudError

_ANY: Final = msgspec.json.Decoder(Any)
_NAME: Final = "Clock"


async def clock_checks(cloud: Cloud, scope: TokenScope, services: tuple[Service, ...]) -> list[Check]:
    """Compare the `Date` of each service with the local clock, and with those of the others."""
    settings = cloud.settings
    offsets = await asyncio.gather(*(_offset(settings, scope, one) for one in services))
    told = {
        service.name: offset for service, offset in zip(services, offsets, strict=True) if offset is not None
    }
    return compared(told, settings.cloud_id, timedelta(seconds=settings.tolerance_s))


def compared(offsets: dict[str, timedelta], scope: str, tolerance: timedelta) -> list[Check]:
    """Return what the offsets of services' clocks from the local one mean."""
    if not offsets:
        return []
    remedy = "let chrony or ntpd keep the clocks, on all controllers and here"
    first, last = min(offsets, key=offsets.__getitem__), max(offsets, key=offsets.__getitem__)
    apart = offsets[last] - offsets[first]
    if apart > tolerance:
        sentence = f"the clock of {last} is {_seconds(apart)} ahead of that of {first}"
        return [Check(_NAME, scope, Verdict.WARNING, sentence, remedy)]
    furthest = max(offsets.values(), key=abs)
    if abs(furthest) > tolerance:
        where = "ahead of" if furthest > timedelta() else "behind"
        sentence = f"the cloud's clock is {_seconds(abs(furthest))} {where} this machine's, and counts"
        return [Check(_NAME, scope, Verdict.WARNING, sentence, remedy)]
    return [
        Check(_NAME, scope, Verdict.OK, f"the clocks of {', '.join(sorted(offsets))} agree with this one")
    ]


async def _offset(settings: CloudSettings, scope: TokenScope, service: Service) -> timedelta | None:
    """Return by how much a service's clock is ahead; None where it does not answer.

    That it doesn't is told by the checks of what it should show.
    """
    auth, clock = settings.auth, CloudClock()
    tls = Tls(cafile=auth.cafile, certfile=auth.certfile, keyfile=auth.keyfile, insecure=auth.insecure)
    policy = RetryPolicy(retries=0)
    async with HttpClient(timeout_s=settings.timeout_s, policy=policy, tls=tls, clock=clock) as client:
        before = client.requests
        with contextlib.suppress(CloudError):
            url = f"{await service.base(scope)}/"
            with contextlib.suppress(CloudError):  # any answer has a date
                await client.get(url, _ANY, service=service.name, note_clock=True)
            return clock.offset if client.requests > before else None
    return None


def _seconds(offset: timedelta) -> str:
    if offset >= timedelta(hours=2):
        return f"{offset // timedelta(hours=1)} hours"
    return f"{offset // timedelta(seconds=1)} s"
