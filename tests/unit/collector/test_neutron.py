"""What is made of Neutron's notifications: the timeline of a floating IP."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostile_json import JSON
from said import at
from usance.collector.neutron import EVENTS
from usance.collector.reading import Notification, NotUnderstoodError
from usance.model.observation import DeletionQuality, Observation, Verb
from usance.model.resource import FLOATING_IP, Resource
from usance.model.timeline import timeline

CLOUD = "region1"
READERS = {one.type: one.reader for one in EVENTS}
RESOURCE = Resource("project1", CLOUD, FLOATING_IP, "address1")
ROW = {
    "id": "address1",
    "tenant_id": "project1",
    "project_id": "project1",
    "floating_ip_address": "172.24.2.123",
    "floating_network_id": "public",
    "port_id": None,
    "port_details": None,
    "description": "",
    "created_at": "2026-10-01T10:00:00Z",
    "updated_at": "2026-10-01T10:00:00Z",
}
ATTACHED = ROW | {
    "port_id": "port1",
    "port_details": {"device_id": "web", "device_owner": "compute:nova"},
    "updated_at": "2026-10-01T11:00:00Z",
}


def message(when, suffix, row, **more):
    return Notification(
        f"floatingip.{suffix}",
        {"floatingip": row} | more,
        at(when),
        request_id=f"req-{when}",
        user_id="user1",
    )


DAY = [
    message("10:00:01", "create.end", ROW),
    message("11:00:01", "update.end", ATTACHED),
    message("12:00:01", "update.end", ROW | {"updated_at": "2026-10-01T12:00:00Z"}),
    message("13:00:01", "delete.end", ROW, floatingip_id="address1"),
]


def read(*sent):
    return [one for each in sent for one in READERS[each.event_type](each, CLOUD).observations]


def life(found):
    made = timeline(found)
    assert made is not None
    return made


def told(found):
    return [
        f"{one.start:%H:%M:%S} {'-' if one.end is None else f'{one.end:%H:%M:%S}'}"
        f" {one.values.get('addresses')} {one.values.get('port_id')} {one.values.get('server_id')}".rstrip()
        for one in found.spans
    ]


def test_the_day_of_a_floating_ip():
    found = life(read(*DAY))

    assert found.resource == RESOURCE
    assert told(found) == [
        "10:00:00 11:00:01 172.24.2.123",
        "11:00:01 12:00:01 172.24.2.123 port1 web",
        "12:00:01 13:00:01 172.24.2.123",
    ]
    assert found.spans[0].values["user_id"] == "user1"
    assert found.describe("network_id") == "public"
    assert not found.doubts


@given(st.lists(st.sampled_from(DAY), max_size=4), st.randoms(use_true_random=False))
def test_neither_the_order_nor_the_number_of_messages_matters(repeated, order):
    sent = [*DAY, *repeated]
    order.shuffle(sent)

    assert life(read(*sent)) == life(read(*DAY))


def test_who_also_asks_neutron_learns_nothing_else():
    """As the pull source says it: with the same attributes, in the same form."""
    pull = Observation(
        RESOURCE,
        Verb.SEEN,
        at("11:30:02"),
        "neutron-floating-ips",
        begin=at("11:30"),
        accounted={"addresses": "172.24.2.123", "port_id": "port1", "server_id": "web"},
        described={"network_id": "public"},
        created_at=at("10:00"),
        created_resolution_us=1_000_000,
    )

    assert life([*read(*DAY), pull]) == life(read(*DAY))


def test_a_deletion_that_names_the_id_alone_waits_for_its_owner():
    """Older services send that. With the creation it ends the life of whoever has it."""
    for payload in ({"floatingip_id": "address1"}, {"floatingip": {}, "floatingip_id": "address1"}):
        (end,) = read(Notification("floatingip.delete.end", payload, at("13:00:01")))

        assert (end.resource.project_id, end.resource.id) == ("", "address1")
        assert end.quality is DeletionQuality.ENVELOPE
        copied = msgspec.structs.replace(end, resource=RESOURCE)
        assert life([*read(DAY[0]), copied]).end == at("13:00:01")


def test_several_that_are_created_at_once_stand_in_one_message():
    rows = [ROW, ROW | {"id": "address2", "floating_ip_address": "2001:DB8::1"}]
    found = read(Notification("floatingip.create.end", {"floatingips": rows}, at("10:00:01")))

    assert [(one.resource.id, one.accounted["addresses"]) for one in found] == [
        ("address1", "172.24.2.123"),
        ("address2", "2001:db8::1"),
    ]


def test_an_audit_that_tells_late_of_what_is_deleted_by_now_keeps_nothing_alive():
    late = message("13:05", "exists", ROW)

    found = life(read(*DAY, late))

    assert [one.source for one in read(late)] == ["neutron-audit"]
    assert (found.end, found.anomalies) == (at("13:00:01"), ())


def test_an_audit_tells_what_was_never_heard_of():
    found = life(read(message("11:30", "exists", ATTACHED)))

    assert told(found) == ["10:00:00 - 172.24.2.123 port1 web"]
    assert {one.attribute for one in found.doubts} == {"addresses", "port_id", "server_id"}


@pytest.mark.parametrize(
    ("suffix", "row"),
    [
        ("create.end", {}),
        ("create.end", "address1"),
        ("create.end", ROW | {"id": None}),
        ("create.end", ROW | {"created_at": None}),
        ("create.end", ROW | {"floating_ip_address": "here"}),
        ("update.end", ROW | {"port_details": []}),
        ("delete.end", {}),
    ],
)
def test_what_lacks_what_it_must_say_is_not_understood(suffix, row):
    with pytest.raises(NotUnderstoodError):
        read(message("10:00", suffix, row))


@given(
    st.sampled_from(sorted(READERS)),
    st.dictionaries(st.sampled_from(sorted(ROW)), JSON, max_size=3),
    st.dictionaries(st.sampled_from(["floatingip", "floatingips", "floatingip_id"]), JSON, max_size=1),
)
def test_any_payload_is_read_or_refused(event_type, spoilt, outer):
    sent = Notification(event_type, {"floatingip": ROW | spoilt} | outer, at("10:00"))

    try:
        reading = READERS[event_type](sent, CLOUD)
    except NotUnderstoodError:
        return

    for one in reading.observations:
        msgspec.json.encode(one)
        timeline([one])
