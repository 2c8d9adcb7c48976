"""What OpenAPI is told of requests that no type describes: bodies that are read whatever they are called."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from litestar.openapi.spec import (
    OpenAPIMediaType,
    OpenAPIType,
    Operation,
    Parameter,
    RequestBody,
    Schema,
)

_DATE: Final = Schema(
    type=OpenAPIType.STRING,
    description="ISO 8601; without an offset it is UTC.",
    example="2016-01-01T18:30:00Z",
)
_TEXT: Final = Schema(type=OpenAPIType.STRING, max_length=1024)
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


@cache
def body(*names: str) -> type[Operation]:
    """Return how an operation is described whose body has some fields, all of them needed."""

    @dataclass
    class WithBody(Operation):
        def __post_init__(self) -> None:
            self.request_body = _body(names, names)

    return WithBody


@cache
def update() -> type[Operation]:
    """Return how the update of an entity is described."""

    @dataclass
    class WithUpdate(Operation):
        def __post_init__(self) -> None:
            names = ("name", "flavor", "os", "metadata", "start_date", "end_date")
            self.request_body = _body(names, ())
            self.parameters = [*(self.parameters or ()), *_period(required=False)]

    return WithUpdate


@cache
def listing() -> type[Operation]:
    """Return how an operation is described that lists what a stretch of time touches."""

    @dataclass
    class WithPeriod(Operation):
        def __post_init__(self) -> None:
            self.parameters = [*(self.parameters or ()), *_period(required=True)]

    return WithPeriod
