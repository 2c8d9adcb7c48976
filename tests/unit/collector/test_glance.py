"""What is made of Glance's notifications: how much room an image takes, and since when."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostile_json import JSON
from said import at
from usance.collector.glance import EVENTS
from usance.collector.reading import Notification, NotUnderstoodError
from usance.ledger.values import Named
from usance.model.resource import IMAGE, Resource
from usance.model.timeline import timeline

CLOUD = "region1"
READERS = {one.type: one.reader for one in EVENTS}
QUEUED = {
    "id": "image1",
    "name": "ubuntu",
    "status": "queued",
    "created_at": "2026-10-01T10:00:00Z",
    "updated_at": "2026-10-01T10:00:00Z",
    "owner": "project1",
    "disk_format": "raw",
    "container_format": "bare",
    "size": None,
    "visibility": "shared",
    "deleted": False,
    "deleted_at": None,
}
ACTIVE = QUEUED | {"status": "active", "size": 131_073}
DELETED = ACTIVE | {
    "name": "debian",
    "status": "deleted",
    "deleted": True,
    "deleted_at": "2026-10-01T12:00:00Z",
}


def message(when, suffix, payload):
    return Notification(f"image.{suffix}", payload, at(when))


DAY = [
    message("10:00:00", "create", QUEUED),
    message("10:00:30", "update", QUEUED | {"status": "saving"}),
    message("10:01:00", "upload", ACTIVE),
    message("10:01:01", "activate", ACTIVE),
    message("11:00:00", "update", ACTIVE | {"name": "debian"}),
    message("12:00:01", "delete", DELETED),
]


def read(*sent):
    return [one for each in sent for one in READERS[each.event_type](each, CLOUD).observations]


def life(found):
    made = timeline(found)
    assert made is not None
    return made


def told(found):
    return [
        f"{one.start:%H:%M:%S} {'-' if one.end is None else f'{one.end:%H:%M:%S}'} {one.values['size_kib']}"
        for one in found.spans
    ]


def test_an_image_takes_room_once_its_data_is_there():
    found = life(read(*DAY))

    assert found.resource == Resource("project1", CLOUD, IMAGE, "image1")
    assert told(found) == ["10:00:00 10:01:00 0", "10:01:00 12:00:00 129"]
    assert found.launched
    assert found.describe("name") == "debian"
    assert not found.doubts


def test_an_image_that_never_got_data_never_was_there():
    found = life(read(DAY[0], message("11:00", "delete", QUEUED | {"deleted_at": "2026-10-01T11:00:00Z"})))

    assert not found.launched


@given(st.lists(st.sampled_from(DAY), max_size=4), st.randoms(use_true_random=False))
def test_neither_the_order_nor_the_number_of_messages_matters(repeated, order):
    sent = [*DAY, *repeated]
    order.shuffle(sent)

    assert life(read(*sent)) == life(read(*DAY))


def test_data_that_only_an_update_tells_of_is_there_since_then_as_far_as_anybody_knows():
    """So it is where an image names a place that has its data; or where a message was lost."""
    found = life(read(DAY[0], DAY[4]))

    assert told(found) == ["10:00:00 11:00:00 0", "11:00:00 - 129"]
    assert [one.attribute for one in found.doubts] == ["size_kib"]


def test_an_image_of_no_owner_is_nobodys_usage_and_has_a_name():
    reading = READERS["image.upload"](message("10:01", "upload", ACTIVE | {"owner": None}), CLOUD)

    assert reading.observations == ()
    assert reading.names == (Named("image", "image1", "ubuntu", at("10:01")),)


@pytest.mark.parametrize(
    ("suffix", "payload"),
    [
        ("create", {}),
        ("create", QUEUED | {"created_at": ""}),
        ("upload", {}),  # a failure: its payload is a text
        ("upload", ACTIVE | {"size": None}),
        ("upload", ACTIVE | {"size": -1}),
        ("update", ACTIVE | {"owner": 7}),
        ("delete", DELETED | {"deleted_at": "now"}),
    ],
)
def test_what_lacks_what_it_must_say_is_not_understood(suffix, payload):
    with pytest.raises(NotUnderstoodError):
        read(message("10:00", suffix, payload))


@given(
    st.sampled_from(sorted(READERS)),
    st.dictionaries(st.sampled_from(sorted(ACTIVE)), JSON, max_size=4),
    st.booleans(),
)
def test_any_payload_is_read_or_refused(event_type, spoilt, is_dated):
    sent = Notification(event_type, ACTIVE | spoilt, at("10:00") if is_dated else None)

    try:
        reading = READERS[event_type](sent, CLOUD)
    except NotUnderstoodError:
        return

    for one in reading.observations:
        msgspec.json.encode(one)
        timeline([one])
