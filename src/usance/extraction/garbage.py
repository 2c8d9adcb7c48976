"""Python's search for reference cycles, kept from running all the time while values are made.

And while libraries are imported, which make functions, classes and types that stay: a search
among them finds nothing, and at Python's own pace a twentieth of the time goes into it.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_YOUNG = 200_000  # allocations between two searches: next to none in an hourly run, imports and all


@contextmanager
def collected_rarely() -> Iterator[None]:
    """Search for reference cycles rarely, and never in what was there before.

    A run makes millions of small frozen values, which are freed as soon as nobody holds them, and
    next to no cycles; so does a collector. Memory stays bounded by the pages and chunks that the run
    works on, or by the batches that the collector does.
    """
    thresholds = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(_YOUNG, 20, 50)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()
