"""Nova: discovery, microversions and the way to what answers, as with a real one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from usance.demo import nova_actions, nova_flavors, nova_servers
from usance.demo.cloud import DemoCloud, Microversion, Region
from usance.demo.nova_call import Call
from usance.demo.web import Refusal, Request, Response, answer, unauthorized

_ERRORS: Final = {
    400: "badRequest",
    403: "forbidden",
    404: "itemNotFound",
    406: "computeFault",
    500: "computeFault",
}


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


_ROUTES: Final[tuple[tuple[tuple[str, ...], Callable[..., Response]], ...]] = (
    (("servers", "detail"), nova_servers.list_servers),
    (("servers", "*"), nova_servers.show_server),
    (("servers", "*", "os-instance-actions"), nova_actions.list_actions),
    (("servers", "*", "os-instance-actions", "*"), nova_actions.show_action),
    (("flavors", "detail"), nova_flavors.list_flavors),
    (("flavors", "*"), nova_flavors.show_flavor),
    (("flavors", "*", "os-extra_specs"), nova_flavors.show_specs),
    (("os-simple-tenant-usage", "*"), nova_flavors.show_usage),
)
