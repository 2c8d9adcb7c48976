"""A wire between a client and a server on loopback, which can be cut: then nothing comes through."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from types import TracebackType
from typing import Self


class Wire:
    """Forwards connections to a port. Cut, it swallows what is sent, and closes nothing."""

    def __init__(self, to_port: int) -> None:
        self._to_port = to_port
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._is_cut = threading.Event()
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over.set()
        for one in self._threads:
            one.join()
        self._server.close()

    def cut(self) -> None:
        """Let nothing through."""
        self._is_cut.set()

    def mend(self) -> None:
        """Let new connections through; what was swallowed is gone."""
        self._is_cut.clear()

    def _accept(self) -> None:
        while not self._is_over.is_set():
            if select.select([self._server], [], [], 0.1)[0]:
                near, _ = self._server.accept()
                thread = threading.Thread(target=self._forward, args=(near,))
                self._threads.append(thread)
                thread.start()

    def _forward(self, near: socket.socket) -> None:
        with (
            near,
            socket.create_connection(("127.0.0.1", self._to_port)) as far,
            contextlib.suppress(OSError),
        ):
            other = {near: far, far: near}
            was_cut = False
            while not self._is_over.is_set():
                was_cut = was_cut or self._is_cut.is_set()
                for one in select.select([near, far], [], [], 0.1)[0]:
                    data = one.recv(65536)
                    if not data:
                        return
                    if not was_cut:
                        other[one].sendall(data)
