"""Looking again, once, where a look did not show everything."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable

from usance.model.errors import DoubtfulLookError
from usance.model.observation import Batch

LOG = logging.getLogger(__name__)


async def look_twice(
    look: Callable[[bool], AsyncIterator[tuple[str, Batch]]],
) -> AsyncIterator[tuple[str, Batch]]:
    """Yield what a look yields; one that turns out doubtful is repeated, and told that it is.

    Raises what the look raises; DoubtfulLookError only if it is doubtful again.
    """
    try:
        async for pair in look(False):
            yield pair
    except DoubtfulLookError as error:
        LOG.warning("%s; looking again", error)
    else:
        return
    async for pair in look(True):
        yield pair
