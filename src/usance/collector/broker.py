"""One connection to a RabbitMQ: what we ask of it, as coroutines, and the messages that it gives.

pika speaks AMQP 0-9-1 with callbacks; here they become awaits. Whatever goes wrong with the broker is a
:class:`BrokerError`. After one the line is dead, and whoever has it makes a new one.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import os
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Final

import pika
from pika.channel import Channel
from pika.exceptions import (
    AMQPError,
    ChannelClosedByBroker,
    ProbableAccessDeniedError,
    ProbableAuthenticationError,
)

from usance.collector.deliveries import DeliveringConnection
from usance.collector.delivery import Delivery
from usance.config.settings import BrokerHost
from usance.model.errors import UsanceError

ANSWER_S: Final = 30
"""Seconds within which a broker answers, or is taken for dead."""

_SOCKET_S: Final = 10
_NOT_FOUND, _REFUSED, _OTHERWISE_MADE = 404, 403, 406  # reply codes (AMQP 0-9-1, 1.2)
_OWN_DELIVERY_LIMIT: Final = (4,)  # from this version on a quorum queue drops what it gave out 20 times

# It logs each step of each attempt; what matters is said once, by whoever asked for it.
logging.getLogger("pika").setLevel(logging.CRITICAL)


class BrokerError(UsanceError):
    """The broker can't be reached, went away, or does not do what it was asked."""


class RefusedError(BrokerError):
    """The broker lets us not in, or not into the virtual host."""


class Line:
    """A connection with one channel for deliveries. Make one with :meth:`open`."""

    def __init__(self, connection: DeliveringConnection, place: str) -> None:
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self.place = place
        self.lost: asyncio.Future[str] = self._loop.create_future()
        """Why the line is dead, once it is."""
        self._channel: _Channel | None = None
        self._tags: list[str] = []
        self._is_leaving = False
        self._closed = asyncio.Event()
        connection.add_on_close_callback(self._on_closed)

    @classmethod
    async def open(
        cls, host: BrokerHost, virtual_host: str, context: ssl.SSLContext | None, *, heartbeat_s: int
    ) -> Line:
        """Connect to a host. Raises BrokerError; a RefusedError if it knows us not."""
        parameters = pika.ConnectionParameters(
            host=host.host,
            port=host.port,
            virtual_host=virtual_host,
            credentials=pika.PlainCredentials(host.user, host.password, erase_on_connect=True),
            heartbeat=heartbeat_s,
            ssl_options=pika.SSLOptions(context, host.host) if context else None,
            socket_timeout=_SOCKET_S,
            stack_timeout=ANSWER_S,
            connection_attempts=1,
            client_properties={"connection_name": f"usance collect, {socket.gethostname()}, {os.getpid()}"},
        )
        opened: asyncio.Future[DeliveringConnection] = asyncio.get_running_loop().create_future()

        def on_error(_: DeliveringConnection, error: BaseException) -> None:
            if not opened.done():
                opened.set_exception(_explained(error, host))

        try:
            connection = DeliveringConnection(parameters, _first(opened), on_error)
        except (AMQPError, OSError, ValueError) as error:
            raise _explained(error, host) from error
        try:
            async with asyncio.timeout(2 * ANSWER_S):
                await opened
        except TimeoutError:
            _close(connection)
            raise BrokerError(f"{host} does not answer") from None
        except asyncio.CancelledError:
            _close(connection)
            raise
        return cls(connection, repr(host))

    @property
    def version(self) -> tuple[int, ...]:
        """The version of the broker, as far as it says; empty if it doesn't."""
        text = str((self._connection.server_properties or {}).get("version", ""))
        parts = text.split(".")[:3]
        return tuple(int(one) for one in parts) if all(one.isdigit() for one in parts) else ()

    # --- queues and exchanges ----------------------------------------------------------------

    async def depth(self, queue: str) -> int | None:
        """Return how many messages wait in a queue; None if there is no such queue."""
        answer = await self._unless_missing("queue_declare", queue=queue, passive=True)
        return None if answer is None else int(answer.method.message_count)

    async def make_queue(self, queue: str, *, quorum: bool, durable: bool) -> None:
        """Make a queue that is missing. One that somebody else made meanwhile, in another way, is fine."""
        arguments: dict[str, Any] = {}
        if quorum:
            arguments["x-queue-type"] = "quorum"
            if self.version >= _OWN_DELIVERY_LIMIT:
                arguments["x-delivery-limit"] = -1
        try:
            async with self._side_channel() as channel:
                await channel.ask(
                    "queue_declare", queue=queue, durable=durable or quorum, arguments=arguments
                )
        except ChannelClosedByBroker as error:
            if error.reply_code != _OTHERWISE_MADE:
                raise _unwilling(error) from error

    async def has_exchange(self, exchange: str) -> bool:
        """Say whether an exchange exists, of whatever kind."""
        return await self._unless_missing("exchange_declare", exchange=exchange, passive=True) is not None

    async def bind(self, queue: str, exchange: str, key: str) -> None:
        """Let a queue have what an exchange gets. Raises BrokerError, but the line lives on."""
        try:
            async with self._side_channel() as channel:
                await channel.ask("queue_bind", queue=queue, exchange=exchange, routing_key=key)
        except ChannelClosedByBroker as error:
            raise _unwilling(error) from error

    async def _unless_missing(self, method: str, **arguments: Any) -> Any:
        """Ask for what may be missing: then the broker closes the channel."""
        try:
            async with self._side_channel() as channel:
                return await channel.ask(method, **arguments)
        except ChannelClosedByBroker as error:
            if error.reply_code == _NOT_FOUND:
                return None
            raise _unwilling(error) from error

    # --- messages ----------------------------------------------------------------------------

    async def consume(
        self, queue: str, *, prefetch: int, largest: int, kept: int, take: Callable[[Delivery], None]
    ) -> None:
        """Let the broker give us what is in a queue, *prefetch* messages ahead, each to *take*.

        Of a body larger than *largest* bytes only the first *kept* are handed on. If the broker stops
        giving (the queue was deleted, its node fell out), the line is lost.
        """
        if self._channel is None:
            self._channel = await _Channel.open(self._connection)
            self._channel.on_close(lambda reason: self._lose(_sentence(reason)))
            self._channel.raw.add_on_cancel_callback(lambda _: self._lose("the queue went away"))

        def taker(number: int, is_repeated: bool, body: bytes) -> None:
            if self._is_leaving:
                return
            size, digest = len(body), ""
            if size > largest:
                digest, body = hashlib.sha256(body).hexdigest(), body[:kept]
            take(Delivery(number, queue, body, size, digest, is_repeated))

        def on_message(_: Channel, method: Any, _properties: Any, body: bytes) -> None:
            taker(method.delivery_tag, method.redelivered, body)

        try:
            await self._channel.ask("basic_qos", prefetch_count=prefetch)
            tag = f"usance-{len(self._tags)}-{os.getpid()}"
            self._connection.deliveries.takers[self._channel.raw.channel_number, tag.encode()] = taker
            await self._channel.ask(
                "basic_consume", queue=queue, on_message_callback=on_message, consumer_tag=tag
            )
            self._tags.append(tag)
        except ChannelClosedByBroker as error:
            raise _unwilling(error) from error

    def acknowledge(self, tag: int) -> None:
        """Tell the broker that it may forget this message and all that it gave us before it.

        On a line that is lost this does nothing: the broker gives them out again.
        """
        if self._channel is not None and self._channel.raw.is_open:
            self._channel.raw.basic_ack(tag, multiple=True)

    @property
    def is_held(self) -> bool:
        """Whether nothing is read from the broker at present."""
        return self._connection.is_held

    def hold(self) -> None:
        """Take no more messages until :meth:`go_on`: they wait at the broker, and on the way."""
        self._connection.hold()

    def go_on(self) -> None:
        """Take messages again."""
        self._connection.go_on()

    async def stop_consuming(self) -> None:
        """Let no more messages come; what came, also while we say so, may still be acknowledged.

        Only what goes by pika's way meanwhile (see `deliveries`) is given back, and then out again. Where
        nothing is read, nothing comes, and no answer would.
        """
        if self.is_held:
            return
        tags, self._tags = self._tags, []
        for tag in tags:
            if self._channel is not None and self._channel.raw.is_open:
                await self._channel.ask("basic_cancel", consumer_tag=tag)

    async def close(self) -> None:
        """Say goodbye, and wait until what was acknowledged has been sent. Never raises BrokerError."""
        self._is_leaving = True
        self.go_on()  # to hear the answer; what else comes is given out again
        _close(self._connection)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._closed.wait(), _SOCKET_S)

    # --- what all of it needs ----------------------------------------------------------------

    def _on_closed(self, _: DeliveringConnection, reason: BaseException) -> None:
        self._closed.set()
        self._lose(_sentence(reason))

    def _lose(self, reason: str) -> None:
        if not self.lost.done():
            self.lost.set_result(reason)
            _close(self._connection)

    @contextlib.asynccontextmanager
    async def _side_channel(self) -> AsyncIterator[_Channel]:
        """Open a channel for one question: what the broker refuses costs the channel."""
        channel = await _Channel.open(self._connection)
        try:
            yield channel
        finally:
            channel.close()


class _Channel:
    """A channel, and the answers to what is asked on it."""

    def __init__(self, raw: Channel) -> None:
        self.raw = raw
        self._closed: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
        raw.add_on_close_callback(self._on_closed)

    def _on_closed(self, _: Channel, reason: BaseException) -> None:
        if not self._closed.done():
            self._closed.set_result(reason)

    @classmethod
    async def open(cls, connection: DeliveringConnection) -> _Channel:
        opened: asyncio.Future[Channel] = asyncio.get_running_loop().create_future()
        try:
            raw = connection.channel(on_open_callback=_first(opened))
        except AMQPError as error:
            raise BrokerError(_sentence(error)) from error
        channel = cls(raw)
        await channel.answer(opened)
        return channel

    async def ask(self, method: str, **arguments: Any) -> Any:
        """Call a method of the channel and return the answer.

        Raises ChannelClosedByBroker if the broker refuses, BrokerError if it is gone.
        """
        answered: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        try:
            getattr(self.raw, method)(**arguments, callback=_first(answered))
        except AMQPError as error:
            raise BrokerError(_sentence(error)) from error
        return await self.answer(answered)

    async def answer(self, expected: asyncio.Future[Any]) -> Any:
        await asyncio.wait({expected, self._closed}, timeout=ANSWER_S, return_when=asyncio.FIRST_COMPLETED)
        if expected.done():
            return expected.result()
        if not self._closed.done():
            raise BrokerError(f"the broker did not answer within {ANSWER_S} s")
        reason = self._closed.result()
        if isinstance(reason, ChannelClosedByBroker):
            raise reason
        raise BrokerError(_sentence(reason)) from reason

    def on_close(self, call: Callable[[BaseException], None]) -> None:
        self._closed.add_done_callback(lambda closed: call(closed.result()))

    def close(self) -> None:
        if self.raw.is_open:
            self.raw.close()


def _first(expected: asyncio.Future[Any]) -> Callable[[Any], None]:
    """Return a callback that makes its argument the result; who gave up meanwhile is not asked."""

    def call(result: Any) -> None:
        if not expected.done():
            expected.set_result(result)

    return call


def _close(connection: DeliveringConnection) -> None:
    if not (connection.is_closed or connection.is_closing):
        try:
            connection.close()
        except AMQPError:  # it closed itself meanwhile
            return


def _innermost(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what led to it: pika wraps the one in the other."""
    yield error
    inner = [*getattr(error, "exceptions", ()), getattr(error, "exception", None), *error.args]
    for one in inner:
        if isinstance(one, BaseException) and one is not error:
            yield from _innermost(one)


def _explained(error: BaseException, host: BrokerHost) -> BrokerError:
    """Return what to tell of a connection that did not come about."""
    chain = list(_innermost(error))
    for one in chain:
        if isinstance(one, ProbableAuthenticationError):
            return RefusedError(
                f"{host} does not accept the user or the password",
                hint="see transport_url in [collector]",
            )
        if isinstance(one, ProbableAccessDeniedError) or getattr(one, "reply_code", 0) in {_REFUSED, 530}:
            return RefusedError(
                f"{host} does not let us into the virtual host: {_sentence(one)}",
                hint="see transport_url in [collector], and rabbitmqctl set_permissions",
            )
    return BrokerError(f"{host} can't be reached: {_sentence(chain[-1])}")


def _unwilling(error: ChannelClosedByBroker) -> BrokerError:
    return BrokerError(f"the broker refuses: {_sentence(error)}")


def _sentence(error: BaseException) -> str:
    text = str(getattr(error, "reply_text", "") or "") or str(error) or type(error).__name__
    return " ".join(text.split())[:200]
