"""Nova: microversions, servers, their actions, flavors and usage, as a real one answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

import msgspec
import orjson

from usance.demo.cloud import DemoCloud, Microversion, Region
from usance.demo.history import microseconds
from usance.demo.index import Selection
from usance.demo.life import Life, Step
from usance.demo.rows import Row, Style, partial_row
from usance.demo.site import Flavor, uuid_id
from usance.demo.tokens import Token
from usance.demo.web import JSON, Refusal, Request, Response, answer, iso_micro

_ERRORS: Final = {
    400: "badRequest",
    403: "forbidden",
    404: "itemNotFound",
    406: "computeFault",
    500: "computeFault",
}


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
        return Style(self.version, self.token.is_admin, self.base_url, specs)


def handle(cloud: DemoCloud, region: Region, request: Request, parts: list[str]) -> Response:
    """Answer a request to `/<region>/compute/...`; *parts* are the segments behind that."""
    try:
        if not parts:
            return answer({"versions": [_document(cloud, region, request)]}, 300)
        if parts == ["v2.1"]:
            return answer({"version": _document(cloud, region, request)})
        version = _negotiate(cloud, request)
        token = cloud.tokens.find(request.headers.get("x-auth-token", ""))
        if token is None:
            return unauthorized()
        call = Call(cloud, region, request, token, version, cloud.clock.now_us())
        response = _route(call, parts[1:])
    except Refusal as refusal:
        name = _ERRORS.get(refusal.status, "computeFault")
        return answer({name: {"code": refusal.status, "message": refusal.message}}, refusal.status)
    number = f"{version[0]}.{version[1]}".encode()
    headers = (
        (b"openstack-api-version", b"compute " + number),
        (b"x-openstack-nova-api-version", number),
        (b"vary", b"OpenStack-API-Version, X-OpenStack-Nova-API-Version"),
    )
    return msgspec.structs.replace(response, headers=(*response.headers, *headers))


def unauthorized() -> Response:
    """Return what the middleware before each service says to an unknown token."""
    message = "The request you have made requires authentication."
    return answer(
        {"error": {"code": 401, "message": message, "title": "Unauthorized"}},
        401,
        ((b"www-authenticate", b"Keystone uri=http://localhost/identity"),),
    )


def _document(cloud: DemoCloud, region: Region, request: Request) -> dict[str, Any]:
    least, most = cloud.options.min_microversion, cloud.options.max_microversion
    return {
        "id": "v2.1",
        "status": "CURRENT",
        "version": f"{most[0]}.{most[1]}",
        "min_version": f"{least[0]}.{least[1]}",
        "updated": "2013-07-23T11:33:21Z",
        "links": [{"rel": "self", "href": f"{request.base_url}/{region.name}/compute/v2.1/"}],
        "media-types": [
            {"base": "application/json", "type": "application/vnd.openstack.compute+json;version=2.1"}
        ],
    }


def _negotiate(cloud: DemoCloud, request: Request) -> Microversion:
    """Return the microversion of a request; 2.1 where it names none, 406 where we don't have it."""
    wanted = request.headers.get("x-openstack-nova-api-version", "")
    service, _, number = request.headers.get("openstack-api-version", "").partition(" ")
    if service == "compute":
        wanted = number
    least, most = cloud.options.min_microversion, cloud.options.max_microversion
    if not wanted:
        return least
    if wanted.strip() == "latest":
        return most
    major, _, minor = wanted.strip().partition(".")
    if not (major.isdecimal() and minor.isdecimal()):
        raise Refusal(
            400, f"API Version String {wanted} is of invalid format. Must be of format MajorNum.MinorNum."
        )
    version = (int(major), int(minor))
    if not least <= version <= most:
        raise Refusal(
            406,
            f"Version {wanted} is not supported by the API. Minimum is {least[0]}.{least[1]} and "
            f"maximum is {most[0]}.{most[1]}.",
        )
    return version


def _route(call: Call, parts: list[str]) -> Response:
    # Nova's policies know project scope only, whatever roles there are in another scope.
    if call.token.project_id is None:
        raise Refusal(403, "Policy doesn't allow this request to be performed in the scope of its token.")
    for pattern, serve in _ROUTES:
        if len(pattern) == len(parts) and all(
            want in {got, "*"} for want, got in zip(pattern, parts, strict=True)
        ):
            if call.request.method != "GET":
                break
            wild = [got for want, got in zip(pattern, parts, strict=True) if want == "*"]
            return serve(call, *wild)
    raise Refusal(404, "The resource could not be found.")


# --- servers -----------------------------------------------------------------------------------

_TRUE: Final = frozenset({"1", "t", "true", "on", "y", "yes"})


def _truth(value: str | None) -> bool:
    return value is not None and value.strip().lower() in _TRUE


def _page_size(call: Call) -> int:
    limit = call.request.query.get("limit")
    if limit is None:
        return call.cloud.options.page_cap
    if not limit.isdecimal():
        raise Refusal(400, f"Invalid input for query parameters limit. Value: {limit}.")
    return min(int(limit), call.cloud.options.page_cap)


def _seconds(value: str) -> int:
    """Return the seconds since 1970 of a time in a query; one without an offset is UTC."""
    try:
        instant = datetime.fromisoformat(value)
        if instant.tzinfo is None:
            instant = instant.replace(tzinfo=UTC)
        return microseconds(instant) // 1_000_000
    except (ValueError, OverflowError):
        raise Refusal(400, f"Invalid input for query parameters changes-since. Value: {value}.") from None


def _selection(call: Call) -> Selection:
    """Return which rows a listing is about, by the rules for admins and for others."""
    query, token = call.request.query, call.token
    project_id: str | None = token.project_id
    if "all_tenants" in query and (query["all_tenants"] == "" or _truth(query["all_tenants"])):
        if not token.is_admin:
            action = "os_compute_api:servers:detail:get_all_tenants"
            raise Refusal(403, f"Policy doesn't allow {action} to be performed.")
        project_id = query.get("project_id", query.get("tenant_id"))
    since = query.get("changes-since")
    deleted: bool | None = None if since is not None else False
    if token.is_admin and "deleted" in query:
        deleted = _truth(query["deleted"])
    if query.get("status", "").upper() == "DELETED":
        if not token.is_admin:
            raise Refusal(403, "Only administrators may list deleted instances")
        deleted = True
    return Selection(project_id, None if since is None else _seconds(since), deleted)


def _after(call: Call) -> int | None:
    """Return the number of the server that the marker names."""
    marker = call.request.query.get("marker")
    if marker is None:
        return None
    number = call.region.history.find(marker)
    if number is None or not call.region.index.is_visible(number, call.now_us):
        raise Refusal(400, f"marker [{marker}] not found")
    return number


def _rows(call: Call, selection: Selection) -> Iterator[tuple[int, bytes]]:
    """Yield the servers of a listing, rendered, from the marker on."""
    region, style, now_us = call.region, call.style, call.now_us
    variant = style.variant
    status = call.request.query.get("status", "").upper()
    # Nova hides soft-deleted servers from a plain listing, but shows them as changed, or as deleted.
    plain = selection.deleted is False
    for number in region.index.select(selection, now_us, _after(call)):
        if region.down_cells:
            life = region.history.life(number)
            if life.cell in region.down_cells:
                # With a filter, paged or not, Nova omits what it can't ask for.
                if call.version >= (2, 69) and selection.changed_since_s is None and not status:
                    yield number, orjson.dumps(partial_row(life, call.base_url))
                continue
        row: Row = region.rows.row(number, now_us, style, variant)
        if (plain and row.state == "soft-delete" and status != "SOFT_DELETED") or status not in {
            "",
            row.status,
        }:
            continue
        yield number, row.body


def _list_servers(call: Call) -> Response:
    size = _page_size(call)
    bodies: list[bytes] = []
    last = None
    if size:
        for last, body in _rows(call, _selection(call)):  # noqa: B007 -- the last one is the marker
            bodies.append(body)
            if len(bodies) == size:
                break
    links = b""
    if call.request.short_page:
        del bodies[len(bodies) // 2 :]
    elif size and len(bodies) == size and last is not None:
        # As Nova does: a full page has a next one, even if that turns out to be empty.
        links = b', "servers_links": ' + orjson.dumps(
            [{"rel": "next", "href": _next_url(call, "servers/detail", _id_of(call, last), size)}]
        )
    return Response(200, b'{"servers": [' + b",".join(bodies) + b"]" + links + b"}", (JSON,))


def _id_of(call: Call, number: int) -> str:
    return call.region.history.life(number).id


def _next_url(call: Call, path: str, marker: str, size: int) -> str:
    query = [
        (key, value)
        for key, value in parse_qsl(call.request.query_string, keep_blank_values=True)
        if key not in {"marker", "limit"}
    ]
    if "limit" in call.request.query:
        query.append(("limit", str(size)))
    return f"{call.base_url}/{path}?{urlencode([*query, ('marker', marker)])}"


def _number(call: Call, server_id: str, *, deleted: bool) -> int:
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


def _show_server(call: Call, server_id: str) -> Response:
    number = _number(call, server_id, deleted=False)
    if call.region.down_cells:
        life = call.region.history.life(number)
        if life.cell in call.region.down_cells:
            if call.version < (2, 69):
                raise Refusal(500, "Unexpected API Error. Please report this at the bug tracker of Nova.")
            return answer({"server": partial_row(life, call.base_url)})
    row = call.region.rows.row(number, call.now_us, call.style)
    return Response(200, b'{"server": ' + row.body + b"}", (JSON,))


# --- actions -----------------------------------------------------------------------------------


def request_id(life: Life, place: int) -> str:
    """Return the request id of the step at some place of a life."""
    return f"req-{uuid_id(life.id, place)}"


def _actions(call: Call, server_id: str) -> list[tuple[Life, int, Step]]:
    """Return the actions on a server so far, newest first; those of a deleted one from 2.21 on."""
    number = _number(call, server_id, deleted=call.version >= (2, 21))
    life = call.region.history.life(number)
    so_far = [
        (life, place, step)
        for place, step in enumerate(life.steps)
        if step.action and step.begin_us <= call.now_us
    ]
    return so_far[::-1]


def _action(call: Call, life: Life, place: int, step: Step) -> dict[str, Any]:
    over = step.end_us <= call.now_us
    shown = {
        "action": step.action,
        "instance_uuid": life.id,
        "request_id": request_id(life, place),
        "user_id": life.user_id,
        "project_id": life.project_id,
        "start_time": iso_micro(step.begin_us),
        "message": "Error" if step.failed and over else None,
    }
    if call.version >= (2, 58):
        shown["updated_at"] = iso_micro(step.end_us if over else step.begin_us)
    return shown


def _list_actions(call: Call, server_id: str) -> Response:
    actions = [_action(call, *one) for one in _actions(call, server_id)]
    if call.version < (2, 58):
        return answer({"instanceActions": actions})
    query, size = call.request.query, _page_size(call)
    if "changes-since" in query:
        since = iso_micro(_seconds(query["changes-since"]) * 1_000_000)
        actions = [one for one in actions if one["updated_at"] >= since]
    marker = query.get("marker")
    if marker is not None:
        places = [place for place, one in enumerate(actions) if one["request_id"] == marker]
        if not places:
            raise Refusal(400, f"marker [{marker}] not found")
        actions = actions[places[0] + 1 :]
    content: dict[str, Any] = {"instanceActions": actions[:size]}
    if size and len(actions) >= size:
        path = f"servers/{server_id}/os-instance-actions"
        url = _next_url(call, path, actions[size - 1]["request_id"], size)
        content["links"] = [{"rel": "next", "href": url}]
    return answer(content)


_EVENTS: Final = {
    "create": "compute__do_build_and_run_instance",
    "resize": "compute_finish_resize",
    "delete": "compute_terminate_instance",
}


def _show_action(call: Call, server_id: str, wanted: str) -> Response:
    for life, place, step in _actions(call, server_id):
        if request_id(life, place) != wanted:
            continue
        over = step.end_us <= call.now_us
        event: dict[str, Any] = {
            "event": _EVENTS.get(step.action, f"compute_{step.action.lower()}_instance"),
            "start_time": iso_micro(step.begin_us),
            "finish_time": iso_micro(step.end_us) if over else None,
            "result": ("Error" if step.failed else "Success") if over else None,
        }
        if call.version >= (2, 51) or call.token.is_admin:
            event["traceback"] = None
        if call.version >= (2, 62):
            event["hostId"] = ""
        return answer({"instanceAction": {**_action(call, life, place, step), "events": [event]}})
    raise Refusal(404, f"Action for request_id {wanted} on instance {server_id} not found")


# --- flavors -----------------------------------------------------------------------------------


def _flavors(call: Call) -> list[Flavor]:
    everything = call.token.is_admin and call.request.query.get("is_public", "").lower() == "none"
    return [one for one in call.region.history.site.flavors if one.listed and (one.public or everything)]


def _list_flavors(call: Call) -> Response:
    flavors, size = _flavors(call), _page_size(call)
    marker = call.request.query.get("marker")
    if marker is not None:
        ids = [one.id for one in flavors]
        if marker not in ids:
            raise Refusal(400, f"marker [{marker}] not found")
        flavors = flavors[ids.index(marker) + 1 :]
    content: dict[str, Any] = {"flavors": [_flavor(call, one) for one in flavors[:size]]}
    if size and len(flavors) >= size:
        url = _next_url(call, "flavors/detail", flavors[size - 1].id, size)
        content["flavors_links"] = [{"rel": "next", "href": url}]
    return answer(content)


def _flavor(call: Call, flavor: Flavor) -> dict[str, Any]:
    shown = {
        "id": flavor.id,
        "name": flavor.name,
        "vcpus": flavor.vcpus,
        "ram": flavor.ram_mib,
        "disk": flavor.disk_gib,
        "swap": 0 if call.version >= (2, 75) else "",
        "rxtx_factor": 1.0,
        "OS-FLV-EXT-DATA:ephemeral": flavor.ephemeral_gib,
        "OS-FLV-DISABLED:disabled": False,
        "os-flavor-access:is_public": flavor.public,
        "links": [{"rel": "self", "href": f"{call.base_url}/flavors/{flavor.id}"}],
    }
    if call.version >= (2, 55):
        shown["description"] = None
    if call.version >= (2, 61) and call.style.flavor_specs:
        shown["extra_specs"] = flavor.extra_specs
    return shown


def _flavor_named(call: Call, flavor_id: str) -> Flavor:
    for one in call.region.history.site.flavors:
        if one.id == flavor_id and one.listed and (one.public or call.token.is_admin):
            return one
    raise Refusal(404, f"Flavor {flavor_id} could not be found.")


def _show_flavor(call: Call, flavor_id: str) -> Response:
    return answer({"flavor": _flavor(call, _flavor_named(call, flavor_id))})


def _show_specs(call: Call, flavor_id: str) -> Response:
    return answer({"extra_specs": _flavor_named(call, flavor_id).extra_specs})


# --- usage -------------------------------------------------------------------------------------


def _usage(call: Call, project_id: str) -> Response:
    """Answer `os-simple-tenant-usage`: it counts from launched_at, which moves, and by the latest flavor."""
    if not call.token.is_admin and project_id != call.token.project_id:
        action = "os_compute_api:os-simple-tenant-usage:show"
        raise Refusal(403, f"Policy doesn't allow {action} to be performed.")
    query, size = call.request.query, _page_size(call)
    start_us = _seconds(query.get("start", "1970-01-01")) * 1_000_000
    end_us = _seconds(query["end"]) * 1_000_000 if "end" in query else call.now_us
    after = _after(call) if call.version >= (2, 40) else None
    usages = []
    for number in call.region.index.select(Selection(project_id, deleted=None), call.now_us, after):
        usage = _server_usage(call, call.region.history.life(number), start_us, end_us)
        if usage is not None:
            usages.append(usage)
        if len(usages) == size:
            break
    if not usages:
        return answer({"tenant_usage": {}})
    content: dict[str, Any] = {
        "tenant_usage": {
            "tenant_id": project_id,
            "server_usages": usages,
            "start": iso_micro(start_us),
            "stop": iso_micro(end_us),
            "total_hours": sum(one["hours"] for one in usages),
            "total_vcpus_usage": sum(one["hours"] * one["vcpus"] for one in usages),
            "total_memory_mb_usage": sum(one["hours"] * one["memory_mb"] for one in usages),
            "total_local_gb_usage": sum(one["hours"] * one["local_gb"] for one in usages),
        }
    }
    if call.version >= (2, 40) and len(usages) == size:
        path = f"os-simple-tenant-usage/{project_id}"
        url = _next_url(call, path, usages[-1]["instance_id"], size)
        content["tenant_usage_links"] = [{"rel": "next", "href": url}]
    return answer(content)


def _server_usage(call: Call, life: Life, start_us: int, end_us: int) -> dict[str, Any] | None:
    view = life.at(call.now_us)
    if not view.launched_us or view.launched_us >= end_us or 0 < view.terminated_us <= start_us:
        return None
    flavor = view.flavor
    last_us = min(view.terminated_us or end_us, end_us)
    used_us = max(0, last_us - max(view.launched_us, start_us))
    return {
        "instance_id": life.id,
        "name": life.name,
        "hours": used_us / 3_600_000_000,
        "uptime": max(0, (view.terminated_us or call.now_us) - view.launched_us) // 1_000_000,
        "flavor": flavor.name if flavor else "",
        "vcpus": flavor.vcpus if flavor else 0,
        "memory_mb": flavor.ram_mib if flavor else 0,
        "local_gb": flavor.disk_gib + flavor.ephemeral_gib if flavor else 0,
        "state": "terminated" if view.terminated_us else view.state,
        "tenant_id": life.project_id,
        "started_at": iso_micro(view.launched_us),
        "ended_at": iso_micro(view.terminated_us) if view.terminated_us else None,
    }


_ROUTES: Final[tuple[tuple[tuple[str, ...], Callable[..., Response]], ...]] = (
    (("servers", "detail"), _list_servers),
    (("servers", "*"), _show_server),
    (("servers", "*", "os-instance-actions"), _list_actions),
    (("servers", "*", "os-instance-actions", "*"), _show_action),
    (("flavors", "detail"), _list_flavors),
    (("flavors", "*"), _show_flavor),
    (("flavors", "*", "os-extra_specs"), _show_specs),
    (("os-simple-tenant-usage", "*"), _usage),
)
