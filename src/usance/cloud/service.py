"""One service of the cloud: its endpoint, its token, its pages."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from typing import TypeVar
from urllib.parse import parse_qsl, urlsplit

import msgspec

from usance.cloud.catalog import SERVICES, find_endpoint, regions_of, without_version
from usance.cloud.plugins import TokenScope
from usance.cloud.tokens import Tokens
from usance.config.settings import CloudSettings
from usance.http.client import HttpClient
from usance.http.errors import StatusError
from usance.model.errors import AccessError, DoubtfulLookError

LOG = logging.getLogger(__name__)

T = TypeVar("T")

OK = frozenset({200})
CLOCK_KEEPERS = frozenset({"compute", "identity"})
"""The services whose `Date` is the cloud's clock: Nova writes the times that we read."""


class Service:
    """Asks one service, with a token of the scope that the caller names."""

    def __init__(
        self,
        service_type: str,
        version: str,
        *,
        settings: CloudSettings,
        client: HttpClient,
        tokens: Tokens,
        endpoint: str | None = None,
    ) -> None:
        self.name = SERVICES[service_type]
        self._type = service_type
        self._version = version  # the path that the API's version has below the endpoint
        self._settings = settings
        self._client = client
        self._tokens = tokens
        self._base = without_version(endpoint) if endpoint else None

    async def base(self, scope: TokenScope) -> str:
        """Return the endpoint without its version. Raises CloudError if the catalog has none."""
        if self._base is None:
            catalog = (await self._tokens.get(scope)).catalog
            interface = self._settings.interface.removesuffix("URL")
            url = find_endpoint(
                catalog, self._type, interface=interface, region_name=self._settings.region_name
            )
            if self._settings.region_name is None:
                regions = regions_of(catalog, self._type, interface=interface)
                if len(regions) > 1:
                    LOG.warning(
                        "%s is in several regions (%s); %s is taken: configure region_name",
                        self.name,
                        ", ".join(regions),
                        regions[0],
                    )
            self._base = without_version(url)
        return self._base

    async def project_id(self, scope: TokenScope) -> str:
        """Return the id of the project that a scope is in, for services that have it in their paths.

        Raises AccessError for a scope that is in none.
        """
        project_id = (await self._tokens.get(scope)).project_id
        if project_id is None:
            raise AccessError(f"{self.name} is asked in a project, and the token is for {scope}")
        return project_id

    async def roles(self, scope: TokenScope) -> frozenset[str]:
        """Return the names of the roles that the account has in a scope. Raises as a request would."""
        return (await self._tokens.get(scope)).roles

    async def get(
        self,
        scope: TokenScope,
        path: str,
        decoder: msgspec.json.Decoder[T],
        *,
        params: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> T:
        """Ask for a document below the API's version; a token that is refused is replaced once."""

        async def ask(url: str, token: dict[str, str]) -> T:
            return await self._client.get(
                url,
                decoder,
                service=self.name,
                headers={**token, **(headers or {})},
                params=params,
                accept=OK,
                note_clock=self._type in CLOCK_KEEPERS,
            )

        return await self._with_token(scope, path, ask)

    async def search(
        self,
        scope: TokenScope,
        path: str,
        body: bytes,
        decoder: msgspec.json.Decoder[T],
        *,
        params: Sequence[tuple[str, str]] = (),
    ) -> T:
        """Post a question in JSON that changes nothing; otherwise as :meth:`get`."""

        async def ask(url: str, token: dict[str, str]) -> T:
            return await self._client.search(
                url, body, decoder, service=self.name, headers=token, params=params, accept=OK
            )

        return await self._with_token(scope, path, ask)

    async def change(self, scope: TokenScope, method: str, path: str, body: bytes = b"") -> None:
        """Change something by PUT or PATCH, with a body in JSON."""

        async def ask(url: str, token: dict[str, str]) -> None:
            await self._client.change(method, url, body, service=self.name, headers=token)

        await self._with_token(scope, path, ask)

    async def _with_token(
        self, scope: TokenScope, path: str, ask: Callable[[str, dict[str, str]], Awaitable[T]]
    ) -> T:
        url = f"{await self.base(scope)}/{self._version}{path}"
        token = await self._tokens.get(scope)
        for last in (False, True):
            try:
                return await ask(url, {"X-Auth-Token": token.value})
            except StatusError as error:
                if error.status != 401:
                    raise
                if last:
                    raise AccessError(
                        f"{self.name} refuses even a fresh token ({error.path})",
                        hint="see whether the service and Keystone agree on the time and on their keys",
                    ) from error
            self._tokens.forget(token)
            token = await self._tokens.get(scope)
        raise AssertionError("the second attempt returns or raises")

    async def pages(
        self,
        scope: TokenScope,
        path: str,
        decoder: msgspec.json.Decoder[T],
        *,
        next_of: Callable[[T], str | None],
        params: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> AsyncGenerator[T]:
        """Yield the pages of a listing, following the links that *next_of* finds, to the end.

        The next page is under way while the caller works on this one. Of a link only the query
        counts: services behind a proxy write another host, and even another path, into it. Raises
        DoubtfulLookError when a link leads back to a page that was read already.
        """
        query = tuple(params)
        asked = {frozenset(query)}
        coming = asyncio.ensure_future(self.get(scope, path, decoder, params=query, headers=headers))
        try:
            while True:
                page = await coming
                link = next_of(page)
                if not link:
                    yield page
                    return
                query = _follow(query, link)
                marker = frozenset(query)
                if marker in asked:
                    raise DoubtfulLookError(
                        f"the pages of {self.name} {path} lead in a circle",
                        hint="the service repeats a marker; look into its log",
                    )
                asked.add(marker)
                coming = asyncio.ensure_future(self.get(scope, path, decoder, params=query, headers=headers))
                yield page
        finally:
            if not coming.done():
                coming.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await coming


def _follow(query: Sequence[tuple[str, str]], link: str) -> tuple[tuple[str, str], ...]:
    """Return the query of the next page: that of its link, and what the link forgot of ours."""
    pairs = parse_qsl(urlsplit(link).query, keep_blank_values=True)
    names = {name for name, _ in pairs}
    return (*(pair for pair in query if pair[0] not in names), *pairs)
