"""Sending by a STOMP broker (RabbitMQ's plug-in, ActiveMQ): https://stomp.github.io, versions 1.1 and 1.2.

Only what a sender needs: CONNECT, SEND with a receipt, DISCONNECT. stomp.py, the library that SSM
uses, could do that, too. But it verifies brokers against one file of authorities and not against a
directory of the IGTF's, and the certificate of a broker is what most of those verify; it reads
without bounds, in a thread of its own that outlives a broker's silence; and it brings two
more libraries.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Mapping, Sequence
from typing import Final

from usance.config.settings import PublishSettings
from usance.http.errors import one_line
from usance.http.retry import RetryPolicy, pause
from usance.model.errors import ConfigurationError, DeliveryError
from usance.sending.errors import ServiceDownError
from usance.sending.transport import Parcel

LOG = logging.getLogger(__name__)

_LONGEST_LINE: Final = 8192
_MOST_HEADERS: Final = 100
_LARGEST_BODY: Final = 1 << 20
_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\r": "\\r", "\n": "\\n", ":": "\\c"})
_UNESCAPES: Final = {"\\\\": "\\", "\\r": "\r", "\\n": "\n", "\\c": ":"}


class _RefusedError(Exception):
    """The broker sent an ERROR frame."""


class StompTransport:
    """Sends to the first broker that works, and waits for the receipt of each message."""

    batch_size = 1

    def __init__(self, settings: PublishSettings) -> None:
        """Raise ConfigurationError if there is no broker, or if certificates can't be read."""
        if not settings.hosts:
            raise ConfigurationError("host is not set: where is the broker?", hint="write host = <broker>")
        usual = settings.port or (61614 if settings.use_ssl else 61613)
        self._brokers = [
            (name, int(port or usual)) for name, _, port in (one.partition(":") for one in settings.hosts)
        ]
        self.place = "STOMP broker " + " or ".join(f"{name}:{port}" for name, port in self._brokers)
        self._settings = settings
        self._context = _tls_context(settings) if settings.use_ssl else None
        self._policy = RetryPolicy(retries=settings.retries, longest_s=60)
        self._connection: _Connection | None = None
        if self._context is None:
            LOG.warning("use_ssl is off: who listens on the way to the broker reads what is not encrypted")

    def size(self, parcel: Parcel) -> int:
        """Return the bytes of a frame."""
        return len(parcel.wire) + len(parcel.name) * 2 + 1024

    async def send(self, destination: str, parcels: Sequence[Parcel]) -> None:
        """Send each parcel, to another broker where one fails."""
        for parcel in parcels:
            await self._send(destination, parcel)

    async def _send(self, destination: str, parcel: Parcel) -> None:
        failure = ""
        for attempt in range(self._policy.retries + 1):
            if attempt:
                await asyncio.sleep(pause(self._policy, attempt - 1))
            for host, port in self._brokers:
                try:
                    async with asyncio.timeout(self._settings.timeout_s):
                        if self._connection is None:
                            self._connection = await self._connect(host, port)
                        await self._connection.send(destination, parcel)
                except _RefusedError as error:
                    await self._drop()
                    raise DeliveryError(
                        f"the broker refuses messages for {destination}: {error}",
                        hint="see the destination, and what this account may do there",
                    ) from error
                except TimeoutError:
                    failure = f"{host}:{port} did not answer within {self._settings.timeout_s} s"
                except (OSError, EOFError, ValueError, asyncio.LimitOverrunError) as error:
                    failure = f"{host}:{port}: {one_line(str(error)) or type(error).__name__}"
                    if isinstance(error, ssl.SSLCertVerificationError):
                        failure += " (see capath, or cafile)"
                else:
                    LOG.info("Sent %s, with a receipt", parcel.name)
                    return
                LOG.info("%s", failure)
                await self._drop()
        raise ServiceDownError(f"no STOMP broker works: {failure}", hint="the messages wait for the next run")

    async def _connect(self, host: str, port: int) -> _Connection:
        name = host if self._context else None
        streams = await asyncio.open_connection(
            host, port, ssl=self._context, server_hostname=name, limit=_LONGEST_LINE
        )
        connection = _Connection(*streams)
        headers = {"accept-version": "1.1,1.2", "host": self._settings.vhost or host, "heart-beat": "0,0"}
        if self._settings.login is not None:
            headers |= {"login": self._settings.login, "passcode": self._settings.passcode or ""}
        try:
            await connection.open(headers)
        except _RefusedError as error:
            await connection.close()
            raise ServiceDownError(
                f"the broker {host}:{port} does not let us in: {error}",
                hint="see the certificate, or login and passcode, and vhost",
            ) from error
        except BaseException:
            await connection.close()
            raise
        LOG.info("Connected to the broker %s:%d", host, port)
        return connection

    async def _drop(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await connection.close()

    async def aclose(self) -> None:
        """Say goodbye, and close the connection."""
        if self._connection is not None:
            with contextlib.suppress(OSError, EOFError, ValueError, TimeoutError, _RefusedError):
                async with asyncio.timeout(2):
                    await self._connection.disconnect()
        await self._drop()


class _Connection:
    """A connection to one broker."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def open(self, headers: Mapping[str, str]) -> None:
        """Introduce ourselves, and wait for the broker's welcome."""
        # The headers of these two frames know no escapes (STOMP 1.2, "Value Encoding").
        lines = [f"{name}:{value}" for name, value in headers.items()]
        if any("\n" in line or "\r" in line for line in lines):
            raise ValueError("login, passcode and vhost are one line each")
        await self._write("CONNECT", lines)
        command, _ = await self._read()
        if command != "CONNECTED":
            raise ValueError(f"it answered CONNECT with {command[:20]!r}")

    async def send(self, destination: str, parcel: Parcel) -> None:
        """Send one message, and wait until the broker has it."""
        headers = {
            "destination": destination,
            "receipt": parcel.name,
            "empa-id": parcel.name,
            "content-length": str(len(parcel.wire)),
        }
        await self._write("SEND", _lines(headers), parcel.wire)
        await self._await_receipt(parcel.name)

    async def disconnect(self) -> None:
        """End the session, in order."""
        await self._write("DISCONNECT", ["receipt:bye"])
        await self._await_receipt("bye")

    async def _await_receipt(self, receipt: str) -> None:
        while True:
            command, headers = await self._read()
            if command == "RECEIPT" and headers.get("receipt-id") == receipt:
                return

    async def close(self) -> None:
        """Close the connection, whatever state it is in."""
        self._writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(2):
                await self._writer.wait_closed()

    async def _write(self, command: str, lines: Sequence[str], body: bytes = b"") -> None:
        head = "".join(f"{line}\n" for line in (command, *lines))
        self._writer.write(head.encode() + b"\n" + body + b"\0")
        await self._writer.drain()

    async def _read(self) -> tuple[str, dict[str, str]]:
        """Return the next frame, without its body. Raises _RefusedError for an ERROR."""
        command = ""
        while not command:  # line ends between frames are heart-beats
            command = await self._line()
        headers: dict[str, str] = {}
        while line := await self._line():
            name, _, value = line.partition(":")
            headers.setdefault(_unescaped(name), _unescaped(value))
            if len(headers) > _MOST_HEADERS:
                raise ValueError("it sent a frame with too many headers")
        body = await self._body(headers.get("content-length"))
        if command == "ERROR":
            said = headers.get("message") or body.decode("utf-8", "replace")
            raise _RefusedError(one_line(said) or "it does not say why")
        return command, headers

    async def _line(self) -> str:
        line = await self._reader.readuntil(b"\n")
        return line.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", "replace")

    async def _body(self, length: str | None) -> bytes:
        if length is not None:
            if not (length.isascii() and length.isdigit()) or int(length) > _LARGEST_BODY:
                raise ValueError("it sent a frame with an impossible length")
            return (await self._reader.readexactly(int(length) + 1))[:-1]
        return (await self._reader.readuntil(b"\0"))[:-1]


def _lines(headers: Mapping[str, str]) -> list[str]:
    return [f"{name}:{value.translate(_ESCAPES)}" for name, value in headers.items()]


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text
    parts: list[str] = []
    place = 0
    while place < len(text):
        pair = text[place : place + 2]
        known = _UNESCAPES.get(pair)
        parts.append(known if known is not None else text[place])
        place += 2 if known is not None else 1
    return "".join(parts)


def _tls_context(settings: PublishSettings) -> ssl.SSLContext:
    try:
        cafile = str(settings.cafile) if settings.cafile else None
        context = ssl.create_default_context(cafile=cafile)
        if settings.capath is not None and settings.capath.is_dir():
            context.load_verify_locations(capath=str(settings.capath))
        context.load_cert_chain(str(settings.certificate), str(settings.key), password="")  # else it asks
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            f"the certificates for the broker can't be read: {error}",
            hint="see certificate, key, cafile and capath",
        ) from error
    return context
