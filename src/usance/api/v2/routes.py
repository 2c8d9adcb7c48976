"""The routes under `/v2`."""

from __future__ import annotations

from litestar.types import ControllerRouterHandler

from usance.config.settings import ApiSettings


def v2_routes(_settings: ApiSettings) -> list[ControllerRouterHandler]:
    """Return the routes of `/v2`."""
    return []
