"""Where the services are: the catalog that comes with a token."""

from __future__ import annotations

import logging
import re
from typing import Any

from keystoneauth1 import exceptions

from usance.model.errors import CloudError

LOG = logging.getLogger(__name__)

_VERSION = re.compile(r"/v\d+(\.\d+)?(/.*)?$")

SERVICES = {
    "compute": "Nova",
    "image": "Glance",
    "block-storage": "Cinder",  # or one of the older names for it: volumev3
    "network": "Neutron",
    "metric": "Gnocchi",
    "identity": "Keystone",
}
"""The catalog's types, and what people call the services."""


class NoEndpointError(CloudError):
    """The catalog does not say where a service is."""


def without_version(url: str) -> str:
    """Return an endpoint without its version, and without what stands behind that (a project's id).

    Catalogs name endpoints with a version or without: `https://nova:8774/v2.1/<project>`,
    `https://cloud/image`.
    """
    return _VERSION.sub("", url.rstrip("/"))


def find_endpoint(catalog: Any, service_type: str, *, interface: str, region_name: str | None) -> str:
    """Return the URL of a service. Raises NoEndpointError that says what the catalog has instead."""
    if catalog is not None:
        try:
            url = catalog.url_for(service_type=service_type, interface=interface, region_name=region_name)
        except exceptions.EndpointNotFound:
            url = None
        if url:
            return str(url)
    where = f" in region {region_name}" if region_name else ""
    raise NoEndpointError(
        f"the catalog has no {interface} endpoint of type {service_type}{where}",
        hint=_offers(catalog, service_type),
    )


def regions_of(catalog: Any, service_type: str, *, interface: str) -> tuple[str, ...]:
    """Return the names of the regions in which the catalog has the service, in its order."""
    if catalog is None:
        return ()
    found = catalog.get_endpoints_data(service_type=service_type, interface=interface)
    names = [data.region_name for entries in found.values() for data in entries]
    return tuple(dict.fromkeys(name for name in names if name))


def _offers(catalog: Any, service_type: str) -> str:
    found = catalog.get_endpoints_data(service_type=service_type) if catalog is not None else {}
    offers = sorted({f"{data.interface} in {data.region_name}" for all_ in found.values() for data in all_})
    if offers:
        return f"it has {', '.join(offers[:8])}; see region_name and interface"
    return f"no region has {SERVICES.get(service_type, service_type)}; see openstack catalog list"
