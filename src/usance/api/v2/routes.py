"""The routes under `/v2`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Stream
from litestar.types import ControllerRouterHandler

from usance.api.caller import Caller
from usance.api.errors import RefusedError
from usance.api.ledger_access import LedgerAccess
from usance.api.v2 import answers, asking, columns, cursors, reading
from usance.api.v2.columns import Column
from usance.api.v2.conditional import CACHING, is_known, tag_of
from usance.api.v2.formats import MEDIA_TYPES, Format, Writer, choose, writer
from usance.api.v2.parameters import Parameter, read_query
from usance.config.settings import ApiSettings
from usance.ledger.answers import Asked
from usance.ledger.ledger import Ledger
from usance.model.resource import KINDS

Request_ = Request[Any, Any, Any]

PIECE: Final = 1000
"""Rows that are read and written at once of an answer without pages."""


class Table(msgspec.Struct, frozen=True):
    """A listing: the name under which its rows stand, their columns, and what the answer depends on."""

    name: str
    columns: tuple[Column, ...]
    fetch: reading.Fetch
    question: Any  # anything that JSON can hold: what tells it from all other questions
    asked: Asked
    is_settled: bool = True  # nothing but what is written to the ledger can change the answer


class Tag:
    """The tag of an answer, once the ledger was asked how old it is; and whether the caller has it."""

    def __init__(self, request: Request_, ledger: Ledger, asked: Asked, what: Any) -> None:
        self.is_known = False
        self._given = request.headers.get("if-none-match")
        self._ledger = ledger
        self._asked = asked
        self._what = what

    def headers(self) -> dict[str, str]:
        """Ask, before the answer is read: what is written meanwhile then makes another tag."""
        tag = tag_of(self._what, self._ledger.questions.version(self._asked))
        self.is_known = is_known(tag, self._given)
        return {"ETag": tag}


def v2_routes(settings: ApiSettings) -> list[ControllerRouterHandler]:
    """Return the routes of `/v2`."""
    usual = asking.usual_rows(settings)
    parameters = {
        "projects": asking.projects_parameters(settings),
        "resources": asking.resources_parameters(settings),
        "spans": asking.spans_parameters(settings),
        "changes": asking.changes_parameters(settings),
    }

    @get("/v2/projects", include_in_schema=False)
    async def list_projects(
        request: Request_, caller: NamedDependency[Caller], ledger: NamedDependency[LedgerAccess]
    ) -> Response[Any]:
        values = _query(request, parameters["projects"])
        asked = asking.asked_of(values, caller, None)
        # Names come from elsewhere, and change without a revision.
        table = Table(
            "projects",
            columns.PROJECT,
            reading.projects(ledger.ledger, asked),
            ("projects", asked),
            asked,
            is_settled=False,
        )
        return await _listed(request, values, ledger, table, usual)

    @get("/v2/resources", include_in_schema=False)
    async def list_resources(
        request: Request_, caller: NamedDependency[Caller], ledger: NamedDependency[LedgerAccess]
    ) -> Response[Any]:
        values = _query(request, parameters["resources"])
        listed = asking.listed(values, caller, datetime.now(UTC))
        fetch = reading.resources(ledger.ledger, listed)
        question = ("resources", listed.asked, listed.sort, listed.descending)
        table = Table("resources", columns.RESOURCE, fetch, question, listed.asked)
        return await _listed(request, values, ledger, table, usual)

    @get("/v2/resources/{kind:str}/{resource_id:path}", include_in_schema=False)
    async def show_resource(
        kind: FromPath[str],
        resource_id: FromPath[str],
        request: Request_,
        caller: NamedDependency[Caller],
        ledger: NamedDependency[LedgerAccess],
    ) -> Response[Any]:
        values = _query(request, asking.LIFE)
        if kind not in KINDS:
            raise RefusedError(404, "there is no such kind of resource", hint="known are " + ", ".join(KINDS))
        named = {**values, "kind": (kind,), "id": (resource_id.removeprefix("/"),)}
        asked = asking.asked_of(named, caller, None)
        found = await ledger.read(lambda: msgspec.json.encode(reading.lives(ledger.ledger, asked)))
        return _answer(found, Format.JSON, {})

    @get("/v2/spans", include_in_schema=False)
    async def list_spans(
        request: Request_, caller: NamedDependency[Caller], ledger: NamedDependency[LedgerAccess]
    ) -> Response[Any]:
        values = _query(request, parameters["spans"])
        listed = asking.listed(values, caller, datetime.now(UTC))
        table = Table(
            "spans",
            columns.SPAN,
            reading.spans(ledger.ledger, listed),
            ("spans", listed.asked, listed.sort, listed.descending, listed.clip),
            listed.asked,
            is_settled=listed.until is None,
        )
        return await _listed(request, values, ledger, table, usual)

    @get("/v2/usage", include_in_schema=False)
    async def show_usage(
        request: Request_, caller: NamedDependency[Caller], ledger: NamedDependency[LedgerAccess]
    ) -> Response[Any]:
        return await _usage(request, caller, ledger, settings)

    @get("/v2/changes", include_in_schema=False)
    async def list_changes(
        request: Request_, caller: NamedDependency[Caller], ledger: NamedDependency[LedgerAccess]
    ) -> Response[Any]:
        return await _changes(request, _query(request, parameters["changes"]), caller, ledger, usual)

    return [list_projects, list_resources, show_resource, list_spans, show_usage, list_changes]


# --- listings --------------------------------------------------------------------------------


async def _listed(
    request: Request_, values: asking.Values, ledger: LedgerAccess, table: Table, usual: int
) -> Response[Any]:
    """Answer with a page of a listing; or, in a format of tables and where no page is asked for, with all."""
    format_ = _format(request, values)
    cursor = values.get("cursor")
    after = None if cursor is None else cursors.unseal(cursor, table.question)
    what = (table.question, format_, values.get("limit"), cursor)
    tag = Tag(request, ledger.ledger, table.asked, what) if table.is_settled else None
    if format_ is not Format.JSON and cursor is None and "limit" not in values:
        out = writer(format_, table.columns, key=table.name, head={})
        return await _streamed(ledger, _pages(table.fetch), out, format_, tag)

    def page() -> tuple[bytes, dict[str, str]]:
        headers = {} if tag is None else tag.headers()
        if tag is not None and tag.is_known:
            return b"", headers
        rows, following = table.fetch(after, values.get("limit", usual))
        text = None if following is None else cursors.seal(following, table.question)
        out = writer(format_, table.columns, key=table.name, head={"next": text})
        return _whole(out, rows), headers | _link(request, text)

    body, headers = await ledger.read(page)
    if tag is not None and tag.is_known:
        return _unchanged(headers)
    return _answer(body, format_, headers)


def _pages(fetch: reading.Fetch) -> Iterator[Sequence[Any]]:
    """Yield all rows, page by page; each page is one transaction."""
    after = None
    while True:
        rows, after = fetch(after, PIECE)
        yield rows
        if after is None:
            return


def _link(request: Request_, cursor: str | None) -> dict[str, str]:
    """Return the header that tells where the next page is, as RFC 8288 has it."""
    if cursor is None:
        return {}
    others = [(name, text) for name, text in request.query_params.multi_items() if name != "cursor"]
    query = urlencode([*others, ("cursor", cursor)])
    return {"Link": f'<{request.url.path}?{query}>; rel="next"'}


# --- usage -----------------------------------------------------------------------------------


async def _usage(
    request: Request_, caller: Caller, ledger: LedgerAccess, settings: ApiSettings
) -> Response[Any]:
    values = _query(request, asking.USAGE)
    format_ = _format(request, values)
    summed = asking.summed(values, caller, settings, datetime.now(UTC))
    asked = summed.asked
    tag = Tag(request, ledger.ledger, asked, ("usage", summed, format_)) if summed.is_closed else None
    rows = ledger.ledger.questions.usage
    period = asked.period
    until = summed.until if asked.as_of is None else min(summed.until, asked.as_of)
    head = {
        "start": None if period is None else period.start,
        "end": until,
        "suspended_states": summed.suspended,
    }
    out = writer(format_, columns.USAGE, key="usage", head=head)

    def pieces() -> Iterator[Sequence[Any]]:
        found = rows(
            asked,
            until=until,
            by=summed.by,
            window=summed.window,
            suspended_states=summed.suspended,
            count_resources=summed.count_resources,
        )
        while piece := [answers.usage_of(one) for one in islice(found, PIECE)]:
            yield piece

    return await _streamed(ledger, pieces(), out, format_, tag)


# --- changes ---------------------------------------------------------------------------------


async def _changes(
    request: Request_, values: asking.Values, caller: Caller, ledger: LedgerAccess, usual: int
) -> Response[Any]:
    format_ = _format(request, values)
    project_id = values.get("project_id")
    if project_id is None:
        own = caller.projects
        if own is None or len(own) != 1:
            raise RefusedError(
                400, "the parameter project_id is missing", hint="each project has its own feed"
            )
        project_id = next(iter(own))
    feed = reading.Feed(
        # Of what the caller may not see nothing is known.
        project_id=project_id if caller.may_read(project_id) else None,
        cloud_id=values.get("cloud_id"),
        kinds=values.get("kind"),
        since_revision=values.get("since_revision", 0),
        recorded_after=values.get("recorded_after"),
        cursor=values.get("cursor"),
        limit=values.get("limit", usual),
    )

    def page() -> tuple[bytes, str]:
        found = reading.changes(ledger.ledger, feed)
        if format_ is Format.JSON:
            return msgspec.json.encode(found), found.next
        return _whole(writer(format_, columns.CHANGE, key="changes", head={}), found.changes), found.next

    body, following = await ledger.read(page)
    return _answer(body, format_, _link(request, following))


# --- what all have in common -----------------------------------------------------------------


def _query(request: Request_, parameters: Sequence[Parameter]) -> dict[str, Any]:
    return read_query(parameters, request.query_params.multi_items())


def _format(request: Request_, values: asking.Values) -> Format:
    return choose(values.get("format"), request.headers.get("accept"))


def _whole(out: Writer, rows: Sequence[Any]) -> bytes:
    return out.rows(rows) + out.end()


def _answer(body: bytes, format_: Format, headers: dict[str, str]) -> Response[bytes]:
    return Response(body, headers=_all(headers, format_), media_type=MEDIA_TYPES[format_])


def _unchanged(headers: dict[str, str]) -> Response[None]:
    return Response(None, status_code=304, headers=CACHING | headers)


def _all(headers: dict[str, str], format_: Format) -> dict[str, str]:
    """Return the headers of an answer; a file gets a name."""
    found = CACHING | headers
    if format_ is not Format.JSON:
        found["Content-Disposition"] = f'attachment; filename="usance.{format_.value}"'
    return found


async def _streamed(
    ledger: LedgerAccess,
    pieces: Iterator[Sequence[Any]],
    out: Writer,
    format_: Format,
    tag: Tag | None,
) -> Response[Any]:
    """Answer with what is read piece by piece, so that a long one takes no memory."""

    def step() -> tuple[bytes, bool]:
        rows = next(pieces, ())
        is_last = len(rows) < PIECE
        return out.rows(rows) + (out.end() if is_last else b""), is_last

    def begin() -> tuple[bytes, bool, dict[str, str]]:
        headers = {} if tag is None else tag.headers()
        if tag is not None and tag.is_known:
            return b"", True, headers
        return *step(), headers

    # The first is read now: what goes wrong then can still be told.
    first, is_whole, headers = await ledger.read(begin)
    if tag is not None and tag.is_known:
        return _unchanged(headers)
    if is_whole:
        return _answer(first, format_, headers)

    async def written() -> AsyncIterator[bytes]:
        yield first
        is_last = False
        while not is_last:
            piece, is_last = await ledger.read(step)
            yield piece

    return Stream(written(), headers=_all(headers, format_), media_type=MEDIA_TYPES[format_])
