"""Cinder's API, as the sources ask it: versions, listings, single rows."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import msgspec

from usance.cloud.plugins import TokenScope
from usance.cloud.service import Service
from usance.http.errors import StatusError
from usance.model.errors import CloudError, DoubtfulLookError
from usance.sources.cinder_rows import Kind, StorageRow
from usance.sources.nova_api import Version, parse_version

LOG = logging.getLogger(__name__)

LEAST: Version = (3, 0)
WANTED: Version = (3, 56)
"""The highest that is of use: with the users of snapshots (3.41) and backups (3.56)."""


class _VersionEntry(msgspec.Struct):
    id: str = ""
    version: str = ""
    min_version: str = ""


class _VersionDocument(msgspec.Struct):
    versions: list[_VersionEntry] = []


_VERSION = msgspec.json.Decoder(_VersionDocument)


class CinderApi:
    """Asks Cinder with the highest microversion that both sides know; one for all kinds of resource."""

    def __init__(self, volume: Service, *, page_limit: int | None = None) -> None:
        self._volume = volume
        self._page_limit = page_limit
        self._negotiating = asyncio.Lock()
        self.version: Version = LEAST
        self._headers: dict[str, str] | None = None

    async def negotiate(self, scope: TokenScope) -> None:
        """Find the microversion, once.

        Raises NoEndpointError where the cloud has no Cinder, and CloudError if it has none that we know.
        """
        async with self._negotiating:
            if self._headers is not None:
                return
            document = await self._volume.get(scope, "/", _VERSION)
            entry = next((one for one in document.versions if one.id.startswith("v3")), _VersionEntry())
            highest, lowest = (
                parse_version(entry.version) or LEAST,
                parse_version(entry.min_version) or LEAST,
            )
            if lowest > WANTED or highest < LEAST:
                raise CloudError(
                    f"Cinder speaks {entry.min_version} to {entry.version}, and we {LEAST[0]}.{LEAST[1]}"
                    f" to {WANTED[0]}.{WANTED[1]}",
                    hint="this cloud needs a newer Usance",
                )
            self.version = min(highest, WANTED)
            text = f"{self.version[0]}.{self.version[1]}"
            self._headers = {"OpenStack-API-Version": f"volume {text}"}
            LOG.debug("Cinder speaks %s to %s; asked with %s", entry.min_version, entry.version, text)

    async def pages(
        self, scope: TokenScope, kind: Kind, query: Sequence[tuple[str, str]]
    ) -> AsyncGenerator[list[StorageRow]]:
        """Yield the rows of a detailed listing, page by page, to the last one.

        Raises DoubtfulLookError if a page can't be found: what the next one should begin after is gone.
        """
        limit = [("limit", str(self._page_limit))] if self._page_limit else []
        path = f"/{await self._volume.project_id(scope)}/{kind.path}/detail"
        pages = self._volume.pages(
            scope,
            path,
            kind.pages,
            next_of=lambda page: kind.page_of(page).next,
            params=(*query, *limit),
            headers=self._headers,
        )
        first = True
        async with aclosing(pages):
            try:
                async for page in pages:
                    first = False
                    yield kind.page_of(page).rows
            except StatusError as error:
                if first or error.status not in {400, 404}:
                    raise
                raise DoubtfulLookError(
                    f"Cinder's listing of {kind.path} broke off: {error}",
                    hint="something was deleted meanwhile; the next run looks again",
                ) from error

    async def row(self, scope: TokenScope, kind: Kind, resource_id: str) -> StorageRow | None:
        """Return one row; None if Cinder knows nothing of it."""
        path = f"/{await self._volume.project_id(scope)}/{kind.path}/{resource_id}"
        try:
            document = await self._volume.get(scope, path, kind.document, headers=self._headers)
        except StatusError as error:
            if error.status != 404:
                raise
            return None
        return kind.row_of(document)
