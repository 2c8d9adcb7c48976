"""Routes for whoever runs the service: is it alive, is it ready, how is it doing."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency
from litestar.types import ControllerRouterHandler

from usance.api.admission import METRICS, OPEN
from usance.api.errors import LEDGER_AWAY, RefusedError
from usance.api.ledger_access import LedgerAccess
from usance.api.metrics import CONTENT_TYPE, Metrics
from usance.ledger.schema import SCHEMA_VERSION
from usance.model.errors import LedgerError

LOG = logging.getLogger(__name__)

PATIENCE_S: Final = 5.0
"""How long the ledger may take to say that it is there: whoever asks does so every few seconds."""


class Health(msgspec.Struct, frozen=True):
    """What /health and /ready say when all is well."""

    status: str


def operation_routes(metrics: Metrics) -> list[ControllerRouterHandler]:
    """Return the routes /health, /ready and /metrics."""

    @get("/health", opt={OPEN: True}, tags=["Operation"], summary="Is the process alive?", security=[{}])
    async def health() -> Health:
        """Answer, which is all that there is to it: nothing else is asked."""
        return Health("ok")

    @get(
        "/ready",
        opt={OPEN: True},
        tags=["Operation"],
        summary="Does the ledger answer, and is its schema the right one?",
        security=[{}],
    )
    async def ready(ledger: NamedDependency[LedgerAccess]) -> Health:
        """Ask the ledger; 503 if it does not answer in time, or has another schema than this program."""
        await _ask(ledger)
        return Health("ok")

    @get(
        "/metrics",
        opt={METRICS: True},
        tags=["Operation"],
        summary="The counters, for Prometheus.",
        security=[{}, {"token": []}],
        media_type="text/plain",
    )
    async def show_metrics() -> Response[bytes]:
        """Show the counters to whoever may scrape, or has a token that may see everything."""
        return Response(metrics.text(), headers={"content-type": CONTENT_TYPE})

    return [health, ready, show_metrics]


async def _ask(ledger: LedgerAccess) -> None:
    away = RefusedError(503, LEDGER_AWAY, headers={"Retry-After": "5"})
    try:
        async with asyncio.timeout(PATIENCE_S):
            version = await ledger.read(ledger.ledger.version)
    except TimeoutError:
        raise away from None
    except LedgerError as error:
        LOG.warning("not ready: %s", error)
        raise away from error
    if version != SCHEMA_VERSION:
        raise RefusedError(503, f"the ledger has schema {version}, and this program needs {SCHEMA_VERSION}")
