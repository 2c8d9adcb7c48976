"""Who is answered what, route by route: every route that the application has, asked by everybody.

What each caller is answered stands in a table here. A route that is not in it fails the first test, and
no answer may hold anything of a project that its caller may not see.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any, NamedTuple

import httpx2
import pytest

import api_ledger
from asking_almanach import Client, instance_body, new_id, volume_body
from loopback_api import KEY, MINE, OTHER, keystone, serving_app, token
from usance.api.application import make_app
from usance.config.settings import ApiSettings, KeystoneSettings, Strategy
from usance.demo.server import serving
from usance.ledger.ledger import Ledger

OUTSIDE = ("nobody", "wrong token", "wrong key")
MEMBERS = ("member", "stranger")  # of MINE, of OTHER
READERS = ("auditor", "system-reader")
WRITERS = ("biller", "chief", "private key")
ALL = (*OUTSIDE, *MEMBERS, *READERS, *WRITERS)
SEES = {"member": (MINE,), "stranger": (OTHER,)} | dict.fromkeys(READERS + WRITERS, (MINE, OTHER))

Expected = dict[str, int]
Things = dict[str, Callable[[], str]]


class Ask(NamedTuple):
    """What is asked of a route, and what each caller is answered."""

    expected: Expected
    query: str = ""
    body: dict[str, Any] | None = None


def everybody(status: int = 200) -> Expected:
    return dict.fromkeys(ALL, status)


def known(status: int = 200) -> Expected:
    """Return what is answered by a route for every caller who shows a token."""
    return everybody(status) | dict.fromkeys(OUTSIDE, 401)


def of_mine(refused: int) -> Expected:
    """Return what is answered about a thing of MINE."""
    return known() | {"stranger": refused}


def write(status: int) -> Expected:
    return known(403) | dict.fromkeys(WRITERS, status)


SERVER = api_ledger.resource_id("server", MINE)
USAGE = "/v2/usage?start=2026-09-01&end=2026-11-01"
PERIOD = "?start=2026-09-01 00:00:00.000"
DATE = {"date": "2026-10-20T12:00:00Z"}

# What stands in a path is MINE, and things of it.
ROUTES: dict[str, Ask] = {
    "GET /health": Ask(everybody()),
    "GET /ready": Ask(everybody()),
    "GET /openapi.json": Ask(everybody()),
    "GET /docs": Ask(everybody()),
    "GET /metrics": Ask(known() | dict.fromkeys(MEMBERS, 403)),
    "GET /docs/as-generated": Ask(known()),
    "GET /docs/as-generated/openapi.json": Ask(known()),
    "GET /docs/as-generated/{path}": Ask(known(404)),
    "GET /v2/projects": Ask(known()),
    "GET /v2/resources": Ask(known()),
    "GET /v2/resources/{kind}/{resource_id}": Ask(of_mine(404)),
    "GET /v2/spans": Ask(known()),
    "GET /v2/usage": Ask(known(), "?start=2026-09-01&end=2026-11-01&group_by=project,kind,flavor,day"),
    "GET /v2/changes": Ask(of_mine(404), f"?project_id={MINE}"),
    "GET /info": Ask(everybody()),
    "GET /project/{project_id}/instances": Ask(of_mine(403), PERIOD),
    "GET /project/{project_id}/volumes": Ask(of_mine(403), PERIOD),
    "GET /project/{project_id}/entities": Ask(of_mine(403), PERIOD),
    "GET /entity/{entity_id}": Ask(of_mine(404)),
    "HEAD /entity/{entity_id}": Ask(of_mine(404)),
    "GET /volume_types": Ask(known()),
    "GET /volume_type/{type_id}": Ask(known()),
    "POST /project/{project_id}/instance": Ask(write(201), body=instance_body()),
    "DELETE /instance/{instance_id}": Ask(write(202), body=DATE),
    "PUT /instance/{instance_id}/resize": Ask(write(200), body=DATE | {"flavor": "m1.large"}),
    "PUT /instance/{instance_id}/rebuild": Ask(
        write(200),
        body={"rebuild_date": DATE["date"], "distro": "d", "version": "1", "os_type": "linux"},
    ),
    "PUT /entity/instance/{instance_id}": Ask(write(200), body={"name": "other"}),
    "POST /project/{project_id}/volume": Ask(write(201), body=volume_body(None)),
    "DELETE /volume/{volume_id}": Ask(write(202), body=DATE),
    "PUT /volume/{volume_id}/resize": Ask(write(200), body=DATE | {"size": 7}),
    "PUT /volume/{volume_id}/attach": Ask(write(200), body=DATE | {"attachments": ["some-server"]}),
    "PUT /volume/{volume_id}/detach": Ask(write(200), body=DATE | {"attachments": []}),
    "POST /volume_type": Ask(write(201), body={"type_id": "type1", "type_name": "fast"}),
    "DELETE /volume_type/{type_id}": Ask(write(202)),
}


def routes() -> list[tuple[str, str]]:
    """Return all routes of the application, by method and path."""
    with Ledger.open("sqlite://") as ledger:
        app = make_app(ApiSettings(private_key=KEY), ledger)
        app.ledger.close()
    return sorted(
        (method, route.path_format)
        for route in app.litestar.routes
        for method in getattr(route, "methods", ())
        if method != "OPTIONS"  # which Litestar answers itself, see below
    )


def asked(method: str, path: str) -> Ask | None:
    return ROUTES.get(f"{method} {path.removeprefix('/v1')}")


class Served(NamedTuple):
    url: str
    tokens: dict[str, str | None]
    owner: Client
    http: httpx2.Client


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve a ledger with data of two projects, and of none."""
    place = tmp_path_factory.mktemp("ledger")
    with serving(keystone()) as identity, Ledger.open(f"sqlite:///{place}/ledger.db") as ledger:
        api_ledger.fill(ledger)
        settings = ApiSettings(
            strategy=Strategy.PRIVATE_KEY | Strategy.KEYSTONE,
            private_key=KEY,
            keystone=KeystoneSettings(f"{identity}/identity/v3"),
            metrics_from=(),
            rate_limit=0,
            failure_limit=0,
        )
        shown: dict[str, str | None] = {
            name: token(identity, name) for name in ("member", "stranger", "auditor", "biller", "chief")
        }
        shown["system-reader"] = token(identity, "system-reader", scope={"system": {"all": True}})
        shown |= {"nobody": None, "wrong token": "gAAAA", "wrong key": KEY[:-1], "private key": KEY}
        with serving_app(ledger, settings) as (url, _), httpx2.Client(timeout=30) as http:
            yield Served(url, shown, Client(url), http)


def of_mine_or_new(served: Served) -> Things:
    """Return how the things of MINE are found; those that can be written are made, once, when asked for."""
    return {
        "project_id": lambda: MINE,
        "kind": lambda: "server",
        "resource_id": lambda: SERVER,
        "entity_id": lambda: SERVER,
        "path": lambda: "elements.html",
        "instance_id": cache(partial(served.owner.instance, MINE)),
        "volume_id": cache(partial(served.owner.volume, MINE, None)),
        "type_id": cache(served.owner.volume_type),
    }


def filled(path: str, things: Things) -> str:
    """Return a path with the ids of things in it."""
    return re.sub(r"\{(\w+)\}", lambda found: things[found[1]](), path)


def ask(served: Served, caller: str, method: str, target: str, body: Any = None) -> httpx2.Response:
    shown = served.tokens[caller]
    headers = {} if shown is None else {"X-Auth-Token": shown}
    return served.http.request(method, f"{served.url}{target}", headers=headers, json=body)


def test_every_route_is_in_the_table_and_the_table_has_no_other() -> None:
    there = {f"{method} {path.removeprefix('/v1')}" for method, path in routes()}

    assert there == set(ROUTES)


@pytest.mark.parametrize(("method", "path"), routes())
def test_everybody_is_answered_as_the_table_says(served: Served, method: str, path: str) -> None:
    found = asked(method, path)
    assert found is not None
    assert set(found.expected) == set(ALL)

    # What stands under /v1 is the same handler once more: some ask it, too.
    callers = ("wrong token", "stranger", "auditor", "private key") if path.startswith("/v1/") else ALL
    things = of_mine_or_new(served)
    answered = {}
    for caller in callers:
        body = found.body
        if body is not None:  # what is created is new
            body = {name: new_id() if name in {"id", "volume_id"} else value for name, value in body.items()}
        if method != "GET" and found.expected[caller] < 400:
            things = of_mine_or_new(served)
        target = filled(path, things) + found.query
        answer = ask(served, caller, method, target, body)
        answered[caller] = answer.status_code
        hold_silence(served, caller, target, answer)

    assert answered == {caller: found.expected[caller] for caller in callers}


def hold_silence(served: Served, caller: str, target: str, answer: httpx2.Response) -> None:
    """Hold that an answer has nothing of a project that the caller does not see, but for what she said."""
    text = answer.text + str(answer.headers)
    for project_id in {MINE, OTHER, ""} - set(SEES.get(caller, ())):
        for word in api_ledger.names(project_id):
            assert word not in text.replace(target, ""), (caller, target, word)
    if caller in (*OUTSIDE, *MEMBERS):
        assert 'name of "' not in text  # of what nobody is known to own
    for shown in served.tokens.values():
        assert not shown or shown == "gAAAA" or shown not in text


@pytest.mark.parametrize("path", ["/v2/projects", "/v2/resources", "/v2/spans", USAGE])
@pytest.mark.parametrize("how", ["json", "csv", "parquet"])
def test_a_member_is_told_the_same_of_another_project_as_of_one_that_is_not(
    served: Served, path: str, how: str
) -> None:
    join = "&" if "?" in path else "?"

    def told(project_id: str) -> tuple[int, bytes, dict[str, str]]:
        answer = ask(served, "member", "GET", f"{path}{join}project_id={project_id}&format={how}")
        left = {"date", "x-openstack-request-id"}
        return answer.status_code, answer.content, {k: v for k, v in answer.headers.items() if k not in left}

    assert told(OTHER) == told("nobody")
    assert told(OTHER)[0] == 200


def test_a_member_is_told_the_same_of_a_foreign_thing_as_of_one_that_is_not(served: Served) -> None:
    foreign = api_ledger.resource_id("server", OTHER)
    pairs = [
        (f"/v2/resources/server/{foreign}", "/v2/resources/server/nothing"),
        (f"/v2/changes?project_id={OTHER}", "/v2/changes?project_id=nothing"),
        (f"/v2/changes?project_id={OTHER}&cloud_id=x", "/v2/changes?project_id=nothing&cloud_id=x"),
        (f"/entity/{foreign}", "/entity/nothing"),
        (f"/v1/project/{OTHER}/instances{PERIOD}", f"/v1/project/nothing/instances{PERIOD}"),
    ]

    def told(target: str) -> tuple[int, str]:
        answer = ask(served, "member", "GET", target)
        return answer.status_code, re.sub(r"req-[-0-9a-f]+", "", answer.text)

    for one, other in pairs:
        assert told(one) == told(other)


def test_a_member_sees_all_of_her_project_and_whoever_sees_everything_sees_more(served: Served) -> None:
    def projects(caller: str) -> set[str]:
        answer = ask(served, caller, "GET", "/v2/spans?limit=1000").json()
        return {one["project_id"] for one in answer["spans"]}

    assert projects("member") == {MINE}
    assert projects("stranger") == {OTHER}
    for caller in READERS + WRITERS:
        assert projects(caller) == {MINE, OTHER}


def test_a_cursor_of_somebody_who_sees_more_shows_nothing_to_a_member(served: Served) -> None:
    cursor = ask(served, "chief", "GET", "/v2/spans?limit=1").json()["next"]

    answer = ask(served, "member", "GET", f"/v2/spans?limit=1&cursor={cursor}")

    assert answer.status_code == 400
    hold_silence(served, "member", "", answer)


@pytest.mark.parametrize("path", sorted({path for _, path in routes()}))
def test_options_tell_nothing_but_methods(served: Served, path: str) -> None:
    target = filled(path, of_mine_or_new(served))
    for caller in ("nobody", "wrong token", "member", "private key"):
        answer = ask(served, caller, "OPTIONS", target)

        assert answer.status_code in {204, 401, 403}
        assert answer.content == b"" or answer.status_code != 204
