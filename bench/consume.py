"""The bare way out of a queue: `python -m bench.consume URL QUEUE MESSAGES BATCH`.

Messages are taken and acknowledged, so many at once, and nothing is done with them; twice as many come
ahead, as with a collector. It prints how long that took from the first acknowledgement to the last.
"""

from __future__ import annotations

import asyncio
import sys
import time
from functools import partial
from typing import Any

import msgspec
import pika
from pika.adapters.asyncio_connection import AsyncioConnection
from pika.channel import Channel


class Consumed(msgspec.Struct, frozen=True):
    """How fast it went."""

    messages: int  # after the first acknowledgement
    seconds: float


def main() -> None:
    """Consume, and print."""
    url, queue, messages, batch = sys.argv[1:]
    print(msgspec.json.encode(asyncio.run(consume(url, queue, int(messages), int(batch)))).decode())


async def consume(url: str, queue: str, messages: int, batch: int) -> Consumed:
    """Take so many messages of a queue."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Consumed] = loop.create_future()
    first_s = 0.0
    taken = 0

    def on_message(channel: Channel, method: Any, _properties: Any, _body: bytes) -> None:
        nonlocal first_s, taken
        taken += 1
        if taken % batch == 0 or taken == messages:
            channel.basic_ack(method.delivery_tag, multiple=True)
            first_s = first_s or time.perf_counter()
            if taken == messages:
                done.set_result(Consumed(messages - batch, time.perf_counter() - first_s))

    def on_channel(channel: Channel) -> None:
        channel.basic_qos(prefetch_count=2 * batch)
        channel.basic_consume(queue, on_message)

    def on_error(_: AsyncioConnection, error: BaseException) -> None:
        if not done.done():
            done.set_exception(error)

    connection = AsyncioConnection(
        pika.URLParameters(url),
        on_open_callback=partial(AsyncioConnection.channel, on_open_callback=on_channel),
        on_open_error_callback=on_error,
        on_close_callback=on_error,
    )
    found = await done
    closed = loop.create_future()
    connection.add_on_close_callback(lambda *_: closed.set_result(None))
    connection.close()
    await closed
    return found


if __name__ == "__main__":
    main()
