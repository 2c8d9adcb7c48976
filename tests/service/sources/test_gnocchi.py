"""Looks at a Gnocchi that misbehaves, page by page; the real one is beside the whole extraction's tests."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import pytest

from looking import Notebook, look, opened, selected
from usance.cloud.access import Cloud
from usance.cloud.catalog import NoEndpointError
from usance.demo.clock import Clock
from usance.demo.cloud import DemoCloud
from usance.demo.history import WrittenHistory
from usance.demo.server import serving
from usance.demo.site import FLAVORS, standard_site
from usance.http.errors import MalformedAnswerError, StatusError
from usance.model.errors import CloudError, DoubtfulLookError
from usance.model.observation import Batch, Scope
from usance.model.resource import RAM_MIB, VCPUS
from usance.sources.gnocchi import GnocchiSource

NOW = datetime(2026, 10, 12, tzinfo=UTC)
SITE = standard_site(projects=1)
PROJECT = SITE.projects[0].id

Answer = tuple[int, Any]
Script = Callable[[str, str, dict[str, str]], Answer]
"""Takes the method, the path below /v1 and the query; returns the status and the content."""


def server_id(number: int) -> str:
    return f"00000000-0000-4000-a000-{number:012d}"


def resource(number: int, **more: Any) -> dict[str, Any]:
    """Return a server as Gnocchi shows it, told two hours ago."""
    return {
        "id": server_id(number),
        "project_id": PROJECT,
        "user_id": SITE.users[0].id,
        "revision_start": (NOW - timedelta(hours=2)).isoformat(),
        "revision_end": None,
        "created_at": (NOW - timedelta(hours=3)).isoformat(),
        "launched_at": (NOW - timedelta(hours=3)).isoformat(),
        "flavor_id": FLAVORS[1].id,
        "flavor_name": FLAVORS[1].name,
        "metrics": {},
        **more,
    }


class Gnocchi:
    """Answers as a script says, and remembers what was asked."""

    def __init__(self, script: Script) -> None:
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        own = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                self.rfile.read(int(self.headers.get("content-length", 0)))
                parts = urlsplit(self.path)
                query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
                question = (self.command, parts.path.removeprefix("/v1"), query)
                own.asked.append(question)
                status, content = script(*question)
                body = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = answer  # noqa: N815 - the names that http.server has

            def log_message(self, *_arguments: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_trouble: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def times(self, ending: str) -> int:
        """Return how often a path with this ending was asked for."""
        return sum(path.endswith(ending) for _, path, _ in self.asked)


@contextmanager
def gnocchi(script: Script) -> Iterator[tuple[Gnocchi, Callable[..., list[Batch]]]]:
    """Serve a cloud with such a Gnocchi; yield it, and a function that looks once and returns the batches.

    A minute passes before each look: answers tell the cloud's time in whole seconds, so that of two
    looks at one instant the later one might seem to be the earlier.
    """
    cloud = DemoCloud(WrittenHistory(SITE), clock=Clock(NOW))
    notebook = Notebook()
    with serving(cloud) as url, Gnocchi(script) as server:
        cloud.elsewhere["metric"] = server.url

        async def inside(settings: dict[str, Any]) -> list[Batch]:
            async with opened(url, "reader", **settings) as opened_cloud:
                return await look_at(opened_cloud)

        async def look_at(opened_cloud: Cloud) -> list[Batch]:
            return await look(GnocchiSource(opened_cloud), await selected(opened_cloud), notebook)

        def look_once(**settings: Any) -> list[Batch]:
            cloud.clock.set(cloud.clock.now() + timedelta(minutes=1))
            return asyncio.run(inside(settings))

        yield server, look_once


def shows(*resources: dict[str, Any], size: int = 2) -> Script:
    """Return what a Gnocchi with these servers answers, so many on a page."""

    def script(_method: str, path: str, query: dict[str, str]) -> Answer:
        if path.endswith("/history"):
            return 200, [one for one in resources if f"/{one['id']}/" in path]
        if path.startswith("/search/"):
            later = [one for one in resources if one["id"] > query.get("marker", "")]
            return 200, later[:size]
        return 404, {"description": "there is no such metric"}

    return script


def test_all_pages_are_read_and_the_look_says_so():
    with gnocchi(shows(*(resource(number) for number in range(5)))) as (server, look_once):
        batches = look_once()

    spoken = {one.resource.id for batch in batches for one in batch.observations}
    assert spoken == {server_id(number) for number in range(5)}
    assert batches[-1].look.scope is Scope.CHANGES
    drift = batches[-1].look.begin - timedelta(minutes=5) - batches[-1].watermark
    assert abs(drift) < timedelta(seconds=1)
    assert server.times("/search/resource/instance") == 4


def test_what_was_read_is_not_read_again_until_it_changes():
    told = [resource(0), resource(1)]
    with gnocchi(shows(*told)) as (server, look_once):
        look_once()
        look_once()
        told[1] |= {"revision_start": (NOW - timedelta(hours=1)).isoformat(), "display_name": "renamed"}
        batches = look_once()

        assert server.times("/history") == 3
    assert {one.resource.id for batch in batches for one in batch.observations} == {server_id(1)}


def test_a_server_without_sizes_is_read_again_until_they_are_told():
    told = resource(0, flavor_id="gone", flavor_name="gone")
    measures: list[list[Any]] = []

    def script(method: str, path: str, query: dict[str, str]) -> Answer:
        if path.startswith("/metric/"):
            value = {"v": 4.0, "m": 2048.0, "d": 20.0}[path.split("/")[2]]
            return 200, [[start, 300.0, value] for start in measures]
        return shows(told)(method, path, query)

    told["metrics"] = {"vcpus": "v", "memory": "m", "disk.root.size": "d"}
    with gnocchi(script) as (_, look_once):
        first = look_once()
        measures.append((NOW - timedelta(hours=1)).isoformat())
        second = look_once()
        third = look_once()

    assert not any(VCPUS in one.accounted for batch in first for one in batch.observations)
    sizes = [one.accounted for batch in second for one in batch.observations if VCPUS in one.accounted]
    assert (sizes[-1][VCPUS], sizes[-1][RAM_MIB]) == (4, 2048)
    assert not any(batch.observations for batch in third)


def test_servers_of_other_projects_are_nobodys():
    with gnocchi(shows(resource(0, project_id="another"), resource(1, project_id=None))) as (_, look_once):
        batches = look_once()

    assert not any(batch.observations for batch in batches)


def test_pages_in_a_circle_make_the_look_doubtful():
    def script(method: str, path: str, _query: dict[str, str]) -> Answer:
        return shows(resource(0), resource(1))(method, path, {})

    with gnocchi(script) as (server, look_once):
        with pytest.raises(DoubtfulLookError, match="lead in a circle"):
            look_once()
        assert server.times("/search/resource/instance") == 4  # both looks


def test_revisions_without_an_end_make_the_look_doubtful():
    endless = resource(0, revision_end=NOW.isoformat())
    with gnocchi(shows(endless)) as (_, look_once), pytest.raises(DoubtfulLookError, match="have no end"):
        look_once()


def test_revisions_that_go_on_behind_the_first_page_are_all_read():
    first = resource(0, revision_end=(NOW - timedelta(hours=1)).isoformat())
    last = resource(0, revision_start=(NOW - timedelta(hours=1)).isoformat(), flavor_id=FLAVORS[3].id)
    last["flavor_name"] = FLAVORS[3].name

    def script(method: str, path: str, query: dict[str, str]) -> Answer:
        if query.get("history"):
            return 200, [last]
        return shows(first if path.endswith("/history") else last)(method, path, query)

    with gnocchi(script) as (_, look_once):
        batches = look_once()

    told = [one.accounted.get(VCPUS) for batch in batches for one in batch.observations]
    assert FLAVORS[1].vcpus in told
    assert FLAVORS[3].vcpus in told


@pytest.mark.parametrize(
    ("status", "error"), [(403, StatusError), (404, StatusError), (500, StatusError), (503, StatusError)]
)
def test_a_gnocchi_that_fails_half_way_moves_no_watermark(status, error):
    calls = []

    def script(method: str, path: str, query: dict[str, str]) -> Answer:
        if "marker" in query:
            calls.append(path)
            return status, {"description": "no"}
        return shows(resource(0), resource(1))(method, path, query)

    with gnocchi(script) as (server, look_once):
        with pytest.raises(
            error, match=f"Gnocchi answered {status} to POST /v1/search/resource/instance: no"
        ):
            look_once()
        since = server.asked[0]
        with pytest.raises(error):
            look_once()

    assert server.asked[0] == since
    assert len(calls) == (2 if status < 500 else 6)  # what may pass is asked for again
    assert server.times("/history") == 2  # what had been read is kept


def test_an_answer_of_another_shape_is_an_error():
    with gnocchi(lambda *_: (200, {"resources": []})) as (_, look_once), pytest.raises(MalformedAnswerError):
        look_once()


def test_an_id_that_would_lead_elsewhere_is_refused():
    with (
        gnocchi(shows(resource(0, id="../../v1/status"))) as (_, look_once),
        pytest.raises(CloudError, match="an id that is none"),
    ):
        look_once()


def test_a_cloud_without_gnocchi_is_told_what_is_missing():
    async def ask(url: str) -> None:
        async with opened(url, "reader") as cloud:
            await look(GnocchiSource(cloud), await selected(cloud), Notebook())

    cloud = DemoCloud(WrittenHistory(SITE), clock=Clock(NOW))
    with serving(cloud) as url, pytest.raises(NoEndpointError) as refused:
        asyncio.run(ask(url))

    assert "no public endpoint of type metric" in str(refused.value)
    assert "no region has Gnocchi" in str(refused.value)
