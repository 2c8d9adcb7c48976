"""The URI that an image has in the marketplace."""

import pytest

from usance.cloud.images import marketplace_uri


@pytest.mark.parametrize(
    ("properties", "uri"),
    [
        ({"vmcatcher_event_ad_mpuri": "https://a/"}, "https://a/"),
        ({"ad:mpuri": "https://b/"}, "https://b/"),
        ({"APPLIANCE_MPURI": "https://c/", "ad:mpuri": "https://b/"}, "https://c/"),
        ({"vmcatcher_event_ad_mpuri": " ", "CLOUDKEEPER_mpuri": "https://d/"}, "https://d/"),
        ({"vmcatcher_event_ad_mpuri": 5}, None),
        ({"name": "cirros"}, None),
    ],
)
def test_first_property_with_a_uri_counts(properties, uri):
    assert marketplace_uri(properties) == uri


def test_uri_is_bounded():
    assert len(marketplace_uri({"ad:mpuri": "x" * 100_000})) == 1024
