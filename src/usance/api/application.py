"""The API as an ASGI application: its routes, what they are given, and what they have in common."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from litestar import Litestar
from litestar.di import Provide
from litestar.types import Receive, Scope, Send

from usance.api.admission import Admission, caller_of
from usance.api.almanach.routes import almanach_routes
from usance.api.authentication import AnyOf, Authenticator, PrivateKeyAuthenticator
from usance.api.caller import Caller
from usance.api.edge import Edge
from usance.api.errors import V2_ERRORS
from usance.api.keystone import KeystoneAuthenticator
from usance.api.ledger_access import LedgerAccess
from usance.api.metrics import Metrics
from usance.api.openapi import openapi_config, openapi_routes
from usance.api.operation import operation_routes
from usance.api.v2.routes import v2_routes
from usance.config.settings import ApiSettings
from usance.ledger.ledger import Ledger


class Application:
    """The whole of it, as an ASGI server calls it.

    It does not close the ledger: whoever opened it does, when the server has ended.
    """

    def __init__(self, settings: ApiSettings, ledger: Ledger) -> None:
        self.metrics = Metrics()
        self.ledger = LedgerAccess(ledger, threads=settings.ledger_threads)
        self.metrics.watch(
            "usance_api_ledger_calls", "Calls of the ledger that run or wait.", lambda: self.ledger.waiting
        )
        self._keystone = (
            KeystoneAuthenticator(settings.keystone, settings, self.metrics) if settings.keystone else None
        )
        if self._keystone is not None:
            self.metrics.watch(
                "usance_api_tokens_kept", "Tokens that Keystone answered about.", self._kept_tokens
            )
        self.litestar = Litestar(
            route_handlers=[
                *operation_routes(self.metrics),
                *openapi_routes(settings),
                *v2_routes(settings),
                *almanach_routes(settings),
            ],
            guards=[Admission(settings, self._authenticator(settings), self.metrics)],
            dependencies=_dependencies(settings, self.ledger),
            exception_handlers=V2_ERRORS,
            request_max_body_size=settings.max_body_bytes,
            openapi_config=openapi_config(),
            logging_config=None,
            debug=False,
            pdb_on_exception=False,
            lifespan=[self._living],
        )
        self._edge = Edge(self.litestar, settings, self.metrics)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request (ASGI)."""
        await self._edge(scope, receive, send)

    def _kept_tokens(self) -> int:
        return self._keystone.kept if self._keystone is not None else 0

    def _authenticator(self, settings: ApiSettings) -> Authenticator:
        found: list[Authenticator] = []
        if settings.private_key is not None:
            found.append(PrivateKeyAuthenticator(settings.private_key, self.metrics))
        if self._keystone is not None:
            found.append(self._keystone)
        return AnyOf(found)

    @asynccontextmanager
    async def _living(self, _app: Litestar) -> AsyncIterator[None]:
        try:
            if self._keystone is None:
                yield
            else:
                async with self._keystone:
                    yield
        finally:
            self.ledger.close()


def _dependencies(settings: ApiSettings, access: LedgerAccess) -> dict[str, Provide]:
    def provide_caller(scope: Scope) -> Caller:
        return caller_of(scope)

    def provide_ledger() -> LedgerAccess:
        return access

    def provide_settings() -> ApiSettings:
        return settings

    return {
        "caller": Provide(provide_caller, sync_to_thread=False),
        "ledger": Provide(provide_ledger, sync_to_thread=False),
        "settings": Provide(provide_settings, sync_to_thread=False),
    }


def make_app(settings: ApiSettings, ledger: Ledger) -> Application:
    """Return the application.

    Routes are given, by the names of their parameters, `caller: Caller`, `ledger: LedgerAccess` and
    `settings: ApiSettings`. Every route takes a known caller, and one that changes something (by its
    method) a caller who may write, unless its `opt` says otherwise (see `usance.api.admission`). Errors
    have the shape of /v2 where a route's `exception_handlers` say nothing else.
    """
    return Application(settings, ledger)
