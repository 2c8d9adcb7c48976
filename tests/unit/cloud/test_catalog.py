"""Endpoints, as catalogs write them."""

import pytest
from keystoneauth1.access.service_catalog import ServiceCatalogV3

from usance.cloud.catalog import find_endpoint, regions_of, without_version
from usance.model.errors import CloudError


def catalog(*endpoints: tuple[str, str, str]) -> ServiceCatalogV3:
    """Return a catalog of (type, interface, region)."""
    types = {one: [] for one, _, _ in endpoints}
    for kind, interface, region in endpoints:
        url = f"https://{region}.example.org/{kind}/{interface}"
        types[kind].append(
            {"id": "1", "interface": interface, "region": region, "region_id": region, "url": url}
        )
    return ServiceCatalogV3(
        [{"id": "1", "type": kind, "name": kind, "endpoints": several} for kind, several in types.items()]
    )


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("https://nova.example.org:8774/v2.1", "https://nova.example.org:8774"),
        ("https://nova.example.org:8774/v2.1/", "https://nova.example.org:8774"),
        ("https://nova.example.org:8774/v2/0123456789abcdef", "https://nova.example.org:8774"),
        ("https://cloud.example.org/compute/v2.1/abc", "https://cloud.example.org/compute"),
        ("https://cloud.example.org/image", "https://cloud.example.org/image"),
        ("https://cloud.example.org:9696/", "https://cloud.example.org:9696"),
        ("https://cloud.example.org/v3", "https://cloud.example.org"),
        ("https://v2.example.org/identity/v3", "https://v2.example.org/identity"),
    ],
)
def test_version_and_what_follows_are_cut_off(url, base):
    assert without_version(url) == base


def test_endpoint_of_the_region_and_interface_is_found():
    known = catalog(("compute", "public", "A"), ("compute", "internal", "B"), ("compute", "public", "B"))

    url = find_endpoint(known, "compute", interface="public", region_name="B")

    assert url == "https://B.example.org/compute/public"


@pytest.mark.parametrize("interface", ["public", "publicURL"])
def test_both_spellings_of_an_interface_are_known(interface):
    known = catalog(("compute", "public", "A"))

    assert find_endpoint(known, "compute", interface=interface, region_name=None)


def test_missing_endpoint_is_told_with_what_there_is():
    known = catalog(("compute", "public", "A"), ("compute", "internal", "B"))

    with pytest.raises(CloudError) as caught:
        find_endpoint(known, "compute", interface="public", region_name="B")

    assert "no public endpoint of type compute in region B" in str(caught.value)
    assert "internal in B, public in A" in str(caught.value)


@pytest.mark.parametrize("known", [None, catalog(("identity", "public", "A"))])
def test_missing_service_is_told(known):
    with pytest.raises(CloudError, match="no region has Neutron"):
        find_endpoint(known, "network", interface="public", region_name=None)


def test_regions_are_listed_in_the_catalogs_order():
    known = catalog(("compute", "public", "B"), ("compute", "public", "A"), ("compute", "internal", "C"))

    assert regions_of(known, "compute", interface="public") == ("B", "A")
