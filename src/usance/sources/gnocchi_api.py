"""Gnocchi's API, as the source asks it: servers, their revisions, their measures."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Any, Final

import msgspec

from usance.cloud.plugins import TokenScope
from usance.cloud.service import Service
from usance.http.errors import StatusError
from usance.model.errors import CloudError, DoubtfulLookError
from usance.sources.gnocchi_rows import Measure, ServerRow
from usance.sources.nova_api import is_path_safe

_ROWS: Final = msgspec.json.Decoder(list[ServerRow])
_MEASURES: Final = msgspec.json.Decoder(list[Measure])

_FORGOTTEN: Final = frozenset({403, 404})


class GnocchiApi:
    """Asks Gnocchi; nothing here knows what the answers mean."""

    def __init__(self, metric: Service, *, page_limit: int | None = None) -> None:
        self._metric = metric
        self._limit = [("limit", str(page_limit))] if page_limit else []

    async def pages(
        self, scope: TokenScope, project_id: str | None, since: datetime
    ) -> AsyncGenerator[list[ServerRow]]:
        """Yield the servers of which Gnocchi was told something since an instant, page by page.

        *project_id* of None stands for all projects. They come in the order of their ids, which never
        change: in Gnocchi's own order, by revision, a page would begin anew behind a server that is
        updated meanwhile, and leave out what lies between. The last page is the empty one, for
        how many rows a server gives at most is not told. Raises DoubtfulLookError for pages out of order.
        """
        body = msgspec.json.encode(_question(project_id, since))
        marker: str | None = None
        while True:
            params = [("sort", "id:asc"), *self._limit, *([("marker", marker)] if marker else [])]
            rows = await self._metric.search(scope, "/search/resource/instance", body, _ROWS, params=params)
            if not rows:
                return
            for row in rows:
                if not is_path_safe(row.id):
                    raise CloudError(f"Gnocchi lists a server with an id that is none: {row.id!r:.80}")
                if marker is not None and row.id <= marker:
                    raise DoubtfulLookError(
                        "the pages of Gnocchi's servers lead in a circle",
                        hint="Gnocchi repeats a marker; look into its log",
                    )
                marker = row.id
            yield rows

    async def revisions(self, scope: TokenScope, server_id: str) -> list[ServerRow]:
        """Return what Gnocchi was ever told of a server, in order; nothing if it was removed meanwhile.

        Gnocchi gives a bounded number of rows. The present one has no end; until it comes, later ones
        are asked for by time: the marker of a revision is a number that the rows don't tell.
        """
        path, order = f"/resource/instance/{server_id}/history", ("sort", "revision_start:asc")
        try:
            rows = await self._metric.get(scope, path, _ROWS, params=[order])
        except StatusError as error:
            if error.status != 404:
                raise
            return []
        while rows and rows[-1].revision_end is not None:
            after = {">": {"revision_start": rows[-1].revision_start}}
            body = msgspec.json.encode({"and": [{"=": {"id": server_id}}, after]})
            later = await self._metric.search(
                scope, "/search/resource/instance", body, _ROWS, params=[("history", "true"), order]
            )
            if not later or later[-1].since <= rows[-1].since:
                raise DoubtfulLookError(
                    f"Gnocchi's revisions of server {server_id} have no end",
                    hint="it may be written to at this moment; run again",
                )
            rows += later
        return rows

    async def of_flavor(
        self, scope: TokenScope, flavor_id: str | None, name: str | None, *, limit: int
    ) -> list[ServerRow]:
        """Return revisions of servers that had a flavor, the latest first, as far as the scope sees them."""
        named = [{"=": {key: one}} for key, one in (("flavor_id", flavor_id), ("flavor_name", name)) if one]
        if not named:
            return []
        params = [("history", "true"), ("sort", "revision_start:desc"), ("limit", str(limit))]
        body = msgspec.json.encode({"and": named})
        return await self._metric.search(scope, "/search/resource/instance", body, _ROWS, params=params)

    async def measures(
        self, scope: TokenScope, metric_id: str, begin: datetime, end: datetime | None
    ) -> list[Measure]:
        """Return the means of a metric between two instants; nothing where they are not kept, or not told."""
        if not is_path_safe(metric_id):
            return []
        stop = [] if end is None else [("stop", end.isoformat())]
        params = [("aggregation", "mean"), ("start", begin.isoformat()), *stop]
        try:
            return await self._metric.get(scope, f"/metric/{metric_id}/measures", _MEASURES, params=params)
        except StatusError as error:
            if error.status not in _FORGOTTEN:
                raise
            return []


def _question(project_id: str | None, since: datetime) -> dict[str, Any]:
    told: dict[str, Any] = {">=": {"revision_start": since.isoformat()}}
    return told if project_id is None else {"and": [{"=": {"project_id": project_id}}, told]}
