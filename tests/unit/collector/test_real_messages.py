"""What real Cinder, Neutron, Glance and Keystone sent (of 2026.2; one message of each type)."""

import json
from pathlib import Path

import pytest

from usance.collector.envelope import open_envelope
from usance.collector.reading import NOTHING
from usance.collector.table import EVENTS, read
from usance.model.timeline import timeline

SENT = [
    open_envelope(json.dumps({"oslo.version": "2.0", "oslo.message": line}).encode())
    for line in Path(__file__).with_name("others.jsonl").read_text("utf-8").splitlines()
]
IDS = [one.event_type for one in SENT]
OF_CHANGES = {
    *(
        "volume.create.end",
        "volume.delete.end",
        "volume.resize.end",
        "volume.attach.end",
        "volume.detach.end",
    ),
    *("volume.update.end", "volume.exists", "snapshot.create.end", "snapshot.exists"),
    *("floatingip.create.end", "floatingip.update.end", "floatingip.delete.end", "floatingip.exists"),
    *("image.create", "image.update", "image.upload", "image.activate", "image.delete"),
}
OF_NAMES = {"volume_type.create", "volume_type.delete"}


@pytest.mark.parametrize("sent", SENT, ids=IDS)
def test_every_real_message_is_understood_or_known_to_change_nothing(sent):
    reading = read(sent, "region1")

    assert reading is not None
    assert bool(reading.observations) == (sent.event_type in OF_CHANGES)
    assert (reading is NOTHING) == (sent.event_type not in OF_CHANGES | OF_NAMES)


@pytest.mark.parametrize("event_type", sorted(OF_CHANGES))
def test_every_real_message_alone_tells_whose_it_is_and_since_when_there_is_what(event_type):
    sent = SENT[IDS.index(event_type)]

    found = timeline(EVENTS[event_type].reader(sent, "region1").observations)

    assert found is not None
    assert found.resource.project_id
    assert found.begin_exact
    assert found.begin.date().isoformat() == "2026-11-21"
    has_no_data_yet = sent.payload.get("status") == "saving"
    assert all(one.values for one in found.spans) != has_no_data_yet


def test_all_types_of_changes_are_among_the_messages():
    assert {*IDS} >= OF_CHANGES | OF_NAMES
