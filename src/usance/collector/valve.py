"""A way to read no more from a broker for a while: then its messages wait in the network, and in the broker.

RabbitMQ bounds what it gives ahead by a number of messages, and never by their size (it refuses
`channel.flow`, and a `prefetch_size`). So who has no room for more must leave the socket alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from pika.adapters.asyncio_connection import _AsyncioIOServicesAdapter


class Valve(_AsyncioIOServicesAdapter):  # type: ignore[misc]  # pika tells no types
    """pika's way to the event loop, whose readers can be held up; writers and timers go on."""

    def __init__(self) -> None:
        super().__init__(asyncio.get_running_loop())
        self._readers: dict[int, Callable[[], None]] = {}
        self.is_shut = False

    def shut(self) -> None:
        """Call no reader until :meth:`open`."""
        self.is_shut = True
        for descriptor in self._readers:
            super().remove_reader(descriptor)

    def open(self) -> None:
        """Call the readers again; what TLS has read ahead, no socket would tell of."""
        self.is_shut = False
        for descriptor, reader in self._readers.items():
            super().set_reader(descriptor, reader)
            super().add_callback_threadsafe(reader)

    def set_reader(self, fd: int, on_readable: Callable[[], None]) -> None:
        """Call a function when something can be read, unless the valve is shut."""
        self._readers[fd] = on_readable
        if not self.is_shut:
            super().set_reader(fd, on_readable)

    def remove_reader(self, fd: int) -> bool:
        """Call it no more."""
        return self._readers.pop(fd, None) is not None and bool(super().remove_reader(fd))

    def add_callback_threadsafe(self, callback: Callable[[], None]) -> None:
        """Call a function soon. Over TLS a reader calls itself so, as long as there is something."""
        if not (self.is_shut and callback in self._readers.values()):
            super().add_callback_threadsafe(callback)
