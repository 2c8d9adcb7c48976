"""Servers of the simulated Nova: who sees which of them, page by page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import orjson

from usance.demo.index import Selection
from usance.demo.nova_call import Call, enforce, marked, next_url, number_of, page_size, seconds
from usance.demo.rows import Row, partial_row
from usance.demo.web import JSON, Refusal, Response, answer

_TRUE: Final = frozenset({"1", "t", "true", "on", "y", "yes"})


def _truth(value: str | None) -> bool:
    return value is not None and value.strip().lower() in _TRUE


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
    return Selection(project_id, None if since is None else seconds(since), deleted)


def _rows(call: Call, selection: Selection) -> Iterator[tuple[int, bytes]]:
    """Yield the servers of a listing, rendered, from the marker on."""
    region, style, now_us = call.region, call.style, call.now_us
    variant = style.variant
    status = call.request.query.get("status", "").upper()
    # Nova hides soft-deleted servers from a plain listing, but shows them as changed, or as deleted.
    plain = selection.deleted is False
    for number in region.index.select(selection, now_us, marked(call)):
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


def list_servers(call: Call) -> Response:
    """Answer `servers/detail`."""
    enforce(call, "servers:detail")
    size = page_size(call)
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
            [{"rel": "next", "href": next_url(call, "servers/detail", _id_of(call, last), size)}]
        )
    return Response(200, b'{"servers": [' + b",".join(bodies) + b"]" + links + b"}", (JSON,))


def _id_of(call: Call, number: int) -> str:
    return call.region.history.life(number).id


def show_server(call: Call, server_id: str) -> Response:
    """Answer `servers/<id>`: a deleted server is not found, whoever asks."""
    enforce(call, "servers:show")
    number = number_of(call, server_id, deleted=False)
    if call.region.down_cells:
        life = call.region.history.life(number)
        if life.cell in call.region.down_cells:
            if call.version < (2, 69):
                raise Refusal(500, "Unexpected API Error. Please report this at the bug tracker of Nova.")
            return answer({"server": partial_row(life, call.base_url)})
    row = call.region.rows.row(number, call.now_us, call.style)
    return Response(200, b'{"server": ' + row.body + b"}", (JSON,))
