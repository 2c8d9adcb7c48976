"""Timing small things: ours and a limit in turn, so that what disturbs one disturbs both."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable


def paired(
    ours: Callable[[], object], limit: Callable[[], object], repetitions: int
) -> list[tuple[float, float]]:
    """Run both in turn, so often, and return the seconds of each pair. One pair goes before, for warmth."""
    pairs = [(_time(ours), _time(limit)) for _ in range(repetitions + 1)]
    return pairs[1:]


def often(call: Callable[[], object], for_s: float = 0.2) -> Callable[[], None]:
    """Return a call that does it so often that the clock's grain doesn't matter."""
    begin = time.perf_counter()
    call()
    once = max(time.perf_counter() - begin, 1e-7)
    times = max(int(for_s / once), 1)

    def repeated() -> None:
        for _ in range(times):
            call()

    repeated.times = times
    return repeated


def _time(call: Callable[[], object]) -> float:
    gc.collect()
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin
