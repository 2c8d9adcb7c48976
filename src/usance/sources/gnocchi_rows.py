"""Gnocchi's answers, as far as they are read."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from usance.model.period import EPOCH
from usance.sources.nova_rows import parse_instant

POLLED_ONLY: Final = "cpu"
"""The metric that the hypervisor alone tells: so a measure of it says that the server was on one."""


class ServerRow(msgspec.Struct, frozen=True):
    """A resource of type `instance`, or one of its revisions.

    The attributes are those of Ceilometer's `gnocchi_resources.yaml`; older ones lack some of them.
    A revision says what Gnocchi had been told since `revision_start`, by Gnocchi's clock.
    """

    id: str
    revision_start: str
    revision_end: str | None = None  # None: it is the present one
    project_id: str | None = None
    user_id: str | None = None
    ended_at: str | None = None  # when Ceilometer handled the start of the deletion
    created_at: str | None = None  # Nova's
    launched_at: str | None = None
    deleted_at: str | None = None
    flavor_id: str | None = None
    flavor_name: str | None = None
    image_ref: str | None = None
    host: str | None = None
    display_name: str | None = None
    metrics: dict[str, str] = {}  # their ids by name

    @property
    def since(self) -> datetime:
        """When Gnocchi was told this."""
        instant = told_instant(self.revision_start)
        if instant is None:
            raise ValueError(f"the revision of {self.id!r:.80} has no start")
        return instant


Measure = tuple[str, float, float]
"""The begin of a stretch of time, its length in seconds, and the aggregated value."""


def told_instant(text: str | None) -> datetime | None:
    """Return one of Gnocchi's times, in UTC; None for what is none.

    An empty time, as a notification has it for what has not happened, is kept by Gnocchi as the
    least instant that its arithmetic knows, in 1677.
    """
    instant = parse_instant(text)
    return instant if instant is not None and instant > EPOCH else None
