"""What Nova shows of the servers of a project, and what it hides."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from usance.cloud.flavors import FlavorRow
from usance.doctor.check import Check, Verdict
from usance.doctor.place import Place, refused
from usance.doctor.policies import (
    ACTION,
    ACTIONS,
    ALL_SERVERS,
    EMBEDDED_SPECS,
    EVENTS,
    FLAVOR_SPECS,
    SERVER,
    SERVERS,
    USAGE,
    remedy,
)
from usance.doctor.releases import NOVA_COSTS, dotted, lost, releases_of, titles
from usance.model.errors import CloudError
from usance.sources.nova_api import ACTION_END, DELETED_ACTIONS, EMBEDDED_FLAVOR, NovaApi, is_path_safe
from usance.sources.nova_rows import ActionDocument, ActionRow, ActionsPage, ServerRow

EVENTS_FOR_ALL: Final = (2, 51)  # the steps of an action are told to whoever may see it
SPECS_IN_FLAVORS: Final = (2, 61)
USAGE_PAGES: Final = (2, 40)

_ACTIONS: Final = msgspec.json.Decoder(ActionsPage)
_ACTION: Final = msgspec.json.Decoder(ActionDocument)
_ANY: Final = msgspec.json.Decoder(dict[str, Any])


class _Flavors(msgspec.Struct):
    flavors: list[FlavorRow] = []


_FLAVORS: Final = msgspec.json.Decoder(_Flavors)


class Sight(msgspec.Struct):
    """What was seen of the servers of a project, for checks of other services."""

    checks: list[Check]
    servers: list[ServerRow] = []  # the first page of those that live, or one of those that lived
    seen: bool = False  # whether Nova showed any list at all

    @property
    def live(self) -> list[ServerRow]:
        """Those that live."""
        return [one for one in self.servers if not one.is_deleted]


def versions(api: NovaApi, scope: str) -> list[Check]:
    """Return what the microversions that Nova offers tell and cost."""
    costs = lost(api.offered, NOVA_COSTS)
    told = f"Nova offers {dotted(api.offered)}: OpenStack {titles(releases_of(api.offered))}"
    if not costs:
        return [Check("Nova: version", scope, Verdict.OK, told)]
    return [
        Check("Nova: version", scope, Verdict.WARNING, f"{told}; {one}", "upgrade the cloud") for one in costs
    ]


async def servers(place: Place, api: NovaApi, *, whole_page: bool) -> Sight:
    """Ask for servers as the source does: what changed since ever, and, with *whole_page*, what lives."""
    name = "Nova: servers"
    rules = (SERVERS, ALL_SERVERS) if place.outside else (SERVERS,)
    whose = [("all_tenants", "1"), ("project_id", place.project.id)] if place.outside else []
    try:
        found = await _page(place, api, [*whose, ("changes-since", "1970-01-01T00:00:00Z"), ("limit", "1")])
        live = await _page(place, api, whose) if whole_page else []
    except CloudError as error:
        return Sight([refused(name, place, error, rules)])
    shown = {one.id: one for one in [*found, *live]}
    own = [one for one in shown.values() if one.tenant_id in {None, place.project.id}]
    partial = [one for one in own if one.is_partial]
    sight = Sight(
        [Check(name, place.label, Verdict.OK, "servers are listed, the deleted ones, too")],
        [one for one in own if not one.is_partial],
        seen=True,
    )
    if partial:
        sight.checks.append(
            Check(
                "Nova: cells",
                place.label,
                Verdict.ERROR,
                f"Nova shows {len(partial)} servers without their state: one of its cells is down",
                "see openstack compute service list; a run waits until the cell is back",
            )
        )
    elif whole_page and not place.outside and api.version >= (2, 69):
        sight.checks.append(Check("Nova: cells", place.label, Verdict.OK, "all cells answer"))
    return sight


async def _page(place: Place, api: NovaApi, query: Sequence[tuple[str, str]]) -> list[ServerRow]:
    async with aclosing(api.pages(place.scope, query)) as pages:
        return await anext(pages, [])


async def details(place: Place, api: NovaApi, sight: Sight) -> list[Check]:
    """Look at one server as the source does: its actions, their steps, its flavor; and at the usage."""
    found = [await _usage(place, api)]
    sample = _sample(sight, api)
    if sample is None:
        nothing = "the project has no server to try this with"
        names = ("Nova: instance actions", "Nova: flavor properties")
        return [*found, *(Check(name, place.label, Verdict.OK, nothing) for name in names)]
    found.append(await _single(place, api, sight))
    return [*found, *await _actions(place, api, sample), await _specs(place, api, sample)]


def _sample(sight: Sight, api: NovaApi) -> ServerRow | None:
    rows = sight.live or ([] if api.version < DELETED_ACTIONS else sight.servers)
    return next((one for one in rows if is_path_safe(one.id)), None)


async def _single(place: Place, api: NovaApi, sight: Sight) -> Check:
    """Ask for one server by its id, as the source does with what a listing left out."""
    name = "Nova: single servers"
    live = next((one for one in sight.live if is_path_safe(one.id)), None)
    if live is None:
        return Check(name, place.label, Verdict.OK, "the project has no live server to try this with")
    try:
        await api.server(place.scope, live.id)
    except CloudError as error:
        return refused(name, place, error, (SERVER,))
    return Check(name, place.label, Verdict.OK, "a server can be asked for by its id")


async def _actions(place: Place, api: NovaApi, server: ServerRow) -> list[Check]:
    name = "Nova: instance actions"
    path = f"/servers/{server.id}/os-instance-actions"
    params = [("limit", "1")] if api.version >= ACTION_END else []
    compute = place.cloud.compute
    try:
        page = await compute.get(place.scope, path, _ACTIONS, params=params, headers=api.headers)
    except CloudError as error:
        return [refused(name, place, error, (ACTIONS, ACTION))]
    listed = Check(name, place.label, Verdict.OK, "when servers changed is told")
    return [listed, *await _steps(place, api, path, page.instance_actions)]


async def _steps(place: Place, api: NovaApi, path: str, actions: Sequence[ActionRow]) -> list[Check]:
    name = "Nova: steps of actions"
    request = next(
        (one.request_id for one in actions if one.request_id and is_path_safe(one.request_id)), None
    )
    if request is None:
        return []
    try:
        document = await place.cloud.compute.get(
            place.scope, f"{path}/{request}", _ACTION, headers=api.headers
        )
    except CloudError as error:
        return [refused(name, place, error, (ACTION,))]
    if api.version < EVENTS_FOR_ALL and not document.instance_action.events:
        return [
            Check(
                name,
                place.label,
                Verdict.WARNING,
                "Nova does not tell the steps of an action, so that some changes are dated by looks",
                remedy((EVENTS,), place.releases, place.role),
            )
        ]
    return [Check(name, place.label, Verdict.OK, "the steps of actions are told")]


async def _specs(place: Place, api: NovaApi, server: ServerRow) -> Check:
    name = "Nova: flavor properties"
    if api.version >= EMBEDDED_FLAVOR:
        if server.flavor is not None and server.flavor.extra_specs is None:
            return Check(
                name,
                place.label,
                Verdict.MISSING,
                "servers come without the properties of their flavors: no benchmarks, no accelerators",
                remedy((EMBEDDED_SPECS,), place.releases, place.role),
            )
        return Check(name, place.label, Verdict.OK, "servers come with the properties of their flavors")
    flavor_id = server.flavor.id if server.flavor is not None else None
    if flavor_id is None or not is_path_safe(flavor_id):
        return Check(name, place.label, Verdict.OK, "the server has no flavor to try this with")
    try:
        path = f"/flavors/{flavor_id}/os-extra_specs"
        await place.cloud.compute.get(place.scope, path, _ANY, headers=api.headers)
    except CloudError as error:
        return refused(name, place, error, (FLAVOR_SPECS,))
    return Check(name, place.label, Verdict.OK, "the properties of flavors are told")


async def _usage(place: Place, api: NovaApi) -> Check:
    name = "Nova: usage"
    end = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    params = [("start", (end - timedelta(minutes=1)).isoformat()), ("end", end.isoformat())]
    if api.version >= USAGE_PAGES:
        params.append(("limit", "1"))
    path = f"/os-simple-tenant-usage/{place.project.id}"
    try:
        await place.cloud.compute.get(place.scope, path, _ANY, params=params, headers=api.headers)
    except CloudError as error:
        return refused(name, place, error, (USAGE,), matters=False)
    return Check(name, place.label, Verdict.OK, "extract --verify can compare with Nova's own usage")


async def flavors(place: Place, api: NovaApi) -> list[FlavorRow]:
    """Return the flavors that Nova lists, with their properties; none before it does that."""
    if api.version < SPECS_IN_FLAVORS:
        return []
    listed = await place.cloud.compute.get(place.scope, "/flavors/detail", _FLAVORS, headers=api.headers)
    return listed.flavors
