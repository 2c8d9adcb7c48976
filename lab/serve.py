"""Serve one OpenStack API on loopback: `python serve.py MODULE PORT PROCESSES [ARGUMENT...]`.

Runs with the Python of the lab's virtual environment. The services read sys.argv when they
are loaded, so that a server with arguments of its own (the gunicorn command) would mislead them;
what follows PROCESSES is for the service.
"""

import sys
from importlib import import_module
from typing import Any

from gunicorn.app.base import BaseApplication


class Api(BaseApplication):
    """An API that is loaded in each of its worker processes."""

    def __init__(self, module: str, port: str, processes: str) -> None:
        self.module = module
        self.options = {
            "bind": f"127.0.0.1:{port}",
            "workers": int(processes),
            "worker_class": "gthread",
            "threads": 4,
            "timeout": 180,
            "graceful_timeout": 2,
            "proc_name": module,
        }
        super().__init__()

    def load_config(self) -> None:
        """Take the options over."""
        for name, value in self.options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """Load the service, in the process that serves it."""
        return import_module(self.module).application


if __name__ == "__main__":
    module, port, processes, *rest = sys.argv[1:]
    sys.argv = [sys.argv[0], *rest]
    Api(module, port, processes).run()
