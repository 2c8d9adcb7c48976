"""A service that the cloud does not have: it is said once."""

from __future__ import annotations

import logging

from usance.cloud.catalog import NoEndpointError

LOG = logging.getLogger(__name__)


class Missing:
    """What to say of a service that the catalog does not name: shared by all sources that read it."""

    def __init__(self, consequence: str, *, by_default: bool = False) -> None:
        """*consequence* is what follows from it; *by_default*: nobody asked for the service."""
        self._consequence = consequence
        self._level = logging.INFO if by_default else logging.WARNING
        self._said = False

    def say(self, error: NoEndpointError) -> None:
        """Say it once in a run."""
        if not self._said:
            self._said = True
            LOG.log(self._level, "%s: %s", self._consequence, error)
