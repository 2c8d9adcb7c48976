"""What is made of Keystone's notifications: names, where they have any."""

import pytest

from said import at
from usance.collector.keystone import EVENTS
from usance.collector.reading import NOTHING, Notification, NotUnderstoodError
from usance.ledger.values import Named

READERS = {one.type: one.reader for one in EVENTS}
CADF = {
    "typeURI": "http://schemas.dmtf.org/cloud/audit/1.0/event",
    "eventType": "activity",
    "action": "created.project",
    "outcome": "success",
    "initiator": {"id": "b8f0", "typeURI": "service/security/account/user", "user_id": "user1"},
    "target": {"id": "91026c07", "typeURI": "data/security/project"},
    "resource_info": "project1",
}


def read(event_type, payload):
    return READERS[event_type](Notification(event_type, payload, at("10:00")), "region1")


def test_what_keystone_sends_names_nothing():
    assert read("identity.project.created", {"resource_info": "project1", "request_id": "req-1"}) is NOTHING
    assert read("identity.project.updated", CADF) is NOTHING


def test_names_are_kept_where_a_message_has_any():
    """Of users as those of one cloud, as they are kept when Keystone is asked for them."""
    payload = CADF | {
        "target": CADF["target"] | {"name": "physics"},
        "initiator": CADF["initiator"] | {"username": "alice"},
    }

    assert read("identity.project.created", payload).names == (
        Named("project", "project1", "physics", at("10:00")),
        Named("user@region1", "user1", "alice", at("10:00")),
    )
    assert read("identity.user.created", {"resource_info": "user2", "name": "bob"}).names == (
        Named("user@region1", "user2", "bob", at("10:00")),
    )


@pytest.mark.parametrize("payload", [{}, {"resource_info": 7}, {"resource_info": "p", "initiator": "me"}])
def test_what_names_no_resource_is_not_understood(payload):
    with pytest.raises(NotUnderstoodError):
        read("identity.project.created", payload)
