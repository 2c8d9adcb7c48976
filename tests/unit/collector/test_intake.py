"""When what came makes a batch, and how large one becomes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from usance.collector.delivery import Delivery
from usance.collector.intake import Intake

MIB = 1024 * 1024


@dataclass
class Alive:
    """What an intake asks of a line, and tells it: whether it is lost, and whether to read on."""

    lost: asyncio.Future[str]
    is_held: bool = False

    def hold(self) -> None:
        self.is_held = True

    def go_on(self) -> None:
        self.is_held = False


def delivery(tag: int, size: int) -> Delivery:
    return Delivery(tag, "q", b"x" * size, size, "", is_repeated=False)


def batches(sizes: list[int], *, most: int) -> list[list[int]]:
    """Return the tags in the batches of what came while nothing could be written."""

    async def run() -> list[list[int]]:
        intake = Intake(Alive(asyncio.get_running_loop().create_future()), size=most, wait_s=0.01)
        for tag, size in enumerate(sizes, 1):
            intake.take(delivery(tag, size))
        intake.finish()
        found = []
        while batch := await intake.batch():
            found.append([one.tag for one in batch])
        return found

    return asyncio.run(run())


def test_a_batch_has_no_more_messages_than_asked_for():
    assert batches([10] * 7, most=3) == [[1, 2, 3], [4, 5, 6], [7]]


def test_what_piled_up_is_not_written_at_once_where_it_is_large():
    """A thousand messages of a megabyte are no transaction."""
    found = batches([MIB] * 40, most=1000)

    assert found == [list(range(1, 17)), list(range(17, 33)), list(range(33, 41))]


def test_a_message_that_is_too_much_alone_still_comes():
    assert batches([20 * MIB, 20 * MIB, 1], most=10) == [[1], [2], [3]]


def test_nothing_more_is_read_while_there_is_enough_for_several_batches():
    async def run() -> list[bool]:
        line = Alive(asyncio.get_running_loop().create_future())
        intake = Intake(line, size=1000, wait_s=0.01)
        seen = []
        for tag in range(1, 81):
            intake.take(delivery(tag, MIB))
            seen.append(line.is_held)
        for _ in range(3):
            await intake.batch()
            seen.append(line.is_held)
        return seen

    assert asyncio.run(run()) == [False] * 63 + [True] * 17 + [True, True, False]


def test_nothing_more_is_read_to_the_end():
    """Whoever goes writes what he has; what comes after that is for who is there then."""

    async def run() -> list[bool]:
        line = Alive(asyncio.get_running_loop().create_future())
        intake = Intake(line, size=1000, wait_s=0.01)
        for tag in range(1, 81):
            intake.take(delivery(tag, MIB))
        intake.finish()
        return [line.is_held for _ in range(6) if await intake.batch() is not None]

    assert asyncio.run(run()) == [True] * 6
