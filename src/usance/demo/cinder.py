"""Cinder v3: volumes, snapshots and backups, as they are now; what is deleted is not shown to anybody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NoReturn
from uuid import NAMESPACE_DNS, uuid5

from usance.demo.cloud import DemoCloud, Region
from usance.demo.storage import StorageView, Volume
from usance.demo.tokens import Token
from usance.demo.web import Refusal, Request, Response, answer, iso_micro, unauthorized

_MAX: Final = (3, 71)
_KINDS: Final = {"volumes": "volume", "snapshots": "snapshot", "backups": "backup"}

_LISTED: Final = {
    "volumes": "volume:get_all",
    "snapshots": "volume:get_all_snapshots",
    "backups": "backup:get_all",
}
_SHOWN: Final = {"volumes": "volume:get", "snapshots": "volume:get_snapshot", "backups": "backup:get"}


def handle(cloud: DemoCloud, region: Region, request: Request, parts: list[str]) -> Response:
    """Answer a request to `/<region>/volume/...`; *parts* are the segments behind that."""
    version = {
        "id": "v3.0",
        "status": "CURRENT",
        "version": f"{_MAX[0]}.{_MAX[1]}",
        "min_version": "3.0",
        "updated": "2023-08-31T00:00:00Z",
        "links": [{"rel": "self", "href": f"{request.base_url}/{region.name}/volume/v3/"}],
    }
    if not parts:
        return answer({"versions": [version]}, 300)
    if parts == ["v3"]:
        return answer({"versions": [version]})
    token = cloud.tokens.find(request.headers.get("x-auth-token", ""))
    if token is None:
        return unauthorized()
    try:
        return _route(cloud, region, request, parts, token)
    except Refusal as refusal:
        name = {400: "badRequest", 403: "forbidden", 404: "itemNotFound"}.get(refusal.status, "computeFault")
        return answer({name: {"code": refusal.status, "message": refusal.message}}, refusal.status)


def _route(cloud: DemoCloud, region: Region, request: Request, parts: list[str], token: Token) -> Response:
    # The project stands in the URL; since 3.67 it may be left to the token.
    named = len(parts) > 1 and parts[1] not in _KINDS
    if token.project_id is None or (named and parts[1] != token.project_id):
        raise Refusal(403, "Policy doesn't allow this request to be performed in another project.")
    match parts[2 if named else 1 :]:
        case [plural, "detail"] if plural in _KINDS:
            return _listed(_Call(cloud, region, request, token, plural))
        case [plural, wanted] if plural in _KINDS:
            return _shown(_Call(cloud, region, request, token, plural), wanted)
        case ["types"]:
            return _types(region)
    raise Refusal(404, "The resource could not be found.")


def _types(region: Region) -> Response:
    named = {life.at(life.created_us).volume_type or "" for life in region.history.site.volumes}
    return answer({"volume_types": [{"id": type_id(one), "name": one} for one in sorted(named - {""})]})


def type_id(name: str) -> str:
    """Return the id of a volume type."""
    return str(uuid5(NAMESPACE_DNS, f"{name}.volume-type.usance.invalid"))


class _Call:
    """One request about one kind of resource."""

    def __init__(self, cloud: DemoCloud, region: Region, request: Request, token: Token, plural: str) -> None:
        self.cloud = cloud
        self.request = request
        self.token = token
        self.plural = plural
        self.kind = _KINDS[plural]
        self.now_us = cloud.clock.now_us()
        self.version = _version(request)
        self._lives = region.history.site.volumes
        if plural in cloud.options.storage_forbidden and not token.is_admin:
            self.refuse(_LISTED[plural])

    def enforce(self, rules: Mapping[str, str]) -> None:
        """Refuse what the policy does not let the asker do."""
        if not self.cloud.may(self.token, rules[self.plural]):
            self.refuse(rules[self.plural])

    def refuse(self, rule: str) -> NoReturn:
        """Refuse by a rule of the policy."""
        raise Refusal(403, f"Policy doesn't allow {rule} to be performed.")

    def visible(self, everything: bool, project_id: str | None = None) -> list[tuple[Volume, StorageView]]:
        """Return what there is, the newest first: of the token's project, or of all or a given one."""
        found = []
        for life in self._lives:
            if life.kind == self.kind and life.exists(self.now_us):
                view = life.at(self.now_us)
                mine = view.project_id == self.token.project_id
                if project_id in {None, view.project_id} if everything else mine:
                    found.append((life, view))
        return sorted(found, key=lambda pair: -(pair[0].created_us // 1_000_000))


def _version(request: Request) -> tuple[int, int]:
    """Return the microversion that is asked for: 3.0 unless the header names one."""
    service, _, text = request.headers.get("openstack-api-version", "volume 3.0").partition(" ")
    major, _, minor = text.partition(".")
    if service != "volume" or not (major.isdecimal() and minor.isdecimal()):
        raise Refusal(400, "API Version String is of invalid format.")
    version = int(major), int(minor)
    if not (3, 0) <= version <= _MAX:
        raise Refusal(406, f"Version {text} is not supported by the API.")
    return version


def _listed(call: _Call) -> Response:
    call.enforce(_LISTED)
    query, cap = call.request.query, call.cloud.options.page_cap
    limit = query.get("limit", str(cap))
    if not limit.isdecimal():
        raise Refusal(400, "limit must be an integer")
    size = min(int(limit), cap)
    # Who is no admin may ask for all, and gets her own.
    everything = call.token.is_admin and query.get("all_tenants", "0") in {"1", "True", "true"}
    found = call.visible(everything, query.get("project_id"))
    marker = query.get("marker")
    if marker is not None:
        ids = [life.id for life, _ in found]
        if marker not in ids:
            raise Refusal(404, f"{call.kind.title()} {marker} could not be found.")
        found = found[ids.index(marker) + 1 :]
    page = found[:size]
    if call.request.short_page:
        page = page[: len(page) // 2]
    content: dict[str, Any] = {call.plural: [_row(call, life, view) for life, view in page]}
    if size and len(page) == size:
        url = f"{call.request.base_url}{call.request.path}?limit={size}&marker={page[-1][0].id}"
        content[f"{call.plural}_links"] = [{"rel": "next", "href": url}]
    return answer(content)


def _shown(call: _Call, wanted: str) -> Response:
    call.enforce(_SHOWN)
    for life, view in call.visible(call.token.is_admin):
        if life.id == wanted:
            return answer({call.kind: _row(call, life, view)})
    raise Refusal(404, f"{call.kind.title()} {wanted} could not be found.")


def _row(call: _Call, life: Volume, view: StorageView) -> dict[str, Any]:
    row = {
        "id": life.id,
        "name": life.name,
        "status": view.status,
        "size": view.size_gib,
        "description": None,
        "created_at": iso_micro(life.created_us),
        "updated_at": None if view.updated_us > call.now_us else iso_micro(view.updated_us),
        **_OWN[life.kind](call, life, view),
    }
    if call.version < _USER_SINCE[life.kind]:
        del row["user_id"]
    return row


_USER_SINCE: Final = {"volume": (3, 0), "snapshot": (3, 41), "backup": (3, 56)}


def _volume(_: _Call, life: Volume, view: StorageView) -> dict[str, Any]:
    return {
        "user_id": view.user_id,
        "os-vol-tenant-attr:tenant_id": view.project_id,
        "volume_type": view.volume_type,
        "attachments": [
            {
                "id": life.id,
                "attachment_id": f"{one.server_id[::-1]}",
                "volume_id": life.id,
                "server_id": one.server_id,
                "host_name": None,
                "device": "/dev/vdb",
                "attached_at": iso_micro(one.attached_us),
            }
            for one in view.attachments
        ],
        "metadata": {},
        "bootable": "false",
        "encrypted": False,
        "multiattach": life.multiattach,
        "availability_zone": "nova",
        "snapshot_id": None,
        "source_volid": None,
        "links": [],
    }


def _snapshot(_: _Call, life: Volume, view: StorageView) -> dict[str, Any]:
    return {
        "user_id": view.user_id,
        "os-extended-snapshot-attributes:project_id": view.project_id,
        "os-extended-snapshot-attributes:progress": "100%",
        "volume_id": life.volume_id,
        "metadata": {},
    }


def _backup(call: _Call, life: Volume, view: StorageView) -> dict[str, Any]:
    row: dict[str, Any] = {
        "user_id": view.user_id,
        "volume_id": life.volume_id,
        "container": "backups",
        "is_incremental": False,
        "availability_zone": "nova",
        "object_count": 1,
        "links": [],
    }
    if call.token.is_admin:
        row["os-backup-project-attr:project_id"] = view.project_id
    return row


_OWN: Final = {"volume": _volume, "snapshot": _snapshot, "backup": _backup}
