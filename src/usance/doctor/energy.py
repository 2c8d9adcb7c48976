"""Whether Prometheus has what energy is accounted from."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from usance.config.settings import Settings
from usance.doctor.check import Check, Verdict
from usance.model.period import Period
from usance.sources.prometheus_api import HOUR, PrometheusApi

TIMEOUT_S: Final = 20


async def energy_checks(settings: Settings, now: datetime) -> list[Check]:
    """Ask for the last full hour of the configured metric. Raises CloudError where that is not answered."""
    name, scope = "Prometheus: metric", settings.cloud.cloud_id
    end = now.replace(minute=0, second=0, microsecond=0)
    api = PrometheusApi(settings.prometheus, timeout_s=TIMEOUT_S, retries=0)
    async with api.client:
        found = await api.hours(Period(end - HOUR, end), ())
    metric = settings.prometheus.metric.name
    if not found:
        return [
            Check(
                name,
                scope,
                Verdict.MISSING,
                f"Prometheus has nothing of the metric {metric} in the last full hour",
                "see the metric, its labels and its unit in [prometheus], and whether it is scraped",
            )
        ]
    return [Check(name, scope, Verdict.OK, f"{metric} tells of {len(found)} servers in the last full hour")]
