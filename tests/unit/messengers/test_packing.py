from hypothesis import given
from hypothesis import strategies as st

from apel_arithmetic import parse_message
from server_timelines import at, server
from usance.messengers.packing import pack, render
from usance.records.cloud import cloud_records
from usance.records.cloud_v04 import CloudV04
from usance.records.context import RecordContext
from usance.records.validate_cloud import message_findings
from usance.records.wire import MAX_MESSAGE_BYTES

CONTEXT = RecordContext("TEST-Site", "cloud.test.org", "vo.example.org")
FORM = CloudV04()


def rendered(count, name="vm0"):
    return [
        render(FORM, record, MAX_MESSAGE_BYTES)
        for number in range(count)
        for record in cloud_records(
            server(("2026-10-01", {}), server_id=f"id{number}", described={"name": name}),
            at("2026-10-02"),
            CONTEXT,
        )
    ]


@given(st.integers(0, 25), st.integers(1, 10), st.integers(900, 5000))
def test_messages_hold_all_records_in_order_within_the_limits(count, max_records, max_bytes):
    messages = list(pack(FORM, rendered(count), max_records=max_records, max_bytes=max_bytes))

    parsed = [record["VMUUID"] for message in messages for record in parse_message(message.body)]
    assert parsed == [f"id{number}" for number in range(count)]
    assert parsed == [record.resource_id for message in messages for record in message.records]
    assert all(len(message.body) <= max_bytes for message in messages)
    assert all(1 <= len(message.records) <= max_records for message in messages)
    assert all(message_findings(message.body) == [] for message in messages)


def test_a_record_larger_than_a_message_is_found():
    (record,) = cloud_records(server(("2026-10-01", {})), at("2026-10-02"), CONTEXT)

    one = render(FORM, record, 100)

    assert "more than a message holds" in one.quarantine.reason
