"""The description of the API: as OpenAPI, and as a page that needs nothing from anywhere else."""

from __future__ import annotations

import base64
import copy
import hashlib
from collections.abc import Iterator
from functools import cache
from typing import Any, Final, cast

import jinja2
import msgspec
from litestar import MediaType, Request, Response, Router, get
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme, Tag
from litestar.types import ControllerRouterHandler

from usance import __version__
from usance.api.admission import OPEN
from usance.api.errors import ErrorAnswer
from usance.api.refusals import REQUEST_ID, refusals
from usance.api.v2.description import paths as v2_paths
from usance.api.v2.description import schemas as v2_schemas
from usance.config.settings import ApiSettings

DESCRIPTION: Final = """\
What the projects of an OpenStack cloud use. Show who you are with a token of Keystone, or with the
private key, in the header X-Auth-Token. A project's members see that project; the roles that are
configured for it, and the private key, see all of them. Times are ISO 8601; without an offset they
are UTC.
"""

_METHODS: Final = ("get", "head", "post", "put", "patch", "delete", "options", "trace")

Request_ = Request[Any, Any, Any]
Document = dict[str, Any]


def openapi_config() -> OpenAPIConfig:
    """Return what Litestar describes the API with. Its own pages, which need a CDN, are not served."""
    return OpenAPIConfig(
        title="Usance",
        version=__version__,
        description=DESCRIPTION,
        components=Components(
            security_schemes={
                "token": SecurityScheme(
                    type="apiKey",
                    name="X-Auth-Token",
                    security_scheme_in="header",
                    description="A token of Keystone, or the private key.",
                )
            }
        ),
        security=[{"token": []}],
        tags=[Tag(name="Operation", description="For whoever runs the service.")],
        use_handler_docstrings=True,
        render_plugins=[JsonRenderPlugin(path="/openapi.json")],
        openapi_router=Router(path="/docs/as-generated", route_handlers=[], include_in_schema=False),
    )


def openapi_routes(settings: ApiSettings) -> list[ControllerRouterHandler]:
    """Return the routes of the description."""
    described: dict[str, Document] = {}

    def document(request: Request_) -> Document:
        if not described:
            described["it"] = complete(request.app.openapi_schema.to_schema(), settings)
        return described["it"]

    @get("/openapi.json", opt={OPEN: True}, include_in_schema=False)
    async def show_description(request: Request_) -> Response[bytes]:
        return Response(msgspec.json.encode(document(request)), media_type=MediaType.JSON)

    @get("/docs", opt={OPEN: True}, include_in_schema=False)
    async def show_page(request: Request_) -> Response[str]:
        return Response(
            render(document(request)),
            media_type=MediaType.HTML,
            headers={"Content-Security-Policy": _policy(), "Cache-Control": "max-age=300"},
        )

    return [show_description, show_page]


def complete(schema: Document, settings: ApiSettings) -> Document:
    """Return a description that tells what Litestar can't know: refusals, and the routes of /v2."""
    schema = copy.deepcopy(schema)
    _, parts = msgspec.json.schema_components([ErrorAnswer], ref_template="#/components/schemas/{name}")
    schemas = schema.setdefault("components", {}).setdefault("schemas", {})
    schemas.update(parts)
    schemas["AlmanachError"] = {
        "title": "AlmanachError",
        "type": "object",
        "properties": {"error": {"description": "A sentence, or one for each field."}},
        "required": ["error"],
    }
    schemas.update(v2_schemas())
    schema.setdefault("paths", {}).update(v2_paths(settings))
    for path, method, operation in operations(schema):
        responses = operation.setdefault("responses", {})
        responses.pop("400", None)  # in the shape of Litestar, which is not ours
        responses.update(refusals(path, operation))
        for answer in responses.values():
            answer["headers"] = {**answer.get("headers", {}), **REQUEST_ID}
            if method == "head":
                answer.pop("content", None)
    return schema


def operations(schema: Document) -> Iterator[tuple[str, str, Document]]:
    """Yield the operations that a description has: path, method, and what is said of it."""
    for path, item in schema.get("paths", {}).items():
        for method in _METHODS:
            if method in item:
                yield path, method, item[method]


# --- the page --------------------------------------------------------------------------------


def render(schema: Document) -> str:
    """Return the page that shows a description."""
    groups: dict[str, list[Document]] = {}
    for path, method, operation in operations(schema):
        tag = (operation.get("tags") or ["Almanach"])[0]
        groups.setdefault(tag, []).append({**operation, "path": path, "method": method.upper()})
    return _template().render(
        info=schema["info"],
        style=_style(),
        groups=groups,
        schemas=schema["components"]["schemas"],
        type_of=type_of,
    )


def type_of(schema: Document) -> str:
    """Say in a few words what a value is."""
    joints = [one for one in ("anyOf", "oneOf", "allOf") if one in schema]
    if "$ref" in schema:
        words = str(schema["$ref"]).rpartition("/")[2]
    elif joints:
        words = " or ".join(dict.fromkeys(type_of(one) for one in schema[joints[0]]))
    elif "enum" in schema:
        words = "one of " + ", ".join(str(one) for one in schema["enum"])
    else:
        words = _plain_type(schema)
    return words


def _plain_type(schema: Document) -> str:
    kind = schema.get("type", "anything")
    if isinstance(kind, list):
        return " or ".join(str(one) for one in kind)
    if kind == "array":
        return f"list of {type_of(schema.get('items', {}))}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of {type_of(schema['additionalProperties'])}"
    return f"{kind} ({schema['format']})" if "format" in schema else str(kind)


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("usance.api", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _template() -> jinja2.Template:
    return _environment().get_template("docs.html")


@cache
def _style() -> str:
    loader = cast("jinja2.BaseLoader", _environment().loader)
    return loader.get_source(_environment(), "docs.css")[0]


@cache
def _policy() -> str:
    """Return a policy under which the page may use its one style sheet, and nothing else."""
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; frame-ancestors 'none'; base-uri 'none'"
