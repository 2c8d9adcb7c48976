"""The API as an ASGI application: its routes, what they are given, and what they have in common."""

from __future__ import annotations

from litestar import Litestar
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.types import Scope

from usance import __version__
from usance.api.admission import Admission, caller_of
from usance.api.almanach.routes import almanach_routes
from usance.api.authentication import Authenticator, PrivateKeyAuthenticator
from usance.api.caller import Caller
from usance.api.errors import V2_ERRORS
from usance.api.ledger_access import LedgerAccess
from usance.api.v2.routes import v2_routes
from usance.config.settings import ApiSettings
from usance.ledger.ledger import Ledger


def make_app(
    settings: ApiSettings, ledger: Ledger, *, authenticator: Authenticator | None = None
) -> Litestar:
    """Return the application.

    Routes are given, by the names of their parameters, `caller: Caller`, `ledger: LedgerAccess` and
    `settings: ApiSettings`. Every route takes a known caller, and one that changes something (by its
    method) a caller who may write, unless its `opt` says otherwise (see `usance.api.admission`). Errors
    have the shape of /v2 where a route's `exception_handlers` say nothing else.
    """
    access = LedgerAccess(ledger, threads=settings.ledger_threads)

    def provide_caller(scope: Scope) -> Caller:
        return caller_of(scope)

    def provide_ledger() -> LedgerAccess:
        return access

    def provide_settings() -> ApiSettings:
        return settings

    return Litestar(
        route_handlers=[*v2_routes(settings), *almanach_routes(settings)],
        guards=[Admission(authenticator or PrivateKeyAuthenticator(settings.private_key or ""))],
        dependencies={
            "caller": Provide(provide_caller, sync_to_thread=False),
            "ledger": Provide(provide_ledger, sync_to_thread=False),
            "settings": Provide(provide_settings, sync_to_thread=False),
        },
        exception_handlers=V2_ERRORS,
        request_max_body_size=settings.max_body_bytes,
        openapi_config=OpenAPIConfig(title="Usance", version=__version__),
        logging_config=None,
        debug=False,
        pdb_on_exception=False,
        on_shutdown=[access.close],
    )
