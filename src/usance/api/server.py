"""The server under the application: where it listens, how it begins and ends."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import os
import signal
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import uvicorn

from usance.api.protocol import BoundedProtocol
from usance.config.settings import ApiSettings
from usance.model.errors import ConfigurationError, UsanceError

LOG = logging.getLogger(__name__)

GRACE_S: Final = 30
"""How long requests under way may go on after the order to stop."""

_BACKLOG: Final = 1024
_IDLE_S: Final = 75  # longer than a proxy keeps a connection, so that it is the one who closes


def listen(settings: ApiSettings) -> socket.socket:
    """Return a socket that listens where the settings say. Raises UsanceError if that can't be."""
    family = socket.AF_INET6 if ipaddress.ip_address(settings.bind_ip).version == 6 else socket.AF_INET
    try:
        listening = socket.create_server(
            (settings.bind_ip, settings.bind_port), family=family, backlog=_BACKLOG
        )
    except OSError as error:
        place = _place(settings.bind_ip, settings.bind_port)
        raise UsanceError(
            f"can't listen on {place}: {os.strerror(error.errno or 0)}",
            hint="see bind_ip and bind_port of [api], and what else listens there",
        ) from error
    # An answer goes out in two pieces, of which the second must not wait until the first is acknowledged
    # (40 ms). asyncio sees to that for sockets only that name their protocol, which this one does not.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def url_of(listening: socket.socket, settings: ApiSettings) -> str:
    """Return the address of the API."""
    scheme = "https" if settings.tls_certificate else "http"
    host, port = listening.getsockname()[:2]
    return f"{scheme}://{_place(host, port)}"


def _place(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class Server(uvicorn.Server):
    """A server that ends when it is told to, and lets who started it decide about the exit status."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer, and say so."""
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End on SIGTERM and SIGINT after what is under way; on a second one, at once."""
        if threading.current_thread() is not threading.main_thread():
            yield  # signals are for the main thread: whoever has another one ends it by `should_exit`
            return
        loop = asyncio.get_running_loop()
        wanted = (signal.SIGTERM, signal.SIGINT)
        for one in wanted:
            loop.add_signal_handler(one, self._told, one)
        try:
            yield
        finally:
            for one in wanted:
                loop.remove_signal_handler(one)

    def _told(self, number: int) -> None:
        LOG.info("ending on %s", signal.Signals(number).name)
        if self.should_exit:
            self.force_exit = True
        self.should_exit = True


def make_server(
    app: Any,
    settings: ApiSettings,
    on_ready: Callable[[], None],
    *,
    protocol: type[BoundedProtocol] = BoundedProtocol,
) -> Server:
    """Return a server that does not run yet. Raises ConfigurationError for certificates that are none."""
    config = uvicorn.Config(
        app,
        http=protocol,
        ws="none",
        loop="asyncio",
        lifespan="on",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        limit_concurrency=settings.connections,
        timeout_keep_alive=_IDLE_S,
        timeout_graceful_shutdown=GRACE_S,
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
    )
    try:
        config.load()
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            f"the certificate {settings.tls_certificate} can't be used: {error}",
            hint="tls_certificate and tls_key are PEM files that belong together, readable by this user",
        ) from error
    return Server(config, on_ready)


def run(server: Server, listening: socket.socket) -> None:
    """Answer until told to end. Raises UsanceError if it could not begin."""
    asyncio.run(server.serve(sockets=[listening]))
    if not server.started:
        raise UsanceError("the API could not begin to answer", hint="the log says why")
