"""Finding sources by the names in a configuration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, cast

from usance.cloud.access import Cloud
from usance.config.installed import installed
from usance.config.settings import Settings
from usance.model.errors import ConfigurationError
from usance.sources.source import Source

SOURCES: Final = "usance.sources"


def find_sources(cloud: Cloud, settings: Settings) -> list[Source]:
    """Return the configured sources of a cloud, in their order.

    An entry point of `usance.sources` is called with the cloud and the settings, and returns its
    sources: a service may have several kinds of resource. Raises ConfigurationError for a name
    that nobody provides.
    """
    found: list[Source] = []
    for name in settings.extractors:
        points = installed(SOURCES).select(name=name)
        if not points:
            known = ", ".join(sorted(installed(SOURCES).names))
            raise ConfigurationError(f"there is no source {name!r}", hint=f"there are {known}")
        make = next(iter(points)).load()
        found += cast("Sequence[Source]", make(cloud, settings))
    return found
