"""What Keystone tells: read with the widest scope that the account has."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from typing import Any, TypeVar

import msgspec

from usance.cloud.plugins import CONFIGURED, SYSTEM, UNSCOPED, TokenScope, domain_scope
from usance.cloud.service import Service
from usance.cloud.tokens import Token, Tokens
from usance.http.errors import StatusError
from usance.model.errors import AccessError

LOG = logging.getLogger(__name__)

T = TypeVar("T")

Document = dict[str, Any]
"""A Keystone document; projects carry properties under any name."""

DOCUMENT: msgspec.json.Decoder[Document] = msgspec.json.Decoder(dict[str, Any])


class ForbiddenError(AccessError):
    """No scope that the account has may read this."""


class Identity:
    """Reads from Keystone: system scope first, then the user's domain, then a project.

    A cloud of before the system scope gives the rights to a role in a project (cASO's
    documentation: `role:accounting`); so what one scope may not read, the next one may.
    """

    def __init__(self, service: Service, tokens: Tokens) -> None:
        self.service = service
        self._tokens = tokens
        self._base: TokenScope | None = None
        self._allowed: dict[str, TokenScope] = {}  # the scope that may do an operation
        self._forbidden: set[str] = set()
        self.project: TokenScope | None = None  # a project of the account's, once one is known

    async def base_scope(self) -> TokenScope:
        """Return the scope of the operator's own options; unscoped if the account has no role there.

        Raises AuthenticationError if Keystone does not know the account.
        """
        if self._base is None:
            try:
                await self._tokens.get(CONFIGURED)
                self._base = CONFIGURED
            except AccessError as error:
                await self._tokens.get(UNSCOPED)
                LOG.warning("%s; the configured scope is left aside", error)
                self._base = UNSCOPED
        return self._base

    async def base_token(self) -> Token:
        """Return the token of :meth:`base_scope`."""
        return await self._tokens.get(await self.base_scope())

    async def read_own(self, path: str) -> Document:
        """Read what every account may read of itself."""
        return await self.service.get(await self.base_scope(), path, DOCUMENT)

    async def read(
        self,
        operation: str,
        path: str,
        decoder: msgspec.json.Decoder[T],
        params: Sequence[tuple[str, str]] = (),
    ) -> T:
        """Read with the first scope that may; *operation* names the policy rule, and is learnt once.

        Raises ForbiddenError if none may, StatusError for any other refusal.
        """
        known = self._allowed.get(operation)
        if known is not None:
            return await self.service.get(known, path, decoder, params=params)
        if operation in self._forbidden:
            raise ForbiddenError(f"Keystone does not let the account {operation}")
        async for scope in self._scopes():
            try:
                document = await self.service.get(scope, path, decoder, params=params)
            except AccessError:
                continue
            except StatusError as error:
                if error.status != 403:
                    if error.status == 404:
                        self._allowed.setdefault(operation, scope)
                    raise
                continue
            self._allowed[operation] = scope
            return document
        self._forbidden.add(operation)
        raise ForbiddenError(
            f"Keystone does not let the account {operation}",
            hint="give it the role reader on the system, or a policy that allows this",
        )

    async def read_all(
        self, operation: str, path: str, key: str, params: Sequence[tuple[str, str]] = ()
    ) -> tuple[list[Document], bool]:
        """Read a listing to its end; also tell whether Keystone cut it short.

        Keystone pages rarely, and marks a list that it cut off with `truncated`.
        """
        first = await self.read(operation, path, DOCUMENT, params)
        found: list[Document] = _entries(first, key)
        truncated = bool(first.get("truncated"))
        link = _next_link(first)
        if link:
            scope = self._allowed[operation]
            found = []
            pages = self.service.pages(scope, path, DOCUMENT, next_of=_next_link, params=params)
            async for page in pages:
                found += _entries(page, key)
        return found, truncated

    async def change(self, operation: str, method: str, path: str, body: bytes = b"") -> None:
        """Change something with the first scope that may. Raises as :meth:`read`."""
        async for scope in self._scopes():
            try:
                await self.service.change(scope, method, path, body)
            except AccessError:
                continue
            except StatusError as error:
                if error.status != 403:
                    raise
                continue
            return
        raise ForbiddenError(
            f"Keystone does not let the account {operation}", hint="this takes the role admin on the system"
        )

    async def _scopes(self) -> AsyncIterator[TokenScope]:
        base = await self.base_scope()
        if not self._tokens.factory.is_fixed:
            for scope in (SYSTEM, domain_scope((await self.base_token()).user_domain_id or "")):
                if scope.kind != "domain" or scope.id:
                    try:
                        await self._tokens.get(scope)
                    except AccessError:
                        LOG.debug("the account has no %s scope", scope)
                    else:
                        yield scope
        yield base
        if self.project is not None and self.project != base:
            yield self.project


def _entries(document: Document, key: str) -> list[Document]:
    entries = document.get(key)
    return [one for one in entries if isinstance(one, dict)] if isinstance(entries, list) else []


def _next_link(document: Document) -> str | None:
    links = document.get("links")
    link = links.get("next") if isinstance(links, dict) else None
    return link if isinstance(link, str) else None
