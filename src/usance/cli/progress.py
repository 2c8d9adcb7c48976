"""Progress, on a terminal only."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from usance.cli.present import printable

Step = Callable[[str, int, int], None]
"""Takes what is being done, and how much of it is done of how much."""


@contextmanager
def progress_on_terminal() -> Iterator[Step | None]:
    """Give a function that shows progress on standard error; None if that is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(file=sys.stderr), transient=True) as bar:
        task = bar.add_task("", total=None)

        def show(what: str, done: int, total: int) -> None:
            bar.update(task, description=Text(printable(what)).markup, completed=done, total=total)

        yield show
