"""Serves a simulated cloud over HTTP: all services on one port, in a thread of its own."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from urllib.parse import unquote

import msgspec
import uvicorn

from usance.demo import cinder, control, glance, keystone, neutron, nova
from usance.demo.cloud import DemoCloud, Region
from usance.demo.faults import Fault, FaultKind
from usance.demo.web import Refusal, Request, Response, answer

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_SERVICES: dict[str, Callable[[DemoCloud, Region, Request, list[str]], Response]] = {
    "compute": nova.handle,
    "image": glance.handle,
    "volume": cinder.handle,
    "network": neutron.handle,
}

_PIECES = 16
_MAX_BODY = 1 << 20


class DemoApp:
    """The ASGI application."""

    def __init__(self, cloud: DemoCloud) -> None:
        self.cloud = cloud
        self._number = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, with the faults that are meant for it."""
        if scope["type"] != "http":
            raise RuntimeError(f"there is no {scope['type']} here")
        request = await _read(scope, receive)
        faults: list[Fault] = []
        if not request.path.startswith("/demo/"):
            self.cloud.count(request.method, request.path)
            target = f"{request.path}?{request.query_string}" if request.query_string else request.path
            faults = self.cloud.faults.for_request(f"{request.method} {target}")
        kinds = {fault.kind for fault in faults}
        if FaultKind.EXPIRE in kinds:
            self.cloud.tokens.forget()
        await asyncio.sleep(sum(one.delay_ms for one in faults if one.kind is FaultKind.LATENCY) / 1000)
        if FaultKind.DROP in kinds:
            await _drop(receive, send)
            return
        if FaultKind.SHORT_PAGE in kinds:
            request = msgspec.structs.replace(request, short_page=True)
        response = self._answer(request, faults)
        await self._send(response, faults, receive, send)

    def _answer(self, request: Request, faults: list[Fault]) -> Response:
        for fault in faults:
            if fault.kind is FaultKind.STATUS:
                headers: tuple[tuple[bytes, bytes], ...] = ()
                if fault.retry_after_s is not None:
                    headers = ((b"retry-after", str(fault.retry_after_s).encode()),)
                return answer({"error": {"code": fault.status, "message": "injected"}}, fault.status, headers)
        return handle(self.cloud, request)

    async def _send(self, response: Response, faults: list[Fault], receive: Receive, send: Send) -> None:
        self._number += 1
        body = response.body
        kinds = {fault.kind for fault in faults}
        if FaultKind.TRUNCATE in kinds:
            body = body[: len(body) // 2]
        headers = [
            *response.headers,
            (b"date", self.cloud.clock.http_date()),
            (b"content-length", str(len(body)).encode()),
            (b"x-openstack-request-id", f"req-{self._number:032x}".encode()),
        ]
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        if FaultKind.CUT in kinds:
            half = body[: len(body) // 2]
            await send({"type": "http.response.body", "body": half, "more_body": True})
            await _drop(receive, send)
            return
        for fault in faults:
            if fault.kind is FaultKind.SLOW_BODY:
                size = max(1, -(-len(body) // _PIECES))
                for start in range(0, len(body), size):
                    piece = body[start : start + size]
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
                    await asyncio.sleep(fault.delay_ms / 1000)
                body = b""
        await send({"type": "http.response.body", "body": body})


def handle(cloud: DemoCloud, request: Request) -> Response:
    """Answer a request, without any network: the whole cloud as one function."""
    parts = request.parts
    if not parts:
        return answer({"services": list(cloud.regions)})
    if parts[0] == "demo":
        return control.handle(cloud, request, parts[1:])
    if parts[0] == keystone.PREFIX:
        return keystone.handle(cloud, request, parts[1:])
    region = cloud.regions.get(parts[0])
    if region is not None and len(parts) > 1 and parts[1] in _SERVICES:
        return _SERVICES[parts[1]](cloud, region, request, parts[2:])
    return keystone.error(Refusal(404, "The resource could not be found."))


async def _read(scope: Scope, receive: Receive) -> Request:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    body = b""
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False) and len(body) < _MAX_BODY
    host, port = scope["server"]
    query = scope["query_string"].decode("latin-1")
    return Request(
        method=scope["method"],
        path=unquote(scope["path"]),
        query_string=query,
        headers=headers,
        body=body,
        base_url=f"http://{headers.get('host', f'{host}:{port}')}",
    )


async def _drop(receive: Receive, send: Send) -> None:
    """Close the connection at once; ASGI has no word for that, so ask uvicorn's own object."""
    transport = send.__self__.transport  # type: ignore[attr-defined]  # uvicorn's, as said above
    transport.abort()
    while (await receive())["type"] != "http.disconnect":
        pass


class _Server(uvicorn.Server):
    """A server that says when it is ready."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


def make_server(cloud: DemoCloud) -> _Server:
    """Return a server that is not running yet."""
    return _Server(
        uvicorn.Config(
            DemoApp(cloud),
            http="httptools",
            ws="none",
            lifespan="off",
            log_level="warning",
            access_log=False,
            date_header=False,  # the cloud has a clock of its own
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=75,
        )
    )


def listen(port: int = 0) -> socket.socket:
    """Return a socket that listens on loopback; port 0 means any that is free."""
    # asyncio sets TCP_NODELAY only where the protocol is named; without it, each answer that is sent in
    # two writes waits 40 ms for the client's delayed acknowledgement.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", port))
    listening.listen(2048)
    return listening


@contextmanager
def serving(cloud: DemoCloud, port: int = 0) -> Iterator[str]:
    """Serve a cloud in a thread of its own while the block runs; yield its URL."""
    with listen(port) as listening:
        server = make_server(cloud)
        thread = threading.Thread(target=server.run, args=([listening],), name="demo-cloud", daemon=True)
        thread.start()
        try:
            if not server.ready.wait(30):
                raise RuntimeError("the simulated cloud did not start")
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            # Connections that a client keeps open are not waited for.
            server.force_exit = True
            thread.join(30)


@asynccontextmanager
async def serve(cloud: DemoCloud, port: int = 0) -> AsyncIterator[str]:
    """Serve a cloud while the block runs, as :func:`serving` does, in asynchronous code."""
    with serving(cloud, port) as url:
        yield url
