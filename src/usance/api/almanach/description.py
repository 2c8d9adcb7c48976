"""What OpenAPI is told of requests that no type describes: bodies that are read whatever they are called."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from litestar.openapi.spec import (
    OpenAPIMediaType,
    OpenAPIResponse,
    OpenAPIType,
    Operation,
    Parameter,
    RequestBody,
    Schema,
)
from litestar.openapi.spec.enums import OpenAPIFormat

_DATE: Final = Schema(
    type=OpenAPIType.STRING,
    format=OpenAPIFormat.DATE_TIME,
    description="ISO 8601; without an offset it is UTC.",
    example="2016-01-01T18:30:00Z",
)
_TEXT: Final = Schema(type=OpenAPIType.STRING, max_length=1024)
_NAME: Final = Schema(type=[OpenAPIType.STRING, OpenAPIType.NULL], max_length=1024)
_NEEDED: Final = Schema(type=OpenAPIType.STRING, min_length=1, max_length=1024)
_ID: Final = Schema(type=OpenAPIType.STRING, min_length=1, max_length=255)
_IDS: Final = Schema(type=OpenAPIType.ARRAY, items=_ID, max_items=1000)
_SIZE: Final = Schema(type=OpenAPIType.INTEGER, minimum=0, description="In GiB.")
_SYSTEM: Final = Schema(
    type=OpenAPIType.OBJECT,
    properties=dict.fromkeys(("distro", "version", "os_type"), _TEXT),
    required=["distro", "version", "os_type"],
)

_FIELDS: Final = {
    "date": _DATE,
    "created_at": _DATE,
    "rebuild_date": _DATE,
    "start": _DATE,
    "start_date": _DATE,
    "end_date": _DATE,
    "id": _ID,
    "volume_id": _ID,
    "type_id": _ID,
    "size": _SIZE,
    "attached_to": _IDS,
    "attachments": _IDS,
    "os": _SYSTEM,
    "metadata": Schema(type=OpenAPIType.OBJECT),
    "flavor": _NEEDED,
    "type_name": _NEEDED,
    "volume_name": _NAME,
    **dict.fromkeys(("os_distro", "os_version", "os_type", "distro", "version"), _NAME),
    "volume_type": _NAME,
}

_MOMENT: Final = "As 2016-01-01 18:49:00.000, in UTC."


def _body(names: tuple[str, ...], required: tuple[str, ...]) -> RequestBody:
    schema = Schema(
        type=OpenAPIType.OBJECT,
        properties={name: _FIELDS.get(name, _TEXT) for name in names},
        required=list(required) or None,
    )
    return RequestBody(content={"application/json": OpenAPIMediaType(schema=schema)}, required=True)


def _period(*, required: bool) -> list[Any]:
    moment = Schema(type=OpenAPIType.STRING, description=_MOMENT)
    return [
        Parameter(name="start", param_in="query", schema=moment, required=required),
        Parameter(name="end", param_in="query", schema=moment, required=False),
    ]


def _nullable(*, date: bool = False) -> Schema:
    return Schema(
        type=[OpenAPIType.STRING, OpenAPIType.NULL],
        description="As 2016-01-01 18:30:00+00:00." if date else None,
    )


_ENTITY: Final = Schema(
    type=OpenAPIType.OBJECT,
    description="An instance or a volume, in a stretch in which nothing of it changed that is told.",
    properties={
        "entity_id": _ID,
        "entity_type": Schema(type=OpenAPIType.STRING, enum=["instance", "volume"]),
        "project_id": _ID,
        "start": _nullable(date=True),
        "end": _nullable(date=True),
        "last_event": _nullable(date=True),
        "processed": _nullable(date=True),
        "name": _nullable(),
        "flavor": _nullable(),
        "os": Schema(type=OpenAPIType.OBJECT),
        "image_meta": Schema(type=OpenAPIType.OBJECT),
        "metadata": Schema(type=OpenAPIType.OBJECT),
        "volume_type": _nullable(),
        "size": Schema(type=[OpenAPIType.INTEGER, OpenAPIType.NULL]),
        "attached_to": _IDS,
    },
    required=["entity_id", "entity_type", "project_id", "start", "end", "last_event", "name"],
)
_LIST: Final = Schema(type=OpenAPIType.ARRAY, items=_ENTITY)


class _Answering(Operation):
    """An operation whose answer is described by hand."""

    def answers(self, schema: Schema | None) -> None:
        """Describe the success: JSON of this schema; None: an empty body."""
        for status, response in (self.responses or {}).items():
            if status.startswith("2") and isinstance(response, OpenAPIResponse):
                media = "text/plain" if schema is None else "application/json"
                shown = Schema(type=OpenAPIType.STRING, max_length=0) if schema is None else schema
                response.content = {media: OpenAPIMediaType(schema=shown)}


@cache
def body(*names: str) -> type[Operation]:
    """Return how an operation is described whose body has some fields, all of them needed; or none."""

    @dataclass
    class WithBody(_Answering):
        def __post_init__(self) -> None:
            self.answers(None)
            if names:
                self.request_body = _body(names, names)

    return WithBody


@cache
def update() -> type[Operation]:
    """Return how the update of an entity is described."""

    @dataclass
    class WithUpdate(_Answering):
        def __post_init__(self) -> None:
            self.answers(_ENTITY)
            names = ("name", "flavor", "os", "metadata", "start_date", "end_date")
            self.request_body = _body(names, ())
            self.parameters = [*(self.parameters or ()), *_period(required=False)]

    return WithUpdate


@cache
def listing(*, period: bool = True) -> type[Operation]:
    """Return how an operation is described that lists entities, as a rule those of a stretch of time."""

    @dataclass
    class WithList(_Answering):
        def __post_init__(self) -> None:
            self.answers(_LIST)
            if period:
                self.parameters = [*(self.parameters or ()), *_period(required=True)]

    return WithList
