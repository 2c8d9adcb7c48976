"""Requests and responses between the server and the services that it simulates."""

from __future__ import annotations

from datetime import date
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import orjson

JSON = (b"content-type", b"application/json")


class Request(msgspec.Struct, frozen=True):
    """A request that has arrived completely."""

    method: str
    path: str
    query_string: str
    headers: dict[str, str]  # names in lower case
    body: bytes
    base_url: str  # "http://host:port", as the client reached us
    short_page: bool = False  # a fault: show half of the rows and no next link

    @property
    def query(self) -> dict[str, str]:
        """The query's parameters; of one that is repeated, the last."""
        return dict(parse_qsl(self.query_string, keep_blank_values=True))

    @property
    def parts(self) -> list[str]:
        """The path's segments, without empty ones."""
        return [part for part in self.path.split("/") if part]


class Response(msgspec.Struct, frozen=True):
    """What is answered."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = (JSON,)


def answer(content: Any, status: int = 200, headers: tuple[tuple[bytes, bytes], ...] = ()) -> Response:
    """Return a response with a JSON body."""
    return Response(status, orjson.dumps(content), (JSON, *headers))


class Refusal(Exception):  # noqa: N818 -- it is an answer to the client, not an error of ours
    """An error that a service answers with; each service words it in its own way."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def unauthorized() -> Response:
    """Return what the middleware before each service says to an unknown token."""
    message = "The request you have made requires authentication."
    return answer(
        {"error": {"code": 401, "message": message, "title": "Unauthorized"}},
        401,
        ((b"www-authenticate", b"Keystone uri=http://localhost/identity"),),
    )


def iso(us: int, *, zone: str = "Z") -> str:
    """Return an instant as OpenStack writes it: whole seconds, the fraction cut."""
    return _stamp(us // 1_000_000) + zone


def iso_micro(us: int) -> str:
    """Return an instant of which the database kept no fraction, with a fraction and no zone."""
    return _stamp(us // 1_000_000) + ".000000"


def _stamp(seconds: int) -> str:
    # Whole days rarely change from one row to the next: that makes this three times as fast as strftime.
    days, rest = divmod(seconds, 86400)
    day = _DAYS.get(days)
    if day is None:
        if len(_DAYS) > 100_000:
            _DAYS.clear()
        day = _DAYS[days] = _day(days)
    minutes, second = divmod(rest, 60)
    hour, minute = divmod(minutes, 60)
    return f"{day}T{_TWO[hour]}:{_TWO[minute]}:{_TWO[second]}"


_DAYS: dict[int, str] = {}
_TWO = tuple(f"{number:02d}" for number in range(60))
_UNIX_DAY_0 = date(1970, 1, 1).toordinal()


def _day(days: int) -> str:
    return date.fromordinal(_UNIX_DAY_0 + days).isoformat()
