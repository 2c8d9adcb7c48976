"""From letters to parcels, and on their way: ASCII, sealed, split by their size on the wire, in batches."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from typing import Final

import msgspec

from usance.model.errors import DeliveryError
from usance.sending.errors import RefusedMessageError, TooLargeError
from usance.sending.parts import Letter, halves, in_ascii
from usance.sending.smime import Sealer
from usance.sending.transport import Parcel, Transport, wire_name

LOG = logging.getLogger(__name__)

MOST_REFUSALS: Final = 10
"""So many messages refused one after the other, and none taken, are no fault of the messages."""

_FRAME_BYTES: Final = 64  # of a request, beside its parcels
_DEEPEST: Final = 24  # halvings of one message


class Refusal(msgspec.Struct, frozen=True):
    """A message, or a part of one, that can never go, and why."""

    letter: Letter
    reason: str
    by_service: bool = False  # not by ourselves


class Prepared(msgspec.Struct, frozen=True):
    """A letter as it would go out: in so many parcels, less what can't go."""

    letter: Letter
    parts: tuple[tuple[Letter, Parcel], ...]
    refused: tuple[Refusal, ...] = ()


class Settled(msgspec.Struct, frozen=True):
    """A letter of which all has been taken, but for what is refused."""

    letter: Letter
    parcels: int  # that the service took
    refused: tuple[Refusal, ...]


class Courier:
    """Takes letters to a service. What it yields as settled, the service has acknowledged."""

    def __init__(self, sealer: Sealer, transport: Transport, max_bytes: int) -> None:
        self._sealer = sealer
        self._transport = transport
        self._max_bytes = max_bytes - _FRAME_BYTES
        self._in_a_row: dict[str, int] = {}  # refusals since the last message that was taken, by destination

    def prepare(self, letter: Letter) -> Prepared:
        """Return a letter sealed, in as many parts as the size of a request demands."""
        if not letter.body.strip():
            return Prepared(letter, (), (Refusal(letter, "it is empty"),))
        body = in_ascii(letter.body)
        if body is None:
            return Prepared(letter, (), (Refusal(letter, _foreign(letter.body)),))
        parts: list[tuple[Letter, Parcel]] = []
        refused: list[Refusal] = []
        waiting = [msgspec.structs.replace(letter, body=body)]
        while waiting:
            one = waiting.pop(0)
            parcel = self._sealed(one)
            size = self._transport.size(parcel)
            if size <= self._max_bytes:
                parts.append((one, parcel))
            elif cut := _halves(one):
                waiting[:0] = cut
            else:
                refused.append(
                    Refusal(one, f"one record makes {size} bytes on the wire, and {self._max_bytes} go")
                )
        return Prepared(letter, tuple(parts), tuple(refused))

    def _sealed(self, letter: Letter) -> Parcel:
        return Parcel(wire_name(letter.name), self._sealer.seal(letter.body))

    async def deliver(self, letters: Iterable[Letter], destination: str) -> AsyncGenerator[Settled, None]:
        """Send letters in their order, and yield each once it is settled.

        *letters* are taken in another thread, while earlier ones are under way. Raises
        DeliveryError if it can't go on; what was not yielded by then has to be sent again.
        """
        groups = self._groups(letters)
        upcoming = _next(groups)
        try:
            while (group := await upcoming) is not None:
                in_a_row = self._in_a_row.get(destination, 0)
                if in_a_row >= MOST_REFUSALS:
                    raise DeliveryError(
                        f"{in_a_row} messages one after the other were refused, so no more are tried",
                        hint="they are put aside; if the fault is not theirs, send them again",
                    )
                upcoming = _next(groups)
                async for settled in self._send(group, destination):
                    refused = any(one.by_service for one in settled.refused)
                    in_a_row = 0 if settled.parcels else in_a_row + refused
                    self._in_a_row[destination] = in_a_row
                    yield settled
        finally:
            # It may be reading a letter; what goes wrong in it then concerns nobody any more.
            await asyncio.gather(upcoming, return_exceptions=True)

    def _groups(self, letters: Iterable[Letter]) -> Iterator[list[Prepared]]:
        """Yield letters that go in one request; one that goes in several, or not, is alone."""
        group: list[Prepared] = []
        size = 0
        for letter in letters:
            one = self.prepare(letter)
            alone = len(one.parts) != 1 or bool(one.refused)
            more = 0 if alone else self._transport.size(one.parts[0][1])
            if group and (alone or len(group) >= self._transport.batch_size or size + more > self._max_bytes):
                yield group
                group, size = [], 0
            if alone:
                yield [one]
            else:
                group.append(one)
                size += more
        if group:
            yield group

    async def _send(self, group: Sequence[Prepared], destination: str) -> AsyncGenerator[Settled, None]:
        if len(group) > 1:
            parcels = [parcel for one in group for _, parcel in one.parts]
            try:
                await self._transport.send(destination, parcels)
            except RefusedMessageError as error:
                # One of them, or their number: each alone will tell.
                LOG.info("%s; its %d messages are sent one by one", error.message, len(group))
            else:
                for one in group:
                    yield Settled(one.letter, 1, ())
                return
        for one in group:
            yield await self._send_alone(one, destination)

    async def _send_alone(self, prepared: Prepared, destination: str) -> Settled:
        taken = 0
        refused = list(prepared.refused)
        waiting = list(prepared.parts)
        while waiting:
            letter, parcel = waiting.pop(0)
            try:
                await self._transport.send(destination, [parcel])
            except TooLargeError as error:
                # The service takes less than we were told.
                cut = _halves(letter)
                if cut is None:
                    refused.append(Refusal(letter, error.message, by_service=True))
                else:
                    waiting[:0] = [(part, self._sealed(part)) for part in cut]
            except RefusedMessageError as error:
                refused.append(Refusal(letter, error.message, by_service=True))
            else:
                taken += 1
        return Settled(prepared.letter, taken, tuple(refused))


def _next(groups: Iterator[list[Prepared]]) -> asyncio.Task[list[Prepared] | None]:
    return asyncio.create_task(asyncio.to_thread(next, groups, None))


def _halves(letter: Letter) -> tuple[Letter, Letter] | None:
    too_deep = len(letter.name.rpartition("-")[2]) > _DEEPEST and "-" in letter.name
    return None if too_deep else halves(letter)


def _foreign(body: bytes) -> str:
    """Say where a message is not ASCII."""
    place = next(number for number, byte in enumerate(body) if byte > 127)
    line = body.count(b"\n", 0, place) + 1
    key = body[body.rfind(b"\n", 0, place) + 1 : place].partition(b":")[0][:40].decode("ascii", "replace")
    return f"it is not ASCII, which the receiver demands: line {line} ({key})"
