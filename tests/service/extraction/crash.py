"""Run a command and kill it with SIGKILL at a named point.

    python crash.py MODULE:QUALNAME before|after COUNT -- COMMAND-MODULE:FUNCTION ARGUMENT...

The program itself knows nothing of this: the function named first is wrapped from outside, and at
its COUNT-th call the process kills itself just before or just after the real call.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import os
import signal
import sys


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def arm(target: str, moment: str, count: int) -> None:
    """Wrap the function so that its count-th call kills the process."""
    module_name, _, qualname = target.partition(":")
    owner = importlib.import_module(module_name)
    *path, name = qualname.split(".")
    for part in path:
        owner = getattr(owner, part)
    real = getattr(owner, name)
    calls = 0

    def counted() -> bool:
        nonlocal calls
        calls += 1
        return calls == count

    @functools.wraps(real)
    def wrapped(*args, **kwargs):
        mine = counted()
        if mine and moment == "before":
            die()
        result = real(*args, **kwargs)
        if mine and moment == "after":
            die()
        return result

    @functools.wraps(real)
    async def wrapped_async(*args, **kwargs):
        mine = counted()
        if mine and moment == "before":
            die()
        result = await real(*args, **kwargs)
        if mine and moment == "after":
            die()
        return result

    setattr(owner, name, wrapped_async if inspect.iscoroutinefunction(real) else wrapped)


def main() -> None:
    target, moment, count, separator, command, *arguments = sys.argv[1:]
    assert separator == "--"
    module_name, _, function = command.partition(":")
    module = importlib.import_module(module_name)
    arm(target, moment, int(count))
    sys.argv = [command, *arguments]
    sys.exit(getattr(module, function)())


if __name__ == "__main__":
    main()
