"""What Cinder, Neutron, Glance and Gnocchi show of a project."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any, Final

import msgspec

from usance.cloud.addresses import Addresses
from usance.doctor.check import Check, Verdict
from usance.doctor.nova import Sight
from usance.doctor.place import BEGINNING, Place, refused
from usance.doctor.policies import (
    FLOATING_IPS,
    IMAGE,
    IMAGES,
    NETWORKS,
    PORTS,
    ROUTERS,
    SEARCH_RESOURCES,
    STORAGE,
    STORAGE_ROWS,
    TRUNKS,
    Rule,
    remedy,
)
from usance.doctor.releases import CINDER_COSTS, lost
from usance.http.errors import StatusError
from usance.model.errors import CloudError
from usance.sources.cinder_api import CinderApi
from usance.sources.cinder_rows import KINDS, Kind, StorageRow
from usance.sources.gnocchi_api import GnocchiApi
from usance.sources.nova_api import is_path_safe
from usance.sources.nova_rows import ImageRow

# Neutron's own rules let these read; whoever has none of them gets empty lists, and no error.
READERS: Final = frozenset({"reader", "member", "manager", "admin"})

Whose = tuple[tuple[str, str], ...]
"""The part of a query that says whose resources are meant."""

_ANY: Final = msgspec.json.Decoder(dict[str, Any])


async def cinder(place: Place) -> list[Check]:
    """Ask for one volume, one snapshot and one backup."""
    api = CinderApi(place.cloud.volume, page_limit=1)
    try:
        await api.negotiate(place.scope)
    except CloudError as error:
        return [refused("Cinder: volumes", place, error, (STORAGE["volumes"],))]
    checks = [
        Check("Cinder: version", place.settings.cloud.cloud_id, Verdict.WARNING, f"Cinder is old: {one}")
        for one in lost(api.version, CINDER_COSTS)
    ]
    whose = (("all_tenants", "1"), ("project_id", place.project.id)) if place.outside else ()
    for kind in KINDS:
        checks += await _storage(place, api, kind, whose)
    return checks


async def _storage(place: Place, api: CinderApi, kind: Kind, whose: Whose) -> list[Check]:
    name = f"Cinder: {kind.path}"
    try:
        async with aclosing(api.pages(place.scope, kind, whose)) as pages:
            rows: list[StorageRow] = await anext(pages, [])
    except CloudError as error:
        return [refused(name, place, error, (STORAGE[kind.path], STORAGE_ROWS[kind.path]))]
    row = next((one for one in rows if is_path_safe(one.id)), None)
    try:
        if row is not None:  # as the source does with what a listing left out
            await api.row(place.scope, kind, row.id)
    except CloudError as error:
        return [refused(name, place, error, (STORAGE_ROWS[kind.path],))]
    return [Check(name, place.label, Verdict.OK, f"{kind.path} are listed")]


async def neutron(place: Place, sight: Sight) -> list[Check]:
    """Ask for addresses, ports and networks. Neutron refuses nobody: it shows empty lists instead."""
    addresses = Addresses(place.cloud.network, page_limit=1)
    matters = "neutron" in place.settings.extractors
    try:
        return await _neutron(place, addresses, sight, matters=matters)
    except CloudError as error:
        return [refused("Neutron: floating IPs", place, error, (FLOATING_IPS,), matters=matters)]


async def _neutron(place: Place, addresses: Addresses, sight: Sight, *, matters: bool) -> list[Check]:
    rows = await _first(place, "/floatingips", "floatingips")
    if not matters:
        return [_listed("Neutron: floating IPs", place, bool(rows), FLOATING_IPS)]
    ports = await _first(place, "/ports", "ports")
    hidden = bool(sight.live) and not ports
    checks = [_listed("Neutron: floating IPs", place, bool(rows), FLOATING_IPS, hidden=hidden)]
    if hidden:
        checks.append(
            Check(
                "Neutron: ports",
                place.label,
                Verdict.MISSING,
                "the project has servers, and Neutron shows the account no port of it",
                remedy((PORTS,), place.releases, place.role),
            )
        )
    else:
        checks.append(_listed("Neutron: ports", place, bool(ports), PORTS))
    trunks = await _first(place, "/trunks", "trunks")
    if trunks is not None:
        checks.append(_listed("Neutron: trunks", place, bool(trunks), TRUNKS))
    if place.settings.neutron.router_gateways:
        routers = await _first(place, "/routers", "routers")
        checks.append(_listed("Neutron: routers", place, bool(routers), ROUTERS))
    if await addresses.external_networks(place.scope):
        checks.append(Check("Neutron: networks", place.label, Verdict.OK, "external networks are shown"))
    else:
        checks.append(
            Check(
                "Neutron: networks",
                place.label,
                Verdict.WARNING,
                "Neutron shows no external network, so that ports have no public addresses",
                f"if there is one, {remedy((NETWORKS,), place.releases, place.role)};"
                " if a provider network is public, name it in [neutron] public_networks",
            )
        )
    return checks


async def _first(place: Place, path: str, key: str) -> list[Any] | None:
    """Return the first row of a listing; None where Neutron has no such extension."""
    params = (("project_id", place.project.id), ("limit", "1"))
    try:
        found = (await place.cloud.network.get(place.scope, path, _ANY, params=params)).get(key)
    except StatusError as error:
        if error.status != 404:
            raise
        return None
    return found if isinstance(found, list) else []


def _listed(name: str, place: Place, shown: bool, rule: Rule, *, hidden: bool = False) -> Check:
    """Judge a listing; *hidden* if something else proves that the account is not shown what there is."""
    what = name.partition(": ")[2]
    if shown:
        return Check(name, place.label, Verdict.OK, f"{what} are listed")
    if place.roles & READERS:
        return Check(name, place.label, Verdict.OK, f"the project has no {what}")
    return Check(
        name,
        place.label,
        Verdict.MISSING if hidden else Verdict.WARNING,
        f"Neutron shows no {what}, and to an account without the role reader it does so only if told to:"
        " none can't be told from hidden",
        f"if the project has some, {remedy((rule,), place.releases, place.role)}",
    )


async def glance(place: Place, sight: Sight) -> list[Check]:
    """Ask for one image, and for that of a server. Records are whole without: only their addresses lack."""
    name = "Glance: images"
    try:
        await place.cloud.image.get(place.scope, "/images", _ANY, params=(("limit", "1"),))
        image = next((one.image for one in sight.live if isinstance(one.image, ImageRow)), None)
        if image is not None and image.id and is_path_safe(image.id):
            await place.cloud.image.get(place.scope, f"/images/{image.id}", _ANY)
    except CloudError as error:
        if isinstance(error, StatusError) and error.status == 404:  # it was deleted since
            return [Check(name, place.label, Verdict.OK, "images are listed")]
        return [refused(name, place, error, (IMAGES, IMAGE), matters=False)]
    return [Check(name, place.label, Verdict.OK, "images are listed")]


async def gnocchi(place: Place) -> list[Check]:
    """Ask for one server that Gnocchi was told of."""
    name = "Gnocchi: servers"
    api = GnocchiApi(place.cloud.metric, page_limit=1)
    try:
        async with aclosing(api.pages(place.scope, place.project.id, BEGINNING)) as pages:
            rows: list[Any] = await anext(pages, [])
    except CloudError as error:
        return [refused(name, place, error, (SEARCH_RESOURCES,))]
    if not rows:
        return [
            Check(
                name,
                place.label,
                Verdict.WARNING,
                "Gnocchi shows no server of the project",
                "see whether Ceilometer publishes to it, and whether the account may see them",
            )
        ]
    return [Check(name, place.label, Verdict.OK, "servers are told")]
