"""The messenger `logstash`: records as JSON lines over TCP, as Logstash's codec `json_lines` reads them.

TCP acknowledges nothing to who writes. So each message has a connection of its own, whose writing side
is closed behind it, and it is delivered once the receiver has closed the other side: a receiver that has
not read everything resets the connection instead. Each line carries `record_id`: a later line with the
same one takes its place.

Records are cumulative and would change with each run. What is told here ends with a UTC day, unless
configured otherwise, so that a server that runs is told once a day however often Usance does.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar, Final

from usance.config.settings import MessengerSettings
from usance.http.client import Tls
from usance.http.errors import one_line
from usance.ledger.values import Message
from usance.messengers.options import carried_types, choice, positive_integer
from usance.model.errors import DeliveryError

DEFAULT_PORT: Final = 5000
INTERVALS: Final = ("day", "run")
_TRUE: Final = ("false", "true")


class LogstashMessenger:
    """Writes to `host` and `port`, by `tls` if so configured; waits `timeout` seconds for each step."""

    formats: ClassVar[Mapping[str, str]] = {
        "cloud": "cloud-json",
        "ip": "ip-json",
        "accelerator": "accelerator-json",
        "storage": "storage-json",
    }

    def __init__(self, settings: MessengerSettings) -> None:
        self.name = "logstash"
        self.record_types = carried_types(settings, self.formats.keys())
        self.max_records = positive_integer(settings, "max_size", 1000)
        self.max_bytes = 4 * 1024 * 1024
        self._host = settings.options.get("host", "").strip() or "localhost"
        self._port = positive_integer(settings, "port", DEFAULT_PORT, 65535)
        self._timeout_s = positive_integer(settings, "timeout", 30, 86400)
        self._daily = choice(settings, "interval", INTERVALS) == "day"
        self._context = self._tls(settings) if self._is_true(settings, "tls") else None

    @staticmethod
    def _is_true(settings: MessengerSettings, option: str) -> bool:
        lowered = {option: settings.options.get(option, "").lower()}
        return choice(MessengerSettings(settings.name, lowered), option, _TRUE) == "true"

    def _tls(self, settings: MessengerSettings) -> ssl.SSLContext:
        return Tls(
            cafile=settings.options.get("cafile") or None,
            certfile=settings.options.get("certfile") or None,
            keyfile=settings.options.get("keyfile") or None,
            insecure=self._is_true(settings, "insecure"),
        ).context()

    def counted_until(self, until: datetime) -> datetime:
        """Return up to when is told: the end of the last whole day, unless each run is told."""
        return until.replace(hour=0, minute=0, second=0, microsecond=0) if self._daily else until

    def send(self, message: Message) -> None:
        """Write the message's lines, and wait until the receiver has read them."""
        try:
            with self._connected() as connection:
                connection.sendall(message.body)
                _wait_for_the_end(connection, time.monotonic() + self._timeout_s)
        except TimeoutError as error:
            raise DeliveryError(
                f"Logstash at {self._host}:{self._port} did not take everything within {self._timeout_s} s",
                hint="see whether its pipeline is blocked, and whether the codec is json_lines",
            ) from error
        except (OSError, UnicodeError) as error:  # the latter: a host that can be no name
            raise DeliveryError(
                f"Logstash at {self._host}:{self._port} took no message: {one_line(str(error))}",
                hint="see [logstash] host, port and tls, and Logstash's log",
            ) from error

    def _connected(self) -> socket.socket:
        plain = socket.create_connection((self._host, self._port), timeout=self._timeout_s)
        if self._context is None:
            return plain
        try:
            return self._context.wrap_socket(plain, server_hostname=self._host)
        except BaseException:
            plain.close()
            raise


def _wait_for_the_end(connection: socket.socket, until_s: float) -> None:
    """Close the writing side, and wait until the other side has read all of it and closes, too.

    What it says meanwhile does not count. Raises TimeoutError if it is still there at *until_s*, by the
    monotonic clock.
    """
    if isinstance(connection, ssl.SSLSocket):
        try:
            connection = connection.unwrap()
        except ssl.SSLEOFError:
            return  # closed without a farewell, as many servers do, and not reset
    with connection:
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(4096):
            if time.monotonic() > until_s:
                raise TimeoutError
