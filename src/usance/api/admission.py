"""Who gets through to a route: known callers, within their limits, for what they may do."""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Mapping
from typing import Any, Final

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from usance.api.authentication import LONGEST_TOKEN, TOKEN_HEADER, Authenticator
from usance.api.caller import Caller
from usance.api.errors import RefusedError
from usance.api.limits import Buckets, site_of
from usance.api.metrics import Metrics
from usance.config.settings import ApiSettings

OPEN: Final = "open"
"""A route's `opt` of this name lets everybody in, with no token."""

READS: Final = "reads"
"""A route's `opt` of this name says that a POST of it changes nothing."""

METRICS: Final = "metrics"
"""A route's `opt` of this name lets in who scrapes: by address, or with a token that reads everything."""

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_FORWARDED: Final = frozenset({b"x-forwarded-for", b"x-real-ip", b"forwarded", b"via"})
_BEARER: Final = b"bearer "

Connection = ASGIConnection[Any, Any, Any, Any]


class Admission:
    """The guard of every route. What a route says nothing about takes a caller, and to write takes a role."""

    def __init__(self, settings: ApiSettings, authenticator: Authenticator, metrics: Metrics) -> None:
        self._authenticator = authenticator
        self._metrics = metrics
        self._rate = Buckets(settings.rate_limit)
        self._failures = Buckets(settings.failure_limit)
        self._scrapers = tuple(ipaddress.ip_network(one) for one in settings.metrics_from)
        self._is_proxied = bool(settings.trusted_proxies)

    async def __call__(self, connection: Connection, handler: BaseRouteHandler) -> None:
        """Let a request through, with its caller in `scope["user"]`. Raises RefusedError."""
        address = _address(connection.scope)
        if handler.opt.get(OPEN):
            self._within_rate(f"address {site_of(address)}")
            return
        if handler.opt.get(METRICS) and self._may_scrape(connection, address):
            return
        caller = await self._caller(connection, site_of(address), bearer=bool(handler.opt.get(METRICS)))
        connection.scope["user"] = caller
        # Whoever has the key may be several programs: they are told apart by where they are.
        key = caller.key if caller.user_id else f"{caller.key} {site_of(address)}"
        self._within_rate(key)
        _check(connection, handler, caller)

    def _within_rate(self, key: str) -> None:
        wait_s = self._rate.take(key)
        if wait_s:
            self._metrics.limited("rate")
            raise _later("too many requests in a minute", wait_s)

    def _may_scrape(self, connection: Connection, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        if not any(parsed in network for network in self._scrapers):
            return False
        # The address may be that of a proxy that hands on what comes from anywhere.
        return self._is_proxied or not any(name in _FORWARDED for name, _ in connection.scope["headers"])

    async def _caller(self, connection: Connection, site: str, *, bearer: bool) -> Caller:
        token = _token(connection, bearer=bearer)
        known = self._authenticator.known(token)
        if known is not None:
            # Keystone vouched for it; somebody else's guesses from this address don't concern her.
            return known
        wait_s = self._failures.wait_s(site)
        if wait_s:
            self._metrics.limited("failures")
            raise _later("too many tokens from this address were not valid", wait_s)
        caller = await self._authenticator.caller(token) if token else None
        if caller is None:
            if token:
                self._failures.take(site)
            raise _unknown()
        return caller


def _token(connection: Connection, *, bearer: bool) -> bytes:
    """Return the one token that a request shows; empty if it shows none, two, or one that is too long."""
    headers = connection.scope["headers"]
    given = [value for name, value in headers if name == TOKEN_HEADER]
    if bearer:
        given += [
            value[len(_BEARER) :].strip()
            for name, value in headers
            if name == b"authorization" and value.lower().startswith(_BEARER)
        ]
    return given[0] if len(given) == 1 and len(given[0]) <= LONGEST_TOKEN else b""


def _check(connection: Connection, handler: BaseRouteHandler, caller: Caller) -> None:
    if handler.opt.get(METRICS) and not caller.may_read_all:
        raise RefusedError(403, "this caller may not see how the service is doing")
    if not caller.may_read_all and caller.project_id is None:
        raise RefusedError(
            403,
            "this token is for no project, so there is nothing to see",
            hint="ask for a token of a project",
        )
    changes = connection.scope.get("method") not in _SAFE and not handler.opt.get(READS)
    if changes and not caller.may_write:
        raise RefusedError(403, "this caller may not change anything", hint="it takes a role that writes")


def _unknown() -> RefusedError:
    return RefusedError(
        401,
        "X-Auth-Token is missing or not valid",
        hint="ask for a new token",
        headers={"WWW-Authenticate": 'X-Auth-Token realm="Usance"'},
    )


def _later(message: str, wait_s: float) -> RefusedError:
    seconds = max(1, math.ceil(wait_s))
    return RefusedError(
        429, message, hint=f"wait {seconds} s, then try again", headers={"Retry-After": str(seconds)}
    )


def _address(scope: Mapping[str, Any]) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""


def caller_of(scope: Mapping[str, Any]) -> Caller:
    """Return the caller of a request that was let through (the dependency `caller`)."""
    caller = scope.get("user")
    if not isinstance(caller, Caller):
        raise _unknown()
    return caller
