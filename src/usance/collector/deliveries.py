"""Deliveries, taken out of the stream of frames before pika makes objects of them.

A message comes in three frames (AMQP 0-9-1, 2.3.5 and 4.2): a method (`basic.deliver`), a header, and, unless
the message is empty or very long, one body. pika makes a dozen objects of them and copies what it has
read for each, which is as much work as to understand the message. So these three are read here, and all
other frames, one by one as they came, by pika.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from struct import Struct
from typing import Any, Final

from pika.adapters.asyncio_connection import AsyncioConnection

from usance.collector.valve import Valve

Take = Callable[[int, bool, bytes], None]
"""Takes a message: the tag of its delivery, whether the broker gave it out before, and its body."""

_FRAME: Final = Struct(">BHI")  # its type, its channel, and how many bytes are in it
_METHOD: Final = Struct(">BHII")  # the same, and a method begins with: its class and number
_HEADER: Final = Struct(">BHIHHQ")  # the same, and a header begins with: class, weight, length of the body
_TAG: Final = Struct(">QB")  # of the delivery, and whether it was made before
_START: Final = _FRAME.size
_AROUND: Final = _START + 1  # with the octet that ends a frame

_IS_METHOD, _IS_HEADER, _IS_BODY, _IS_HEARTBEAT = 1, 2, 3, 8
_DELIVER: Final = 60 << 16 | 60
_END: Final = 0xCE

_NEWS_S: Final = 1.0  # pika looks for news of the broker every seven seconds, or less often

_NOT_PLAIN: Final = -1
_NOT_WHOLE: Final = -2


class Deliveries:
    """Cuts a stream: plain messages of some consumers go to who takes them, everything else as it came."""

    def __init__(self, others: Callable[[bytes], object]) -> None:
        self.takers: dict[tuple[int, bytes], Take] = {}
        """Who takes the messages of a consumer, by the number of its channel and its tag."""
        self._others = others
        self._rest = b""

    def read(self, data: bytes) -> int:
        """Read what came; what is not whole yet waits. Return how many bytes messages had."""
        if self._rest:
            data = self._rest + data
        self._rest = b""  # should a taker raise, the stream is over
        place = taken = 0
        while len(data) - place >= _AROUND:
            end = self._message(data, place)
            if end == _NOT_PLAIN:
                end = _end_of_frame(data, place)
                if end > len(data):
                    break
                self._others(data[place:end])
            elif end == _NOT_WHOLE:
                break
            else:
                taken += end - place
            place = end
        self._rest = data[place:]
        return taken

    def _message(self, data: bytes, place: int) -> int:
        """Hand on the message that begins at a place, and return where it ends, if it is a plain one."""
        if data[place] != _IS_METHOD or len(data) - place < _METHOD.size + 1:
            return _NOT_PLAIN
        _, channel, size, method = _METHOD.unpack_from(data, place)
        if method != _DELIVER:
            return _NOT_PLAIN
        header = place + _AROUND + size
        body, end = _content(data, header, channel)
        if end < 0:
            return end
        tag = place + _METHOD.size + 1
        fields = tag + data[tag - 1]
        take = self.takers.get((channel, data[tag:fields]))
        if take is None or not data[header - 1] == data[body - 1] == data[end - 1] == _END:
            return _NOT_PLAIN
        number, is_repeated = _TAG.unpack_from(data, fields)
        take(number, bool(is_repeated & 1), data[body + _START : end - 1])
        return end


def _content(data: bytes, header: int, channel: int) -> tuple[int, int]:
    """Return where the only body of a message begins and ends, given where the header begins."""
    if len(data) - header < _HEADER.size:
        return header, _NOT_WHOLE
    kind, its_channel, size, _, _, length = _HEADER.unpack_from(data, header)
    if kind != _IS_HEADER or its_channel != channel:
        return header, _NOT_PLAIN
    body = header + _AROUND + size
    if len(data) - body < _START:
        return body, _NOT_WHOLE if length else _NOT_PLAIN
    if not length or _FRAME.unpack_from(data, body) != (_IS_BODY, channel, length):
        return body, _NOT_PLAIN
    end = body + _AROUND + length
    return body, end if end <= len(data) else _NOT_WHOLE


def _end_of_frame(data: bytes, place: int) -> int:
    """Return where a frame ends; what is none (the greeting of another protocol) has no end of its own."""
    kind, _, size = _FRAME.unpack_from(data, place)
    if kind not in (_IS_METHOD, _IS_HEADER, _IS_BODY, _IS_HEARTBEAT):
        return len(data)
    return place + _AROUND + int(size)


class DeliveringConnection(AsyncioConnection):  # type: ignore[misc]  # pika tells no types
    """pika's connection, whose messages go the short way; pika's own gives those that are not plain."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.deliveries = Deliveries(super()._on_data_available)
        self._valve = Valve()
        self._news: asyncio.TimerHandle | None = None
        super().__init__(*arguments, custom_ioloop=self._valve, **options)

    @property
    def is_held(self) -> bool:
        """Whether nothing is read at present."""
        return self._valve.is_shut

    def hold(self) -> None:
        """Read nothing until :meth:`go_on`. The broker is not taken for dead meanwhile."""
        if not self.is_held:
            self._valve.shut()
            self._vouch()

    def go_on(self) -> None:
        """Read again."""
        if self._news is not None:
            self._news.cancel()
        if self.is_held:
            self._valve.open()

    def _vouch(self) -> None:
        """Let pika believe that the broker lives: it goes by what was received."""
        self.bytes_received += 1
        self._news = None if self.is_closed else asyncio.get_running_loop().call_later(_NEWS_S, self._vouch)

    def _on_data_available(self, data_in: bytes) -> None:
        """Read what came from the broker; pika's adapters call this."""
        self.bytes_received += self.deliveries.read(data_in)
