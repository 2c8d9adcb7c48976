"""The API, served on loopback in a thread of its own, over a Keystone that is simulated."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import orjson

import plain_http
from usance.api.application import Application, make_app
from usance.api.protocol import BoundedProtocol
from usance.api.server import listen, make_server, url_of
from usance.config.settings import ApiSettings
from usance.demo.cloud import CloudOptions, DemoCloud
from usance.demo.history import WrittenHistory
from usance.demo.site import PASSWORD, Site, User, hex_id, standard_site
from usance.ledger.ledger import Ledger

KEY = "a-key-that-only-the-tests-know"


@contextmanager
def serving_api(
    ledger: Ledger,
    settings: ApiSettings | None = None,
    *,
    protocol: type[BoundedProtocol] = BoundedProtocol,
    **changed: Any,
) -> Iterator[str]:
    """Serve a ledger while the block runs; yield the URL. By default callers show KEY."""
    with serving_app(ledger, settings, protocol=protocol, **changed) as (url, _):
        yield url


@contextmanager
def serving_app(
    ledger: Ledger,
    settings: ApiSettings | None = None,
    *,
    protocol: type[BoundedProtocol] = BoundedProtocol,
    **changed: Any,
) -> Iterator[tuple[str, Application]]:
    """Serve as :func:`serving_api`; yield the application, too."""
    settings = msgspec.structs.replace(settings or ApiSettings(private_key=KEY), bind_port=0, **changed)
    app = make_app(settings, ledger)
    ready = threading.Event()
    with listen(settings) as listening:
        server = make_server(app, settings, ready.set, protocol=protocol)
        thread = threading.Thread(target=server.run, args=([listening],), name="api")
        thread.start()
        try:
            if not ready.wait(30):
                raise RuntimeError("the API did not start")
            yield url_of(listening, settings), app
        finally:
            server.should_exit = True
            thread.join(30)


# --- a Keystone with people of every kind ------------------------------------------------------

_PROJECTS = standard_site(projects=3)
MINE, OTHER = _PROJECTS.projects[0].id, _PROJECTS.projects[1].id


def _user(name: str, **rights: Any) -> User:
    return User(id=hex_id("caller", name), name=name, password=PASSWORD, **rights)


CALLERS: Site = msgspec.structs.replace(
    _PROJECTS,
    users=(
        *_PROJECTS.users,
        _user("member", roles={MINE: ("member", "reader")}),
        _user("stranger", roles={OTHER: ("member",)}),
        _user("auditor", roles={OTHER: ("member", "usance:reader")}),
        _user("biller", roles={OTHER: ("Usance:Writer",)}),
        _user("chief", roles={OTHER: ("admin",)}),
        _user("system-reader", system_roles=("reader",)),
        _user("domain-admin", domain_roles={"default": ("admin",)}, roles={MINE: ("member",)}),
        _user("validator", roles={OTHER: ("service",)}),
    ),
)
"""People: of MINE, of OTHER, and with the roles that count everywhere."""


def keystone(**options: Any) -> DemoCloud:
    """Return a cloud of which only Keystone is of interest."""
    return DemoCloud(WrittenHistory(CALLERS, []), options=CloudOptions(**options))


def token(url: str, name: str, *, scope: Any = None) -> str:
    """Return a token of Keystone for somebody; by default in the one project where she has a role."""
    user = next(one for one in CALLERS.users if one.name == name)
    if scope is None and user.roles:
        scope = {"project": {"id": next(iter(user.roles))}}
    body: dict[str, Any] = {
        "auth": {
            "identity": {
                "methods": ["password"],
                "password": {"user": {"id": user.id, "password": PASSWORD}},
            }
        }
    }
    if scope is not None:
        body["auth"]["scope"] = scope
    answer = plain_http.post(f"{url}/identity/v3/auth/tokens", content=orjson.dumps(body))
    answer.raise_for_status()
    return answer.headers["x-subject-token"]
