"""Asking several questions at once; the client's limiter decides how many are under way."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from typing import Final, TypeVar

from usance.model.errors import UsanceError, first_of

T = TypeVar("T")

SLICE: Final = 200
"""So many changed resources are looked into, and handed over, at once."""


def sliced(several: Sequence[T]) -> Iterable[Sequence[T]]:
    """Cut what is to be looked into, so that little is lost when something fails."""
    return (several[start : start + SLICE] for start in range(0, len(several), SLICE))


async def side_by_side(questions: Iterable[Coroutine[None, None, T]]) -> list[T]:
    """Return all answers in order; the first that fails stops the others, and is raised as it is."""
    try:
        async with asyncio.TaskGroup() as tasks:
            asked = [tasks.create_task(one) for one in questions]
    except* UsanceError as group:
        raise first_of(group) from group
    return [task.result() for task in asked]
