"""With what each route may refuse a request, as OpenAPI describes it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from usance.api.errors import is_ours

Document = dict[str, Any]

_OURS: Final = "#/components/schemas/ErrorAnswer"
_ALMANACHS: Final = "#/components/schemas/AlmanachError"

_SENTENCES: Final = {
    400: "What is asked can't be understood, or can't be.",
    401: "X-Auth-Token is missing or not valid.",
    403: "The caller may not do this.",
    404: "There is no such thing, or none that the caller may see.",
    406: "There is no answer of an accepted type.",
    408: "The request was not complete in time.",
    413: "The body is too large.",
    414: "The address is too long.",
    429: "The caller asks too often, or showed too many tokens that were not valid.",
    431: "The header is too large.",
    503: "The ledger or Keystone can't be asked at present, or did not answer in time.",
}

_RETRY_AFTER: Final = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "string"}}}
_HEADERS: Final = {
    401: {"WWW-Authenticate": {"description": "How to show a token.", "schema": {"type": "string"}}},
    429: _RETRY_AFTER,
    503: _RETRY_AFTER,
}
REQUEST_ID: Final = {
    "x-openstack-request-id": {
        "description": "By which the log tells more.",
        "required": True,
        "schema": {"type": "string"},
    }
}
"""The header that every answer has."""


def refusals(path: str, operation: Document) -> Document:
    """Return the answers of an operation that are no success, by status."""
    return {str(status): _answer(path, status) for status in sorted(_statuses(path, operation))}


def _statuses(path: str, operation: Document) -> set[int]:
    found = {414, 429, 431, 503}
    if operation.get("security") != [{}]:
        found |= {401, 403}
    if operation.get("parameters") or operation.get("requestBody"):
        found.add(400)
    if operation.get("requestBody"):
        found |= {408, 413}
    if "{" in path or path == "/v2/changes":
        found.add(404)
    if "text/csv" in operation["responses"].get("200", {}).get("content", {}):
        found.add(406)
    return found


def _answer(path: str, status: int) -> Document:
    found: Document = {"description": f"{HTTPStatus(status).phrase}: {_SENTENCES[status]}"}
    found["content"] = _content(status, ours=is_ours(path))
    if status in _HEADERS:
        found["headers"] = _HEADERS[status]
    return found


def _content(status: int, *, ours: bool) -> Document:
    if status == 401 and not ours:
        return {"text/plain": {"schema": {"type": "string"}}}
    return {"application/json": {"schema": {"$ref": _OURS if ours else _ALMANACHS}}}
