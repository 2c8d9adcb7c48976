"""Almanach's routes, under `/v1` and without a prefix."""

from __future__ import annotations

from litestar.types import ControllerRouterHandler

from usance.config.settings import ApiSettings


def almanach_routes(_settings: ApiSettings) -> list[ControllerRouterHandler]:
    """Return the routes of Almanach."""
    return []
