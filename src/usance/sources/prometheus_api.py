"""Asking Prometheus what servers used, hour by hour, in two questions for all servers together.

Both answers have a value for each server and full hour, dated at the hour's end: the power (the
mean of the hour's samples, or the growth of a counter), and how many steps of the hour had a sample.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from usance.config.settings import PowerMetric, PrometheusSettings, without_password
from usance.http.client import HttpClient, Tls
from usance.http.errors import MalformedAnswerError, StatusError
from usance.http.retry import RetryPolicy
from usance.model.errors import CloudError
from usance.model.period import Period, epoch_seconds

HOUR: Final = timedelta(hours=1)
MOST_NAMED: Final = 200
"""For more servers than this, all series of the metric are asked for."""

_HOUR_S: Final = 3600
_SERVER_ID: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
_MOST_UW: Final = 10**15  # a gigawatt: what is more is no measurement
_IN_MICRO: Final = {"micro": 1, "milli": 1000, "": 1_000_000}


class Hour(msgspec.Struct, frozen=True):
    """What one server used in one full hour."""

    power_uw: int  # microwatts: the energy of the hour, as if it were used evenly
    sampled_s: int  # seconds for which there were samples


class _Series(msgspec.Struct):
    metric: dict[str, str]
    values: list[tuple[float, str]]  # an instant, in seconds since 1970, and a number


class _Data(msgspec.Struct):
    kind: str = msgspec.field(name="resultType")
    result: list[_Series]


class _Answer(msgspec.Struct):
    status: str
    data: _Data
    warnings: list[Any] = []


_decoder: Final = msgspec.json.Decoder(_Answer)


def power_query(metric: PowerMetric, step_s: int, ids: Collection[str] = ()) -> str:
    """Return the question for the hour's power, or for the growth of its energy, by server.

    A gauge is summed over a server's series at each step first, and averaged then: so a server that
    moved to another host is not counted twice.
    """
    selector = _selector(metric, ids)
    if metric.is_counter:
        return f"sum by ({metric.server_label}) (increase({selector}[{_HOUR_S}s]))"
    return f"avg_over_time({_steps(metric, selector, step_s)})"


def samples_query(metric: PowerMetric, step_s: int, ids: Collection[str] = ()) -> str:
    """Return the question for how many steps of the hour had a sample, by server."""
    return f"count_over_time({_steps(metric, _selector(metric, ids), step_s)})"


def _steps(metric: PowerMetric, selector: str, step_s: int) -> str:
    """Return what the steps of an hour hold, the one at its end included and the one at its begin not.

    Windows end just short of their begin: whether that belongs to them differs between versions.
    """
    here = f"sum by ({metric.server_label}) (last_over_time({selector}[{step_s * 1000 - 1}ms]))"
    return f"{here}[{_HOUR_S - 1}s:{step_s}s]"


def _selector(metric: PowerMetric, ids: Collection[str]) -> str:
    matchers = [f"{name}={json.dumps(value)}" for name, value in metric.labels]
    matchers += [f"{name}=~{json.dumps(value)}" for name, value in metric.patterns]
    plain = sorted(one for one in ids if _SERVER_ID.fullmatch(one))
    if plain and len(plain) <= MOST_NAMED:
        matchers.append(f'{metric.server_label}=~"{"|".join(plain)}"')
    else:
        matchers.append(f'{metric.server_label}!=""')
    return f"{metric.name}{{{','.join(matchers)}}}"


class PrometheusApi:
    """Asks one Prometheus."""

    def __init__(
        self, settings: PrometheusSettings, *, timeout_s: float, retries: int, backoff_s: float = 0.5
    ) -> None:
        self._settings = settings
        # An HTTPS server that is not verified is not verified by any authority.
        tls = Tls(cafile=settings.cafile, insecure=not settings.verify)
        self.client = HttpClient(
            concurrency=2,
            timeout_s=timeout_s,
            policy=RetryPolicy(retries=retries, backoff_s=backoff_s),
            tls=tls,
        )

    async def hours(self, period: Period, ids: Collection[str]) -> dict[str, dict[datetime, Hour]]:
        """Return what servers used in each full hour of a period, by server id and the hour's begin.

        *ids* are those that are wanted; others may come besides. Servers and hours without a
        sample are absent. A period whose answer is too large is asked for in halves. Raises CloudError.
        """
        settings = self._settings
        try:
            power = await self._ask(power_query(settings.metric, settings.step_s, ids), period)
            steps = await self._ask(samples_query(settings.metric, settings.step_s, ids), period)
        except (StatusError, MalformedAnswerError) as error:
            half = (period.end - period.start) // HOUR // 2
            if not half or (isinstance(error, StatusError) and error.status not in {413, 422}):
                raise
            middle = period.start + half * HOUR
            first = await self.hours(Period(period.start, middle), ids)
            for server_id, hours in (await self.hours(Period(middle, period.end), ids)).items():
                first.setdefault(server_id, {}).update(hours)
            return first
        return {
            server_id: {
                at: hour_of(settings.metric, value, int(counts[at]) * settings.step_s)
                for at, value in values.items()
                if at in (counts := steps.get(server_id, {}))
            }
            for server_id, values in power.items()
        }

    async def _ask(self, query: str, period: Period) -> dict[str, dict[datetime, Decimal]]:
        """Return a query's values at the ends of a period's full hours, by server and the hour's begin."""
        settings = self._settings
        form = {
            "query": query,
            "start": str(epoch_seconds(period.start + HOUR)),
            "end": str(epoch_seconds(period.end)),
            "step": str(_HOUR_S),
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if settings.token:
            headers["Authorization"] = f"Bearer {settings.token}"
        answer = await self.client.search(
            f"{settings.endpoint}/api/v1/query_range",
            urlencode(form).encode(),
            _decoder,
            service="Prometheus",
            headers=headers,
        )
        if answer.status != "success" or answer.data.kind != "matrix":
            raise CloudError(
                f"Prometheus at {without_password(settings.endpoint)} answered with a"
                f" {answer.data.kind[:40]!r} that is {answer.status[:40]!r}",
                hint="see prometheus_endpoint",
            )
        found: dict[str, dict[datetime, Decimal]] = {}
        for series in answer.data.result:
            values = found.setdefault(series.metric.get(settings.metric.server_label, ""), {})
            for at_s, text in series.values:
                number = _number(text)
                hours = (int(at_s) - epoch_seconds(period.start)) // _HOUR_S - 1
                if number is not None:
                    values[period.start + hours * HOUR] = number
        return found


def hour_of(metric: PowerMetric, value: Decimal, sampled_s: int) -> Hour:
    """Return an hour of a value in the metric's unit; it counts for the time that was sampled."""
    sampled_s = min(sampled_s, _HOUR_S)
    prefix = metric.unit.removesuffix("joules").removesuffix("watts")
    micro = value * _IN_MICRO[prefix]
    energy_uj = micro if metric.is_counter else micro * sampled_s
    return Hour(min(int((energy_uj / _HOUR_S).to_integral_value()), _MOST_UW), sampled_s)


def _number(text: str) -> Decimal | None:
    """Return a sample's number; None for what is no energy (NaN, infinite, negative)."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() and number >= 0 else None
