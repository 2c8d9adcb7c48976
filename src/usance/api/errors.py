"""Refusals and mishaps, as answers: in the shape of /v2, or in that of Almanach."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec
from litestar import MediaType, Request, Response
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap

from usance.api.requests import request_id
from usance.model.errors import LedgerError, UsanceError

LOG = logging.getLogger(__name__)

_LONGEST: Final = 500  # characters of a message

_OURS: Final = (["v2"], ["health"], ["ready"], ["metrics"], ["docs"], ["openapi.json"])

LEDGER_AWAY: Final = "the ledger can't be read or written at present"


class RefusedError(UsanceError):
    """A request that is answered with a status of 4xx or 503, and a sentence that says why."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        hint: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.headers = dict(headers or {})


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """What went wrong, as /v2 tells it; Keystone and others tell theirs the same way."""

    code: int  # the status of the answer
    title: str  # the status in words
    message: str  # one sentence
    hint: str | None = None  # what to do
    request_id: str | None = None  # by which the log tells more


class ErrorAnswer(msgspec.Struct, frozen=True):
    """The body of every answer of /v2 that is no success."""

    error: Problem


def refusal_of(error: Exception) -> RefusedError:
    """Return how an error is answered; what nobody foresaw is a 500 that says nothing of itself."""
    if isinstance(error, RefusedError):
        return error
    if isinstance(error, HTTPException):
        return RefusedError(error.status_code, _sentence(error), headers=error.headers)
    if isinstance(error, LedgerError):
        # The sentence names files and hosts: it is for the operator.
        return RefusedError(503, LEDGER_AWAY, hint="try again later", headers={"Retry-After": "5"})
    return RefusedError(500, "this should not have happened", hint="the log says more")


def _sentence(error: HTTPException) -> str:
    extra = error.extra
    if isinstance(extra, list):
        parts = [f"{one.get('key', 'body')}: {one.get('message')}" for one in extra if isinstance(one, dict)]
        if parts:
            return "; ".join(parts)[:_LONGEST]
    return error.detail[:_LONGEST]


def log_mishap(request: Request[Any, Any, Any], error: Exception) -> None:
    """Log what the operator should know of: a ledger that is away, and what nobody foresaw."""
    if isinstance(error, LedgerError):
        LOG.error("%s: %s", request_id(request.scope), error)
    elif not isinstance(error, (UsanceError, HTTPException)):
        LOG.error("%s: an error that nobody foresaw:", request_id(request.scope), exc_info=error)


def problem_of(refusal: RefusedError, identity: str) -> ErrorAnswer:
    """Return a refusal as /v2 tells it."""
    problem = Problem(
        code=refusal.status,
        title=HTTPStatus(refusal.status).phrase,
        message=refusal.message,
        hint=refusal.hint,
        request_id=identity,
    )
    return ErrorAnswer(problem)


def is_ours(path: str) -> bool:
    """Say whether a path is none of Almanach's, so that its errors have the shape of /v2."""
    return path.split("/", 2)[1:2] in _OURS


def body_of(refusal: RefusedError, path: str, identity: str) -> tuple[bytes, bytes]:
    """Return the body of an answer that no route made, and its content type."""
    if is_ours(path):
        return msgspec.json.encode(problem_of(refusal, identity)), b"application/json"
    if refusal.status == 401:
        return b"Unauthorized", b"text/plain; charset=utf-8"
    return msgspec.json.encode({"error": refusal.message}), b"application/json"


def v2_answer(request: Request[Any, Any, Any], error: Exception) -> Response[ErrorAnswer]:
    """Answer an error in the shape of /v2."""
    log_mishap(request, error)
    refusal = refusal_of(error)
    return Response(
        problem_of(refusal, request_id(request.scope)),
        status_code=refusal.status,
        headers=refusal.headers,
        media_type=MediaType.JSON,
    )


def almanach_answer(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """Answer an error in Almanach's shape: `{"error": <sentence>}`, and a bare `Unauthorized` for a 401."""
    log_mishap(request, error)
    refusal = refusal_of(error)
    if refusal.status == 401:
        return Response("Unauthorized", status_code=401, headers=refusal.headers, media_type=MediaType.TEXT)
    return Response(
        {"error": refusal.message},
        status_code=refusal.status,
        headers=refusal.headers,
        media_type=MediaType.JSON,
    )


V2_ERRORS: Final[ExceptionHandlersMap] = {HTTPException: v2_answer, Exception: v2_answer}
"""The `exception_handlers` of every route that says nothing else."""

ALMANACH_ERRORS: Final[ExceptionHandlersMap] = {HTTPException: almanach_answer, Exception: almanach_answer}
"""The `exception_handlers` of Almanach's routes, to which they add their own."""
