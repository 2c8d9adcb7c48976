"""HTTP/1.1 as uvicorn speaks it, with a limit to how long a header may be, and how long it may take."""

from __future__ import annotations

from asyncio import BaseTransport, TimerHandle, Transport
from typing import ClassVar, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_TOO_LARGE: Final = b"431 Request Header Fields Too Large"
_TOO_SLOW: Final = b"408 Request Timeout"


class BoundedProtocol(HttpToolsProtocol):
    """One connection. What never becomes a request is not waited for, and not kept in memory."""

    largest_header: ClassVar[int] = 64 * 1024  # bytes that may come before a header is complete
    header_s: ClassVar[float] = 15.0  # in which a header has to be complete

    def connection_made(self, transport: BaseTransport) -> None:
        """Begin to wait for a header."""
        self._in_header = True
        self._header_bytes = 0
        self._is_mixed = False  # what came last holds the end of a request
        self._header_timer: TimerHandle | None = None
        super().connection_made(transport)  # type: ignore[arg-type]  # it says Transport
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take in a part of a request; end it if its header is too long by then."""
        self._is_mixed = False
        super().data_received(data)
        if self._in_header and not self._is_mixed:
            self._header_bytes += len(data)
            if self._header_bytes > self.largest_header:
                self._end(_TOO_LARGE)

    def on_message_begin(self) -> None:
        """Begin to count and to wait."""
        super().on_message_begin()
        self._in_header = True
        self._header_bytes = 0
        self._wait()

    def on_headers_complete(self) -> None:
        """Stop counting and waiting."""
        self._in_header = False
        self._stop_waiting()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Note that what came at once is not of one request alone."""
        self._is_mixed = True
        super().on_message_complete()

    def _wait(self) -> None:
        self._stop_waiting()
        self._header_timer = self.loop.call_later(self.header_s, self._end, _TOO_SLOW)

    def _stop_waiting(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _end(self, status: bytes) -> None:
        transport: Transport | None = self.transport
        if transport is None or transport.is_closing():
            return
        # While an answer to an earlier request is still being written there is no room for this one.
        if self.cycle is None or self.cycle.response_complete:
            transport.write(b"HTTP/1.1 " + status + b"\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
        transport.close()
