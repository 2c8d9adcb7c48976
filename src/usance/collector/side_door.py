"""/health, /ready and /metrics over HTTP, for those who watch a collector; nothing else."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Final

import orjson
from prometheus_client import CollectorRegistry, generate_latest

from usance.collector.metrics import CONTENT_TYPE
from usance.model.errors import ConfigurationError

_LONGEST: Final = 8192  # bytes of a request
_PATIENCE_S: Final = 10
_MOST: Final = 32  # requests at once
_JSON: Final = "application/json"

Troubles = Callable[[], Sequence[str]]
"""Says what keeps the collector from listening; nothing if all is well."""


class SideDoor:
    """A server for few and small requests: GET and HEAD of three paths, one to a connection."""

    def __init__(self, registry: CollectorRegistry, troubles: Troubles) -> None:
        self._registry = registry
        self._troubles = troubles
        self._room = asyncio.Semaphore(_MOST)

    async def open(self, host: str, port: int) -> asyncio.Server:
        """Begin to answer. Raises ConfigurationError if the address is taken or not ours."""
        try:
            return await asyncio.start_server(self._serve, host, port, limit=_LONGEST)
        except OSError as error:
            raise ConfigurationError(
                f"[collector] listen: {host}:{port} can't be used: {error.strerror}", hint="name a free port"
            ) from error

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with self._room, asyncio.timeout(_PATIENCE_S):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(self._answer(head))
                await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # whoever asks so gets no answer
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def _answer(self, head: bytes) -> bytes:
        method, _, rest = head.partition(b"\r\n")[0].decode("latin-1").partition(" ")
        path = rest.partition(" ")[0].partition("?")[0]
        if method not in {"GET", "HEAD"}:
            return _response("405 Method Not Allowed", _JSON, b'{"error": "GET or HEAD"}', method)
        if path == "/metrics":
            return _response("200 OK", CONTENT_TYPE, generate_latest(self._registry), method)
        if path == "/health":
            return _response("200 OK", _JSON, b'{"status": "alive"}', method)
        if path == "/ready":
            troubles = list(self._troubles())
            body = orjson.dumps({"status": "not ready" if troubles else "ready", "troubles": troubles})
            return _response("503 Service Unavailable" if troubles else "200 OK", _JSON, body, method)
        return _response(
            "404 Not Found", _JSON, b'{"error": "there is /health, /ready and /metrics"}', method
        )


def _response(status: str, content_type: str, body: bytes, method: str) -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
        "X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + (b"" if method == "HEAD" else body)
