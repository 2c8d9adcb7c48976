"""Almanach's routes, under `/v1` and without a prefix."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

from litestar import MediaType, Request, Response, Router, delete, get, post, put, route
from litestar.di import NamedDependency, Provide
from litestar.enums import HttpMethod
from litestar.params import FromPath
from litestar.response import Stream
from litestar.types import ControllerRouterHandler

from usance.api.admission import OPEN
from usance.api.almanach import description, refusals, writes
from usance.api.almanach.bodies import Body, identifier, stretch, update_of
from usance.api.almanach.entities import OS
from usance.api.almanach.refusals import InvalidFieldsError
from usance.api.almanach.service import KINDS, Almanach
from usance.api.caller import Caller
from usance.api.errors import ALMANACH_ERRORS, RefusedError, log_mishap
from usance.api.ledger_access import LedgerAccess
from usance.config.settings import ApiSettings
from usance.model.resource import SERVER, VOLUME

Request_ = Request[Any, Any, Any]
Almanach_ = NamedDependency[Almanach]
Caller_ = NamedDependency[Caller]
Ledger_ = NamedDependency[LedgerAccess]
Id = FromPath[str]

_TAG: Final = ["Almanach"]
_REBUILT: Final = {name: name for name in OS}
_CREATED: Final = {name: f"os_{name}" for name in OS} | {"os_type": "os_type"}


def almanach_routes(settings: ApiSettings) -> list[ControllerRouterHandler]:
    """Return the routes of Almanach, as its generation that is configured answers."""
    made: list[Almanach] = []

    def provide_almanach(ledger: Ledger_) -> Almanach:
        if not made:
            made.append(Almanach(ledger.ledger, settings))
        return made[0]

    return [
        Router(
            path="/",
            route_handlers=[
                show_info,
                create_instance,
                delete_instance,
                resize_instance,
                rebuild_instance,
                list_instances,
                create_volume,
                delete_volume,
                resize_volume,
                attach_volume,
                detach_volume,
                list_volumes,
                list_entities,
                update_instance,
                show_entity,
                list_volume_types,
                show_volume_type,
                create_volume_type,
                delete_volume_type,
            ],
            dependencies={"almanach": Provide(provide_almanach, sync_to_thread=False)},
            exception_handlers={**ALMANACH_ERRORS, InvalidFieldsError: _invalid_fields},
            tags=_TAG,
        )
    ]


def _invalid_fields(request: Request_, error: InvalidFieldsError) -> Response[Any]:
    log_mishap(request, error)
    return Response({"error": error.fields}, status_code=error.status, media_type=MediaType.JSON)


def _both(path: str) -> list[str]:
    return [path, f"/v1{path}"]


def _done(status: int) -> Response[bytes]:
    """Answer that it was done, with an empty body."""
    return Response(b"", status_code=status, media_type=MediaType.TEXT)


async def _body(request: Request_, almanach: Almanach) -> Body:
    return Body(await request.body(), almanach.version)


# --- what there is ---------------------------------------------------------------------------


@get(_both("/info"), opt={OPEN: True}, security=[{}], summary="The version, and how much there is.")
async def show_info(almanach: Almanach_, ledger: Ledger_) -> dict[str, Any]:
    """Tell the version, the active entities, and the spans of the ledger; counted every few seconds."""
    return await ledger.read(almanach.info)


async def _listed(
    project_id: str,
    kinds: tuple[str, ...],
    request: Request_,
    *,
    caller: Caller,
    ledger: LedgerAccess,
    almanach: Almanach,
) -> Stream:
    """Answer with a list that is read piece by piece, so that a long one takes no memory."""
    if not caller.may_read(project_id):
        raise RefusedError(403, "this caller may not see this project")
    query = request.query_params
    asked = stretch(query.get("start"), query.get("end"), datetime.now(UTC))
    pieces = almanach.listing(project_id, kinds, asked)
    # The first is read now: what goes wrong then can still be told.
    first = await ledger.read(_next, pieces)

    async def written() -> AsyncIterator[bytes]:
        piece = first
        while piece is not None:
            yield piece
            piece = await ledger.read(_next, pieces)

    return Stream(written(), media_type=MediaType.JSON)


def _next(pieces: Iterator[bytes]) -> bytes | None:
    return next(pieces, None)


@get(
    _both("/project/{project_id:str}/instances"),
    operation_class=description.listing(),
    summary="The instances of a project that a stretch of time touches.",
)
async def list_instances(
    project_id: Id, request: Request_, caller: Caller_, ledger: Ledger_, almanach: Almanach_
) -> Stream:
    """List the entities that are there at any moment from `start` to `end`, unclipped."""
    return await _listed(project_id, (SERVER,), request, caller=caller, ledger=ledger, almanach=almanach)


@get(
    _both("/project/{project_id:str}/volumes"),
    operation_class=description.listing(),
    summary="The volumes of a project that a stretch of time touches.",
)
async def list_volumes(
    project_id: Id, request: Request_, caller: Caller_, ledger: Ledger_, almanach: Almanach_
) -> Stream:
    """List the entities that are there at any moment from `start` to `end`, unclipped."""
    return await _listed(project_id, (VOLUME,), request, caller=caller, ledger=ledger, almanach=almanach)


@get(
    _both("/project/{project_id:str}/entities"),
    operation_class=description.listing(),
    summary="The instances and volumes of a project that a stretch of time touches.",
)
async def list_entities(
    project_id: Id, request: Request_, caller: Caller_, ledger: Ledger_, almanach: Almanach_
) -> Stream:
    """List the entities that are there at any moment from `start` to `end`, unclipped."""
    return await _listed(project_id, KINDS, request, caller=caller, ledger=ledger, almanach=almanach)


@route(
    _both("/entity/{entity_id:str}"),
    http_method=[HttpMethod.GET, HttpMethod.HEAD],
    status_code=200,
    operation_class=description.listing(period=False),
    summary="All entities of one id.",
)
async def show_entity(
    entity_id: Id, request: Request_, caller: Caller_, ledger: Ledger_, almanach: Almanach_
) -> Response[Any]:
    """List all entities of one instance or volume; HEAD says whether there are any."""
    if request.method == "HEAD":
        found = await ledger.read(almanach.exists, entity_id, caller.may_read)
        return _done(200 if found else 404)
    listed = await ledger.read(almanach.entity, entity_id, caller.may_read)
    return Response(listed, media_type=MediaType.JSON)


# --- instances -------------------------------------------------------------------------------


@post(
    _both("/project/{project_id:str}/instance"),
    operation_class=description.body(
        "id", "created_at", "name", "flavor", "os_type", "os_distro", "os_version"
    ),
    summary="Say that an instance was created.",
)
async def create_instance(
    project_id: Id, request: Request_, ledger: Ledger_, almanach: Almanach_
) -> Response[bytes]:
    """Begin the life of an instance that is not known yet."""
    body = await _body(request, almanach)
    body.require("id", "created_at", "name", "flavor", "os_distro", "os_version", "os_type")
    at, flavor, name = body.date("created_at"), body.text("flavor"), body.optional_text("name")
    system = body.system(_CREATED)

    def write(resource: Any, known: Any) -> writes.Observations:
        return writes.create_instance(resource, known, at=at, flavor=flavor, name=name, os=system)

    await ledger.write(almanach.create, identifier(project_id), SERVER, body.identifier("id"), write)
    return _done(201)


@delete(
    _both("/instance/{instance_id:str}"),
    status_code=202,
    operation_class=description.body("date"),
    summary="Say that an instance was deleted.",
)
async def delete_instance(
    instance_id: Id, request: Request_, ledger: Ledger_, almanach: Almanach_
) -> Response[bytes]:
    """End the life of an instance."""
    body = await _body(request, almanach)
    body.require("date")
    unknown = refusals.no_instance(almanach.version, instance_id)
    if not await ledger.read(almanach.is_active, SERVER, instance_id):
        raise unknown
    at = body.date("date")
    await ledger.write(
        almanach.change, SERVER, instance_id, lambda known, _seq: writes.delete(known, at=at), unknown
    )
    return _done(202)


@put(
    _both("/instance/{instance_id:str}/resize"),
    operation_class=description.body("date", "flavor"),
    summary="Say that an instance has another flavor.",
)
async def resize_instance(
    instance_id: Id, request: Request_, ledger: Ledger_, almanach: Almanach_
) -> Response[bytes]:
    """Change the flavor of an instance from an instant on."""
    body = await _body(request, almanach)
    body.require("date", "flavor")
    at, flavor = body.date("date"), body.text("flavor")
    await ledger.write(
        almanach.change,
        SERVER,
        instance_id,
        lambda known, seq: writes.resize_instance(known, at=at, flavor=flavor, seq=seq),
        refusals.not_found(almanach.version, instance_id),
    )
    return _done(200)


@put(
    _both("/instance/{instance_id:str}/rebuild"),
    operation_class=description.body("rebuild_date", "distro", "version", "os_type"),
    summary="Say that an instance runs another operating system.",
)
async def rebuild_instance(
    instance_id: Id, request: Request_, ledger: Ledger_, almanach: Almanach_
) -> Response[bytes]:
    """Change the operating system of an instance from an instant on."""
    body = await _body(request, almanach)
    body.require("distro", "version", "os_type", "rebuild_date")
    at, system = body.date("rebuild_date"), body.system(_REBUILT)
    await ledger.write(
        almanach.change,
        SERVER,
        instance_id,
        lambda known, seq: writes.rebuild_instance(known, at=at, os=system, seq=seq),
        refusals.not_found(almanach.version, instance_id),
    )
    return _done(200)


@put(
    _both("/entity/instance/{instance_id:str}"),
    operation_class=description.update(),
    summary="Correct an entity of an instance.",
)
async def update_instance(
    instance_id: Id, request: Request_, ledger: Ledger_, almanach: Almanach_
) -> Response[Any]:
    """Correct the active entity; or, with `start` and `end`, the one closed entity that lies within."""
    body = await _body(request, almanach)
    query = request.query_params
    if "start" in query:
        asked = stretch(query.get("start"), query.get("end"), datetime.now(UTC))
        update = update_of(body, almanach.version, closed=True)
        found = await ledger.write(almanach.update_closed, instance_id, asked, update)
    else:
        update = update_of(body, almanach.version, closed=False)
        found = await ledger.write(almanach.update_active, instance_id, update)
    return Response(found, media_type=MediaType.JSON)


# --- volumes ---------------------------------------------------------------------------------


@post(
    _both("/project/{project_id:str}/volume"),
    operation_class=description.body(
        "volume_id", "start", "volume_type", "size", "volume_name", "attached_to"
    ),
    summary="Say that a volume was created.",
)
async def create_volume(
    project_id: Id, request: Request_, ledger: Ledger_, almanach: Almanach_
) -> Response[bytes]:
    """Begin the life of a volume that is not known yet."""
    body = await _body(request, almanach)
    body.require("volume_id", "start", "volume_type", "size", "volume_name", "attached_to")
    at, size, name = body.date("start"), body.size("size"), body.optional_text("volume_name")
    servers, type_id = body.identifiers("attached_to"), body.optional_text("volume_type")
    volume_type = None
    if type_id is not None:
        volume_type = type_id, await ledger.read(almanach.name_of_type, type_id)

    def write(resource: Any, known: Any) -> writes.Observations:
        return writes.create_volume(
            resource, known, at=at, volume_type=volume_type, size=size, name=name, attached_to=servers
        )

    await ledger.write(almanach.create, identifier(project_id), VOLUME, body.identifier("volume_id"), write)
    return _done(201)


@delete(
    _both("/volume/{volume_id:str}"),
    status_code=202,
    operation_class=description.body("date"),
    summary="Say that a volume was deleted.",
)
async def delete_volume(
    volume_id: Id, request: Request_, ledger: Ledger_, almanach: Almanach_
) -> Response[bytes]:
    """End the life of a volume."""
    body = await _body(request, almanach)
    body.require("date")
    at = body.date("date")
    await _change_volume(ledger, almanach, volume_id, lambda known, _seq: writes.delete(known, at=at))
    return _done(202)


@put(
    _both("/volume/{volume_id:str}/resize"),
    operation_class=description.body("date", "size"),
    summary="Say that a volume has another size.",
)
async def resize_volume(
    volume_id: Id, request: Request_, ledger: Ledger_, almanach: Almanach_
) -> Response[bytes]:
    """Change the size of a volume from an instant on."""
    body = await _body(request, almanach)
    body.require("size", "date")
    at, size = body.date("date"), body.size("size")
    await _change_volume(
        ledger,
        almanach,
        volume_id,
        lambda known, seq: writes.resize_volume(known, at=at, size=size, seq=seq),
    )
    return _done(200)


async def _attached(
    volume_id: str, request: Request_, ledger: LedgerAccess, almanach: Almanach
) -> Response[bytes]:
    body = await _body(request, almanach)
    body.require("date", "attachments")
    at, servers = body.date("date"), body.identifiers("attachments")
    await _change_volume(
        ledger,
        almanach,
        volume_id,
        lambda known, seq: writes.attach_volume(known, at=at, attached_to=servers, seq=seq),
    )
    return _done(200)


async def _change_volume(
    ledger: LedgerAccess, almanach: Almanach, volume_id: str, write: Callable[..., writes.Observations]
) -> None:
    unknown = refusals.not_found(almanach.version, volume_id)
    await ledger.write(almanach.change, VOLUME, volume_id, write, unknown)


@put(
    _both("/volume/{volume_id:str}/attach"),
    operation_class=description.body("date", "attachments"),
    summary="Say what a volume is attached to.",
)
async def attach_volume(
    volume_id: Id, request: Request_, ledger: Ledger_, almanach: Almanach_
) -> Response[bytes]:
    """Change what a volume is attached to from an instant on; the list holds all of it."""
    return await _attached(volume_id, request, ledger, almanach)


@put(
    _both("/volume/{volume_id:str}/detach"),
    operation_class=description.body("date", "attachments"),
    summary="Say what a volume is still attached to.",
)
async def detach_volume(
    volume_id: Id, request: Request_, ledger: Ledger_, almanach: Almanach_
) -> Response[bytes]:
    """Change what a volume is attached to from an instant on; the list holds what remains."""
    return await _attached(volume_id, request, ledger, almanach)


# --- types of volumes ------------------------------------------------------------------------


@get(_both("/volume_types"), summary="The types of volumes.")
async def list_volume_types(almanach: Almanach_, ledger: Ledger_) -> list[dict[str, str]]:
    """List the types of volumes that have names."""
    return await ledger.read(almanach.volume_types)


@get(_both("/volume_type/{type_id:str}"), summary="A type of volumes.")
async def show_volume_type(type_id: Id, almanach: Almanach_, ledger: Ledger_) -> dict[str, str]:
    """Tell the name of a type of volumes."""
    return await ledger.read(almanach.volume_type, type_id)


@post(
    _both("/volume_type"),
    operation_class=description.body("type_id", "type_name"),
    summary="Name a type of volumes.",
)
async def create_volume_type(request: Request_, almanach: Almanach_, ledger: Ledger_) -> Response[bytes]:
    """Give a type of volumes its name, or another one."""
    body = await _body(request, almanach)
    body.require("type_id", "type_name")
    await ledger.write(almanach.name_type, body.identifier("type_id"), body.text("type_name"))
    return _done(201)


@delete(
    _both("/volume_type/{type_id:str}"),
    status_code=202,
    operation_class=description.body(),
    summary="Drop a type of volumes.",
)
async def delete_volume_type(type_id: Id, almanach: Almanach_, ledger: Ledger_) -> Response[bytes]:
    """Forget that there is a type of volumes. Volumes that have it keep its name."""
    await ledger.write(almanach.drop_type, type_id)
    return _done(202)
