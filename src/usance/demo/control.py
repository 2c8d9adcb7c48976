"""`/demo/...`: how a caller over HTTP sets the clock, arms faults and reads what was asked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import msgspec

from usance.demo.cloud import DemoCloud
from usance.demo.faults import Fault
from usance.demo.web import Request, Response, answer


class ClockRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `PUT /demo/clock`."""

    now: datetime | None = None  # without an offset it is UTC; null: the real time
    running: bool = False


class FaultsRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `PUT /demo/faults`: what is in force from now on, instead of anything before."""

    faults: list[Fault]
    seed: int = 0


class PoliciesRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `PUT /demo/policies`: the rules that only administrators meet, by name."""

    refused: frozenset[str]


class CellsRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `PUT /demo/cells`: which of Nova's cells (1 and 2) don't answer."""

    down: set[int]


def handle(cloud: DemoCloud, request: Request, parts: list[str]) -> Response:
    """Answer a request to `/demo/...`; *parts* are the segments behind that."""
    try:
        return _handle(cloud, request, f"{request.method} {'/'.join(parts)}")
    except (msgspec.DecodeError, ValueError) as error:
        return answer({"error": str(error)}, 400)


def _handle(cloud: DemoCloud, request: Request, line: str) -> Response:
    if line == "GET requests":
        return answer({"total": cloud.requests.total(), "requests": dict(cloud.requests)})
    if line in _COMMANDS:
        _COMMANDS[line](cloud, request)
    elif line != "GET clock":
        return answer({"error": "no such thing here"}, 404)
    return answer({"now": cloud.clock.now().isoformat(), "faults_met": cloud.faults.met})


def _set_clock(cloud: DemoCloud, request: Request) -> None:
    wanted = msgspec.json.decode(request.body, type=ClockRequest)
    now = wanted.now
    if now is not None and now.tzinfo is None:
        now = now.replace(tzinfo=UTC)
    cloud.clock.set(now, running=wanted.running)


def _set_faults(cloud: DemoCloud, request: Request) -> None:
    wanted = msgspec.json.decode(request.body, type=FaultsRequest)
    cloud.faults.replace(wanted.faults, wanted.seed)


def _set_policies(cloud: DemoCloud, request: Request) -> None:
    cloud.refused = msgspec.json.decode(request.body, type=PoliciesRequest).refused


def _set_cells(cloud: DemoCloud, request: Request) -> None:
    down = msgspec.json.decode(request.body, type=CellsRequest).down
    for region in cloud.regions.values():
        region.down_cells = down


_COMMANDS: Final[dict[str, Callable[[DemoCloud, Request], None]]] = {
    "PUT clock": _set_clock,
    "PUT faults": _set_faults,
    "PUT cells": _set_cells,
    "PUT policies": _set_policies,
    "DELETE faults": lambda cloud, _: cloud.faults.clear(),
    "DELETE requests": lambda cloud, _: cloud.requests.clear(),
    "DELETE tokens": lambda cloud, _: cloud.tokens.forget(),
}
