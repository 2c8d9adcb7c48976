"""Who gets through to a route: known callers, within their limits, for what they may do."""

from __future__ import annotations

from typing import Any, Final

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from usance.api.authentication import LONGEST_TOKEN, TOKEN_HEADER, Authenticator
from usance.api.caller import Caller
from usance.api.errors import RefusedError

OPEN: Final = "open"
"""A route's `opt` of this name lets everybody in, with no token."""

READS: Final = "reads"
"""A route's `opt` of this name says that a POST of it changes nothing."""

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})

Connection = ASGIConnection[Any, Any, Any, Any]


class Admission:
    """The guard of every route. What a route says nothing about takes a caller, and to write takes a role."""

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator

    async def __call__(self, connection: Connection, handler: BaseRouteHandler) -> None:
        """Let a request through, with its caller in `scope["user"]`. Raises RefusedError."""
        if handler.opt.get(OPEN):
            return
        caller = await self._caller(connection)
        connection.scope["user"] = caller
        changes = connection.scope.get("method") not in _SAFE and not handler.opt.get(READS)
        if changes and not caller.may_write:
            raise RefusedError(403, "this caller may not change anything", hint="it takes a role that writes")

    async def _caller(self, connection: Connection) -> Caller:
        given = [value for name, value in connection.scope["headers"] if name == TOKEN_HEADER]
        token = given[0] if len(given) == 1 else b""
        caller = await self._authenticator.caller(token) if 0 < len(token) <= LONGEST_TOKEN else None
        if caller is None:
            raise RefusedError(401, "X-Auth-Token is missing or not valid", hint="ask for a new token")
        return caller


def caller_of(scope: Any) -> Caller:
    """Return the caller of a request that was let through (the dependency `caller`)."""
    caller = scope.get("user")
    if not isinstance(caller, Caller):
        raise RefusedError(401, "X-Auth-Token is missing or not valid")
    return caller
