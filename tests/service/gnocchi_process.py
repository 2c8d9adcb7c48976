"""Run by the Python of Gnocchi's own environment: its API, on a port, with a clock that requests set.

Gnocchi dates the revisions of resources by its clock. A request with the header `X-Now` is served at that
instant, so that a history of months can be told in seconds. Everything else is Gnocchi's own.
"""

import sys
import threading
from datetime import UTC, datetime
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from gnocchi import utils

_PRESENT = threading.local()


def _now():
    told = getattr(_PRESENT, "told", None)
    return datetime.fromisoformat(told) if told else datetime.now(tz=UTC)


utils.utcnow = _now


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_arguments):
        pass


def main():
    port = int(sys.argv.pop(1))
    from gnocchi.cli import api  # noqa: PLC0415 - it reads the arguments, and the clock is set before

    application = api.wsgi()

    def at_its_time(environ, start_response):
        _PRESENT.told = environ.get("HTTP_X_NOW")
        return application(environ, start_response)

    make_server("127.0.0.1", port, at_its_time, _Server, _Quiet).serve_forever()


if __name__ == "__main__":
    main()
