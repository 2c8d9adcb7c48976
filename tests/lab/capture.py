"""The services' own account of what happened: their notifications, copied from the bus."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Self

import pika

from lab.notifications import Notification, unwrap

NOTIFICATIONS = ("notifications.*", "versioned_notifications.*")


@dataclass
class Capture:
    """A queue of our own, bound to the services' exchanges: what other consumers read is not touched."""

    amqp_url: str
    exchanges: tuple[str, ...] = ("nova",)
    messages: list[Notification] = field(default_factory=list)
    trouble: list[BaseException] = field(default_factory=list)
    _ready: threading.Event = field(default_factory=threading.Event)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        """Bind, then collect in a thread of its own."""
        self._thread = threading.Thread(target=self._collect, daemon=True)
        self._thread.start()
        assert self._ready.wait(30), f"no capture: {self.trouble}"
        return self

    def __exit__(self, *_: object) -> None:
        """Stop collecting."""
        self._stop.set()
        assert self._thread is not None
        self._thread.join(30)
        assert not self.trouble, f"the capture ended early: {self.trouble}"

    def has(self, server_id: str, event_type: str) -> bool:
        """Say whether a notification about a server has come."""
        return any(
            message.event_type == event_type and message.payload.get("uuid") == server_id
            for message in tuple(self.messages)
        )

    def _collect(self) -> None:
        try:
            with pika.BlockingConnection(pika.URLParameters(self.amqp_url)) as connection:
                channel = connection.channel()
                queue = channel.queue_declare("", exclusive=True, auto_delete=True).method.queue
                for exchange in self.exchanges:
                    channel.exchange_declare(exchange, exchange_type="topic", durable=False)
                    for key in NOTIFICATIONS:
                        channel.queue_bind(queue, exchange, routing_key=key)
                self._ready.set()
                for method, _, body in channel.consume(queue, inactivity_timeout=0.2):
                    if method is not None:
                        self.messages.append(unwrap(body))
                        channel.basic_ack(method.delivery_tag)
                    elif self._stop.is_set():
                        break
        except BaseException as error:  # noqa: BLE001 - shown by the thread that waits for us
            self.trouble.append(error)
