"""One call of the simulated Nova, and what every listing there has in common."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlencode

import msgspec

from usance.demo.cloud import DemoCloud, Microversion, Region
from usance.demo.history import microseconds
from usance.demo.rows import Style
from usance.demo.tokens import Token
from usance.demo.web import Refusal, Request


class Call(msgspec.Struct, frozen=True):
    """A request that has passed authentication, with what follows from it."""

    cloud: DemoCloud
    region: Region
    request: Request
    token: Token
    version: Microversion
    now_us: int

    @property
    def base_url(self) -> str:
        """The URL of this region's compute service."""
        return f"{self.request.base_url}/{self.region.name}/compute/v2.1"

    @property
    def style(self) -> Style:
        """How this request's rows look."""
        specs = self.token.is_admin or self.cloud.options.flavor_specs_for_all
        specs = specs and self.cloud.may(self.token, "os_compute_api:servers:show:flavor-extra-specs")
        return Style(self.version, self.token.is_admin, self.base_url, specs)


def enforce(call: Call, rule: str) -> None:
    """Refuse a request that the policy does not let the asker make."""
    if not call.cloud.may(call.token, f"os_compute_api:{rule}"):
        raise Refusal(403, f"Policy doesn't allow os_compute_api:{rule} to be performed.")


def page_size(call: Call) -> int:
    """Return how many rows a page has: as many as are asked for, and never more than the cap."""
    limit = call.request.query.get("limit")
    if limit is None:
        return call.cloud.options.page_cap
    if not limit.isdecimal():
        raise Refusal(400, f"Invalid input for query parameters limit. Value: {limit}.")
    return min(int(limit), call.cloud.options.page_cap)


def seconds(value: str) -> int:
    """Return the seconds since 1970 of a time in a query; one without an offset is UTC."""
    try:
        instant = datetime.fromisoformat(value)
        if instant.tzinfo is None:
            instant = instant.replace(tzinfo=UTC)
        return microseconds(instant) // 1_000_000
    except (ValueError, OverflowError):
        raise Refusal(400, f"Invalid input for query parameters changes-since. Value: {value}.") from None


def next_url(call: Call, path: str, marker: str, size: int) -> str:
    """Return the URL of the page behind a marker: the same question again."""
    query = [
        (key, value)
        for key, value in parse_qsl(call.request.query_string, keep_blank_values=True)
        if key not in {"marker", "limit"}
    ]
    if "limit" in call.request.query:
        query.append(("limit", str(size)))
    return f"{call.base_url}/{path}?{urlencode([*query, ('marker', marker)])}"


def marked(call: Call) -> int | None:
    """Return the number of the server that the marker names."""
    marker = call.request.query.get("marker")
    if marker is None:
        return None
    number = call.region.history.find(marker)
    if number is None or not call.region.index.is_visible(number, call.now_us):
        raise Refusal(400, f"marker [{marker}] not found")
    return number


def number_of(call: Call, server_id: str, *, deleted: bool) -> int:
    """Return the number of a server that the asker may know of; 404 for any other."""
    number = call.region.history.find(server_id)
    if (
        number is None
        or not call.region.index.is_visible(number, call.now_us)
        or (call.region.index.is_deleted(number, call.now_us) and not deleted)
        or not (call.token.is_admin or call.region.history.life(number).project_id == call.token.project_id)
    ):
        raise Refusal(404, f"Instance {server_id} could not be found.")
    return number
