"""What every request passes first, and every answer last: limits, headers, the log, the counters."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Any, Final

from litestar.types import ASGIApp, Message, Receive, Scope, Send

from usance.api.caller import Caller
from usance.api.errors import RefusedError, body_of
from usance.api.metrics import Metrics
from usance.api.requests import new_request_id
from usance.config.settings import ApiSettings

LOG = logging.getLogger("usance.api.access")

LONGEST_TARGET: Final = 8 * 1024  # bytes of path and query
LARGEST_HEADER: Final = 48 * 1024  # bytes; a token may have 16 KiB
REQUEST_ID_HEADER: Final = b"x-openstack-request-id"

_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
)
"""What answers have unless their route says otherwise: they are nobody else's, and no page."""


class Edge:
    """The outermost part of the application."""

    def __init__(self, app: ASGIApp, settings: ApiSettings, metrics: Metrics) -> None:
        self._app = app
        self._timeout_s = settings.timeout_s
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or take part in the start and the end of the server."""
        if str(scope["type"]) != "http":  # "lifespan", too, which the type does not tell
            await self._app(scope, receive, send)
            return
        await _Exchange(scope, receive, send, self._metrics).run(self._app, self._timeout_s)


class _Exchange:
    """One request and its answer."""

    def __init__(self, scope: Any, receive: Receive, send: Send, metrics: Metrics) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._metrics = metrics
        self._id = new_request_id(scope)
        self._began_s = time.perf_counter()
        self._status = 0  # of the answer, once it began
        self._bytes = 0
        self._is_read = not _has_body(scope["headers"])
        self._limit: asyncio.Timeout | None = None

    async def run(self, app: ASGIApp, timeout_s: float) -> None:
        self._metrics.began()
        try:
            refusal = _too_large(self._scope)
            if refusal is not None:
                self._metrics.limited("size")
                await self._refuse(refusal)
                return
            await self._within(app, timeout_s)
        finally:
            self._note()

    async def _within(self, app: ASGIApp, timeout_s: float) -> None:
        try:
            async with asyncio.timeout(timeout_s) as self._limit:
                await app(self._scope, self._reading, self._sending)
        except TimeoutError:
            if self._status or self._limit is None or not self._limit.expired():
                raise
            self._metrics.limited("time")
            await self._refuse(
                RefusedError(
                    503, f"there was no answer within {timeout_s} s", hint="ask for a shorter period"
                )
                if self._is_read
                else RefusedError(408, f"the request was not complete within {timeout_s} s")
            )

    async def _refuse(self, refusal: RefusedError) -> None:
        body, kind = body_of(refusal, self._scope["path"], self._id)
        headers = [
            (b"content-type", kind),
            (b"content-length", str(len(body)).encode()),
            *((name.lower().encode(), value.encode()) for name, value in refusal.headers.items()),
        ]
        await self._sending({"type": "http.response.start", "status": refusal.status, "headers": headers})
        await self._sending({"type": "http.response.body", "body": body, "more_body": False})

    async def _reading(self) -> Any:
        message = await self._receive()
        if not message.get("more_body"):
            self._is_read = True
        return message

    async def _sending(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            message["headers"] = [*self._added(message["headers"]), *message["headers"]]
            if self._limit is not None and not self._limit.expired():
                self._limit.reschedule(None)  # an answer that has begun may take as long as it is read
        elif message["type"] == "http.response.body":
            self._bytes += len(message["body"])
        await self._send(message)

    def _added(self, headers: Any) -> list[tuple[bytes, bytes]]:
        present = {name.lower() for name, _ in headers}
        added = [one for one in _HEADERS if one[0] not in present]
        added.append((REQUEST_ID_HEADER, self._id.encode()))
        if not self._is_read:
            # What still comes of the request is not waited for.
            added.append((b"connection", b"close"))
        return added

    def _note(self) -> None:
        seconds = time.perf_counter() - self._began_s
        scope = self._scope
        self._metrics.answered(scope.get("path_template") or "none", scope["method"], self._status, seconds)
        caller = scope.get("user")
        client = scope.get("client")
        LOG.info(
            '%s %s "%s %s" %d %d %.1f ms %s',
            client[0] if client else "-",
            caller.key if isinstance(caller, Caller) else "-",
            scope["method"],
            _shown(scope),
            self._status,
            self._bytes,
            1000 * seconds,
            self._id,
        )


def _has_body(headers: Any) -> bool:
    lengths = [value for name, value in headers if name in {b"content-length", b"transfer-encoding"}]
    return any(value.strip() != b"0" for value in lengths)


def _too_large(scope: Mapping[str, Any]) -> RefusedError | None:
    if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > LONGEST_TARGET:
        return RefusedError(414, f"the address is longer than {LONGEST_TARGET} bytes")
    if sum(len(name) + len(value) + 4 for name, value in scope["headers"]) > LARGEST_HEADER:
        return RefusedError(431, f"the header is larger than {LARGEST_HEADER} bytes")
    return None


def _shown(scope: Mapping[str, Any]) -> str:
    """Return the path as it came, without the query, in which somebody may have put a secret."""
    raw = scope.get("raw_path") or scope["path"].encode()
    return "".join(chr(one) if 0x21 <= one <= 0x7E else f"\\x{one:02x}" for one in raw[:200])
