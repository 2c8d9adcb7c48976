"""Nova's API, as the source asks it: versions, listings, servers, actions, flavors."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

import msgspec

from usance.cloud.flavors import FlavorRow
from usance.cloud.plugins import TokenScope
from usance.cloud.service import Service
from usance.http.errors import StatusError
from usance.model.errors import CloudError
from usance.sources.nova_rows import (
    ActionDocument,
    ActionRow,
    ActionsPage,
    EventRow,
    ServerDocument,
    ServerRow,
    ServersPage,
    next_link,
)

LOG = logging.getLogger(__name__)

Version = tuple[int, int]

LEAST: Version = (2, 1)
DELETED_ACTIONS: Version = (2, 21)  # the actions of deleted servers
EMBEDDED_FLAVOR: Version = (2, 47)
ACTION_END: Version = (2, 58)  # an action's updated_at, and its pages
WANTED: Version = (2, 79)
"""The highest that the source knows: with partial rows of cells that are down (2.69)."""

REFUSED = frozenset({403, 404})


class _VersionEntry(msgspec.Struct):
    version: str = ""
    min_version: str = ""


class _VersionDocument(msgspec.Struct):
    version: _VersionEntry


class _FlavorDocument(msgspec.Struct):
    flavor: FlavorRow


class _ExtraSpecs(msgspec.Struct):
    extra_specs: dict[str, Any] = {}


_VERSION = msgspec.json.Decoder(_VersionDocument)
_SERVERS = msgspec.json.Decoder(ServersPage)
_SERVER = msgspec.json.Decoder(ServerDocument)
_ACTIONS = msgspec.json.Decoder(ActionsPage)
_ACTION = msgspec.json.Decoder(ActionDocument)
_FLAVOR = msgspec.json.Decoder(_FlavorDocument)
_EXTRA_SPECS = msgspec.json.Decoder(_ExtraSpecs)


class NovaApi:
    """Asks Nova with the highest microversion that both sides know."""

    def __init__(self, compute: Service, *, page_limit: int | None = None) -> None:
        self._compute = compute
        self._page_limit = page_limit
        self.version: Version = LEAST
        self.offered: Version = LEAST  # the highest that Nova has
        self._headers: dict[str, str] | None = None
        self._without_actions: set[TokenScope] = set()  # scopes that may not read them
        self._flavors: dict[str, FlavorRow | None] = {}  # None: deleted, or not to be seen

    async def negotiate(self, scope: TokenScope) -> None:
        """Find the microversion, once. Raises CloudError if Nova offers none that we know."""
        if self._headers is not None:
            return
        entry = (await self._compute.get(scope, "/", _VERSION)).version
        # Nova before Kilo, and its legacy v2, have no microversions; they answer like 2.1.
        highest, lowest = parse_version(entry.version) or LEAST, parse_version(entry.min_version) or LEAST
        if lowest > WANTED or highest < LEAST:
            raise CloudError(
                f"Nova speaks {entry.min_version} to {entry.version}, and we {LEAST[0]}.{LEAST[1]}"
                f" to {WANTED[0]}.{WANTED[1]}",
                hint="this cloud needs a newer Usance",
            )
        self.offered = highest
        self.version = min(highest, WANTED)
        text = f"{self.version[0]}.{self.version[1]}"
        self._headers = {"X-OpenStack-Nova-API-Version": text, "OpenStack-API-Version": f"compute {text}"}
        LOG.debug("Nova speaks %s to %s; asked with %s", entry.min_version, entry.version, text)

    @property
    def headers(self) -> dict[str, str]:
        """The headers that name the microversion; none before :meth:`negotiate`."""
        return dict(self._headers or {})

    async def pages(
        self, scope: TokenScope, query: Sequence[tuple[str, str]]
    ) -> AsyncGenerator[list[ServerRow]]:
        """Yield the servers of a detailed listing, page by page, to the last one."""
        limit = [("limit", str(self._page_limit))] if self._page_limit else []
        pages = self._compute.pages(
            scope,
            "/servers/detail",
            _SERVERS,
            next_of=lambda page: next_link(page.servers_links),
            params=(*query, *limit),
            headers=self._headers,
        )
        async with aclosing(pages):
            async for page in pages:
                yield page.servers

    async def server(self, scope: TokenScope, server_id: str) -> ServerRow | None:
        """Return one server; None if Nova knows nothing of it, or it is deleted."""
        try:
            document = await self._compute.get(scope, f"/servers/{server_id}", _SERVER, headers=self._headers)
        except StatusError as error:
            if error.status != 404:
                raise
            return None
        return document.server

    async def actions(self, scope: TokenScope, server_id: str) -> list[ActionRow] | None:
        """Return the actions on a server since its creation; None where they can't be read."""
        if scope in self._without_actions:
            return None
        found: list[ActionRow] = []
        pages = self._compute.pages(
            scope,
            f"/servers/{server_id}/os-instance-actions",
            _ACTIONS,
            next_of=lambda page: next_link(page.links),
            headers=self._headers,
        )
        try:
            async for page in pages:
                found += page.instance_actions
        except StatusError as error:
            if error.status not in REFUSED:
                raise
            if error.status == 403 and scope not in self._without_actions:
                self._without_actions.add(scope)
                LOG.warning("changes of servers are dated by looks only: %s", error)
            return None
        return found

    async def steps(self, scope: TokenScope, server_id: str, request_id: str) -> list[EventRow]:
        """Return the steps of one action; none where they can't be read."""
        path = f"/servers/{server_id}/os-instance-actions/{request_id}"
        try:
            document = await self._compute.get(scope, path, _ACTION, headers=self._headers)
        except StatusError as error:
            if error.status not in REFUSED:
                raise
            return []
        return document.instance_action.events

    async def flavor(self, scope: TokenScope, row: FlavorRow | None) -> FlavorRow | None:
        """Return a server's flavor: as it is embedded, or looked up once where Nova is older than that.

        A flavor that was deleted since is None: then nothing is asserted of it.
        """
        if row is None or self.version >= EMBEDDED_FLAVOR or row.original_name is not None:
            return row
        if row.id is None:
            return None
        if row.id not in self._flavors:
            self._flavors[row.id] = await self._look_up_flavor(scope, row.id)
        return self._flavors[row.id]

    async def _look_up_flavor(self, scope: TokenScope, flavor_id: str) -> FlavorRow | None:
        if not is_path_safe(flavor_id):
            return None
        try:
            document = await self._compute.get(scope, f"/flavors/{flavor_id}", _FLAVOR, headers=self._headers)
        except StatusError as error:
            if error.status not in REFUSED:
                raise
            return None
        try:
            specs = await self._compute.get(
                scope, f"/flavors/{flavor_id}/os-extra_specs", _EXTRA_SPECS, headers=self._headers
            )
        except StatusError as error:
            if error.status not in REFUSED:
                raise
            return document.flavor
        return msgspec.structs.replace(document.flavor, extra_specs=specs.extra_specs)


def parse_version(text: str) -> Version | None:
    """Return a microversion as two numbers; None for what is none."""
    major, dot, minor = text.partition(".")
    if dot and major.isascii() and major.isdigit() and minor.isascii() and minor.isdigit():
        return int(major), int(minor)
    return None


def is_path_safe(identifier: str) -> bool:
    """Whether an id can stand in a path as it is."""
    return bool(identifier) and all(one.isalnum() or one in "-_." for one in identifier)
