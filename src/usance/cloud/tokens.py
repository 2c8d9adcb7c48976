"""Tokens: one a scope, shared by all who need it, fetched again only when refused or about to end."""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import requests
from keystoneauth1 import access, exceptions, session

from usance.cloud.plugins import CONFIGURED, UNSCOPED, PluginFactory, TokenScope
from usance.config.settings import AuthSettings
from usance.http.client import HttpClient
from usance.http.errors import UnreachableError, one_line
from usance.http.retry import PASSING_STATUSES, pause
from usance.model.errors import AccessError, AuthenticationError, CloudError, UsanceError

LOG = logging.getLogger(__name__)

THREADS = 4
"""keystoneauth1 is synchronous: so many tokens are fetched at once, at most."""

LONGEST_MARGIN_S = 60.0
"""A token is not used in the last minute of its life, or the last fifth of a short one."""


class Token(msgspec.Struct, frozen=True):
    """A token, and what Keystone said with it."""

    value: str
    # Until when it is used, by the local monotonic clock: what counts is how long it was to live
    # when it came, whatever the clocks of the cloud and of this machine say. None: for ever.
    until_s: float | None
    project_id: str | None
    user_id: str | None
    user_domain_id: str | None
    domain_names: dict[str, str]  # id by name, as far as the token tells
    roles: frozenset[str]
    catalog: Any  # keystoneauth1's ServiceCatalog; None where the scope has none

    def __repr__(self) -> str:
        """Say what it is for, never its value."""
        return f"Token(project_id={self.project_id!r}, roles={sorted(self.roles)!r})"

    @property
    def is_fresh(self) -> bool:
        """Whether it is not about to end."""
        return self.until_s is None or time.monotonic() < self.until_s


class Tokens:
    """Gives tokens. What Keystone refuses once is not asked again: accounts get locked that way."""

    def __init__(self, settings: AuthSettings, client: HttpClient, *, timeout_s: float) -> None:
        self.factory = PluginFactory(settings)
        self._client = client
        self._executor = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="keystone")
        self._session = _session(settings, client, timeout_s)
        self._tokens: dict[TokenScope, Token] = {}
        self._refused: dict[TokenScope, UsanceError] = {}
        self._rejected: UsanceError | None = None  # the account itself
        self._locks: dict[TokenScope, asyncio.Lock] = {}
        self._accepted = False  # Keystone took the account's secret at least once

    def close(self) -> None:
        """Stop the threads, without waiting for a Keystone that does not answer."""
        self._executor.shutdown(wait=False, cancel_futures=True)
        self._session.session.close()

    def forget(self, token: Token) -> None:
        """Drop a token that a service refused, unless it has been replaced already."""
        for held, value in list(self._tokens.items()):
            if value is token:
                del self._tokens[held]

    def forgive(self) -> None:
        """Ask Keystone anew for what it refused: a process that runs for months outlives the mistake."""
        self._rejected = None
        self._refused.clear()

    async def get(self, scope: TokenScope) -> Token:
        """Return a token of the scope.

        Raises AuthenticationError when Keystone does not know the account, AccessError when the
        account has no role there, CloudError when Keystone does not answer as it should.
        """
        lock = self._locks.setdefault(scope, asyncio.Lock())
        async with lock:
            token = self._tokens.get(scope)
            if token is not None and token.is_fresh:
                return token
            refused = self._rejected or self._refused.get(scope)
            if refused is not None:
                raise refused
            try:
                token = await self._make(scope)
            except AuthenticationError as error:
                self._rejected = error
                raise
            except AccessError as error:
                self._refused[scope] = error
                raise
            self._tokens[scope] = token
            return token

    async def _make(self, scope: TokenScope) -> Token:
        if scope.kind == "project":
            configured = await self._configured_for(scope.id)
            if configured is not None:
                return configured
        elif self.factory.is_fixed and scope not in {CONFIGURED, UNSCOPED}:
            raise AccessError(f"the credential of {self.factory.account} can't ask for {scope} scope")
        try:
            return await self._fetch(CONFIGURED if self.factory.is_fixed else scope)
        except exceptions.Unauthorized as error:
            raise await self._why_refused(scope) from error

    async def _configured_for(self, project_id: str) -> Token | None:
        """Return the configured token if it is one of the project."""
        if self.factory.is_fixed:
            token = await self.get(CONFIGURED)
            if token.project_id != project_id:
                raise AccessError(
                    f"the credential of {self.factory.account} belongs to project {token.project_id},"
                    f" and gives no access to project {project_id}",
                    hint="use an account with a role in each project instead of an application credential",
                )
            return token
        held = self._tokens.get(CONFIGURED)
        if held is None or held.project_id != project_id or not held.is_fresh:
            return None
        return held

    async def _why_refused(self, scope: TokenScope) -> UsanceError:
        """Tell a wrong password from a missing role: Keystone answers 401 for both."""
        if not self._accepted and scope != UNSCOPED and not self.factory.is_fixed:
            try:
                await self.get(UNSCOPED)
            except AuthenticationError as error:
                return error
        if self._accepted:
            where = f" in {scope}" if scope.kind != "configured" else " in the configured scope"
            return AccessError(
                f"{self.factory.account} has no role{where}, or it does not exist or is disabled",
                hint="give the account the role reader there",
            )
        return AuthenticationError(
            f"Keystone does not accept {self.factory.account}: wrong name, domain or secret"
            f" ({self.factory.settings.origin or self.factory.settings.auth_type})",
            hint="see the account's name, its domain and its password",
        )

    async def _fetch(self, scope: TokenScope) -> Token:
        attempt = 0
        policy = self._client.policy
        while True:
            try:
                return await self._ask(scope)
            except exceptions.Unauthorized:
                raise
            except Exception as error:
                # Whatever a plug-in raises; what is not known to be a cloud's fault goes on as it is.
                final = _explain(error, self.factory)
                if final is None:
                    raise
                if not _may_pass(error) or attempt >= policy.retries:
                    raise final from error
                wait_s = pause(policy, attempt, _asked_s(error))
                LOG.debug("%s; attempt %d again in %.1f s", final, attempt + 1, wait_s)
            attempt += 1
            await asyncio.sleep(wait_s)

    async def _ask(self, scope: TokenScope) -> Token:
        plugin = self.factory.make(scope)
        loop = asyncio.get_running_loop()
        info = await loop.run_in_executor(self._executor, plugin.get_access, self._session)
        self._accepted = True
        return _token(info)


def _token(info: access.AccessInfo) -> Token:
    lifetime_s = (info.expires - info.issued).total_seconds() if info.expires and info.issued else None
    names = {
        name: known
        for name, known in (
            (info.user_domain_name, info.user_domain_id),
            (info.project_domain_name if info.project_scoped else None, info.project_domain_id),
            (info.domain_name, info.domain_id),
        )
        if name and known
    }
    return Token(
        value=info.auth_token or "",
        until_s=None
        if lifetime_s is None
        else time.monotonic() + lifetime_s - min(LONGEST_MARGIN_S, lifetime_s / 5),
        project_id=info.project_id if info.project_scoped else None,
        user_id=info.user_id,
        user_domain_id=info.user_domain_id,
        domain_names=names,
        roles=frozenset(info.role_names or ()),
        catalog=info.service_catalog if info.has_service_catalog() else None,
    )


def _session(settings: AuthSettings, client: HttpClient, timeout_s: float) -> session.Session:
    """Return keystoneauth's session: ours in time-outs and TLS, and counted."""
    transport = requests.Session()

    def note(response: requests.Response, **_: Any) -> None:
        client.count()
        after = client.clock.local()
        lowered = {name.lower(): value for name, value in response.headers.items()}
        client.clock.note(lowered, after - response.elapsed, after)

    transport.hooks["response"].append(note)
    verify: bool | str = False if settings.insecure else (settings.cafile or True)
    cert: str | tuple[str, str] | None = settings.certfile
    if settings.certfile and settings.keyfile:
        cert = (settings.certfile, settings.keyfile)
    return session.Session(
        session=transport, verify=verify, cert=cert, timeout=timeout_s, user_agent="usance"
    )


def _may_pass(error: Exception) -> bool:
    if isinstance(error, exceptions.HttpError):
        return error.http_status in PASSING_STATUSES
    passing = (exceptions.ConnectFailure, exceptions.ConnectTimeout, exceptions.UnknownConnectionError)
    return isinstance(error, (*passing, exceptions.InvalidResponse, requests.RequestException))


def _asked_s(error: Exception) -> float | None:
    asked = getattr(error, "retry_after", None)
    return float(asked) if isinstance(asked, int) and asked > 0 else None


def _explain(error: Exception, factory: PluginFactory) -> CloudError | None:
    """Return what the operator should read; None for what is no fault of the cloud or the account."""
    said = one_line(str(error))
    place = f"see auth_url {_without_secrets(factory.auth_url)}"
    found: CloudError | None = None
    match error:
        case exceptions.SSLError():
            found = UnreachableError(
                f"Keystone's certificate can't be verified: {said}",
                hint="name the authority that signed it with cafile",
            )
        case exceptions.ConnectionError() | requests.RequestException():
            found = UnreachableError(
                "Keystone can't be reached, or does not answer in time", hint=f"{place}, and whether it is up"
            )
        case exceptions.Forbidden():
            found = AccessError(f"Keystone gives {factory.account} no token: {said}")
        case exceptions.HttpError():
            again = "look into Keystone's log, then run again"
            found = CloudError(
                f"Keystone answered {error.http_status} to the request for a token: {said}",
                hint=again if error.http_status >= 500 else place,
            )
        case exceptions.DiscoveryFailure() | exceptions.InvalidResponse():
            found = CloudError(
                "what answers at auth_url is no Keystone", hint=f"{place}; it usually ends in /v3"
            )
        case exceptions.ClientException():
            found = AuthenticationError(f"{factory.settings.auth_type} gives no token: {said}")
    return found


def _without_secrets(url: str | None) -> str:
    """Return a URL without the user, password and query that somebody may have put there."""
    if not url:
        return "(none)"
    scheme, separator, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return one_line(f"{scheme}{separator}{host.rpartition('@')[2]}{slash}{path.partition('?')[0]}")
