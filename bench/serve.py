"""The measured cloud as a process of its own: the demo's server over the steady history.

Run as `python -m bench.serve OPTIONS`, where OPTIONS is JSON of `Setup`. When it is ready it
prints its URL. Beside the demo's own routes it has `PUT /bench/recording` (forget all requests so
far), `GET /bench/recording?file=...` (write them to that file) and `PUT /bench/pace` (a `Pace`).
"""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import msgspec
import uvicorn

from bench.recorded import Asked
from bench.steady import BEFORE, SteadyHistory, site
from usance.demo.clock import Clock
from usance.demo.cloud import CloudOptions, DemoCloud
from usance.demo.server import DemoApp, listen, make_server

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]


class Pace(msgspec.Struct, frozen=True):
    """How long a real Nova takes; zero is as fast as the demo can."""

    row_ms: float = 0.0  # for each row of servers/detail
    actions_ms: float = 0.0  # for a list of instance actions


class Setup(msgspec.Struct, frozen=True):
    """Which cloud is served."""

    projects: int
    servers: int  # in each project
    changed: int  # of them, between BEFORE and AFTER
    row_cache_mib: int = 1024
    pace: Pace = Pace()


class Recorder:
    """Stands before the demo's application: notes each request, and keeps the pace."""

    def __init__(self, app: DemoApp, pace: Pace) -> None:
        self._app = app
        self._pace = pace
        self._asked: list[tuple[str, str, int, str, str]] = []

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass a request on; note it, and how it was answered."""
        path: str = scope["path"]
        if path.startswith("/bench/"):
            await self._control(scope, receive, send)
            return
        if path.startswith("/demo/"):
            await self._app(scope, receive, send)
            return
        started: Message = {}

        async def paced(message: Message) -> None:
            if message["type"] == "http.response.start":
                started.update(message)
                return
            if started:
                self._note(scope, started["status"])
                wait_s = self._wait_s(path, message.get("body", b""))
                if wait_s:
                    await asyncio.sleep(wait_s)
                await send(dict(started))
                started.clear()
            await send(message)

        await self._app(scope, receive, paced)

    def _wait_s(self, path: str, body: bytes) -> float:
        if self._pace.row_ms and path.endswith("/servers/detail"):
            return body.count(b'"OS-EXT-STS:vm_state"') * self._pace.row_ms / 1000
        if self._pace.actions_ms and path.endswith("/os-instance-actions"):
            return self._pace.actions_ms / 1000
        return 0.0

    def _note(self, scope: Message, status: int) -> None:
        token = version = b""
        for name, value in scope["headers"]:
            if name == b"x-auth-token":
                token = value
            elif name == b"x-openstack-nova-api-version" or (
                name == b"openstack-api-version" and value.startswith(b"compute ")
            ):
                version = value.removeprefix(b"compute ")
        query = scope["query_string"].decode("latin-1")
        target = f"{scope['path']}?{query}" if query else scope["path"]
        self._asked.append((scope["method"], target, status, token.decode(), version.decode()))

    async def _control(self, scope: Message, receive: Receive, send: Send) -> None:
        line = f"{scope['method']} {scope['path']}"
        if line == "PUT /bench/recording":
            self._asked.clear()
        elif line == "GET /bench/recording":
            self._write(Path(parse_qs(scope["query_string"].decode())["file"][0]))
        elif line == "PUT /bench/pace":
            self._pace = msgspec.json.decode((await receive())["body"], type=Pace)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"{}"})

    def _write(self, path: Path) -> None:
        encode = msgspec.json.Encoder().encode
        with path.open("wb") as out:
            for method, target, status, token, version in self._asked:
                headers = {"x-auth-token": token} if token else {}
                if version:
                    headers["x-openstack-nova-api-version"] = version
                out.write(encode(Asked(method, target, status, headers)) + b"\n")


def main() -> None:
    """Serve until the process is told to end."""
    setup = msgspec.json.decode(sys.argv[1], type=Setup)
    history = SteadyHistory(
        setup.projects, setup.servers, setup.changed, made_of=site(projects=setup.projects)
    )
    options = CloudOptions(row_cache_bytes=setup.row_cache_mib << 20, token_ttl_s=6 * 3600)
    cloud = DemoCloud(history, clock=Clock(BEFORE), options=options)
    server = make_server(cloud)
    server.config.app = Recorder(DemoApp(cloud), setup.pace)
    # Who started us may be killed: then our standard input ends, and so do we.
    threading.Thread(target=_end_with_input, args=(server,), daemon=True).start()
    with listen() as listening:
        # An answer goes out in two pieces; the second may not wait for the client's word on the first.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
        server.run([listening])


def _end_with_input(server: uvicorn.Server) -> None:
    sys.stdin.read()
    server.should_exit = server.force_exit = True


if __name__ == "__main__":
    main()
