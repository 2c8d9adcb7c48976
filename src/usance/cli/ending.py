"""How a command ends when something is wrong: one line, and a status that says what kind."""

from __future__ import annotations

import gc
import io
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Final, NoReturn

from usance.cli.columns import printable
from usance.model.errors import UsanceError

DEBUG: Final = "usance.debug"
"""The key, in click's context, under which stands whether tracebacks are wanted."""

_INTERRUPTED = 130  # what a shell says of a command that Ctrl-C ended
_READER_GONE = 141  # what a shell says of a command that wrote to a closed pipe


def run_to_end(program: str, body: Callable[[], int], *, debug: Callable[[], bool]) -> int:
    """Run a command and return its exit status.

    An error that the operator can mend is one line on standard error, with a traceback only in
    debug. What is no mistake of the operator's is raised.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names are anybody's, terminals are not
    try:
        status = body()
        sys.stdout.flush()
    except UsanceError as error:
        return _say_error(program, error, debug=debug())
    except KeyboardInterrupt:
        print(f"{program}: interrupted", file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:
        # Python flushes standard output once more at its end: give it something to write to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _READER_GONE
    return status


def wants_debug(arguments: Sequence[str]) -> bool:
    """Say whether a command line, of another program's kind, asks for debug messages; also a wrong one."""
    return bool({"-d", "--debug"} & set(arguments))


def leave(status: int) -> NoReturn:
    """End the process with an exit status.

    Python searches all that is there for reference cycles before it ends; for the libraries that a
    run loads that takes 0.1 s. What had to be closed is closed by now, so nothing is left to search.
    """
    gc.freeze()
    sys.exit(status)


def _say_error(program: str, error: UsanceError, *, debug: bool) -> int:
    """Print an error, then its notes, which say what may have led to it, one line each."""
    if debug:
        traceback.print_exception(error)
    print(f"{program}: {printable(str(error))}", file=sys.stderr)
    if not debug:
        for note in getattr(error, "__notes__", ()):
            print(f"{program}: {printable(note)}", file=sys.stderr)
    return error.exit_status
