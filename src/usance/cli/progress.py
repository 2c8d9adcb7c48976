"""Progress, on a terminal only."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from usance.cli.columns import printable

Step = Callable[[str, int, int], None]
"""Takes what is being done, and how much of it is done of how much."""


@contextmanager
def progress_on_terminal() -> Iterator[Step | None]:
    """Give a function that shows progress on standard error; None if that is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    # Not before: rich takes long to load, and a cron job has no terminal.
    from rich.console import Console  # noqa: PLC0415 - as above
    from rich.progress import (  # noqa: PLC0415 - as above
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )
    from rich.text import Text  # noqa: PLC0415 - as above

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(file=sys.stderr), transient=True) as bar:
        task = bar.add_task("", total=None)

        def show(what: str, done: int, total: int) -> None:
            bar.update(task, description=Text(printable(what)).markup, completed=done, total=total)

        yield show
