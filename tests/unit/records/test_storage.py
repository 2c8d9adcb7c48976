"""Which intervals a volume's life is stated in, and how they are written."""

import json
import uuid
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server_timelines import at
from storage_timelines import GIB, VOLUME_ID, StarDatabase, StarRow, gib_seconds, volume
from usance.model.resource import SIZE_GIB
from usance.model.span import LIFE, Doubt
from usance.records.context import RecordContext
from usance.records.fqan import Fqan, parse_fqan
from usance.records.storage import key_month, key_number, storage_records, withdrawal
from usance.records.storage_json import StorageJson
from usance.records.storage_star import StorageStar
from usance.records.validate_storage import message_findings

CONTEXT = RecordContext(
    "TEST-Site", "cloud.test.org", "vo.example.org", user_names={"user1": "ada@egi.eu", "user2": "Zoë <b>"}
)
STAR = StorageStar()


def intervals(timeline, until, context=CONTEXT, **options):
    return [
        (f"{one.start:%m-%d %H:%M}", f"{one.end:%m-%d %H:%M}", one.size_gib, one.number)
        for one in storage_records(timeline, at(until), context, **options)
    ]


def written(records, form=STAR):
    texts = [form.render(one) for one in records]
    assert [form.findings(one, text) for one, text in zip(records, texts, strict=True)] == [[]] * len(texts)
    return form.pack(texts)


def test_a_life_is_cut_at_the_months():
    timeline = volume(("2026-08-30 12:00", {}), end="2026-10-02 06:00")

    assert intervals(timeline, "2026-11-21") == [
        ("08-30 12:00", "09-01 00:00", 10, 0),
        ("09-01 00:00", "10-01 00:00", 10, 0),
        ("10-01 00:00", "10-02 06:00", 10, 0),
    ]


def test_a_change_begins_a_new_interval_and_attachments_do_not():
    timeline = volume(
        ("2026-10-01", {}),
        ("2026-10-03", {"attachments": '["web"]'}),
        ("2026-10-05", {"size_gib": 20}),
        ("2026-10-07", {"volume_type": "fast"}),
    )

    assert intervals(timeline, "2026-10-10") == [
        ("10-01 00:00", "10-05 00:00", 10, 0),
        ("10-05 00:00", "10-07 00:00", 20, 1),
        ("10-07 00:00", "10-10 00:00", 20, 2),
    ]


def test_what_was_never_made_occupies_nothing():
    assert intervals(volume(("2026-10-01", {}), launched=False), "2026-10-10") == []


def test_a_life_of_less_than_a_second_has_no_interval():
    timeline = volume(("2026-10-01 00:00:00.2", {}), end="2026-10-01 00:00:00.9")

    assert intervals(timeline, "2026-10-10") == []


def test_what_caso_reported_is_not_stated_again():
    context = RecordContext(
        "TEST-Site", "cloud.test.org", "vo.example.org", counted_whole_until=at("2026-10-04 08:00")
    )

    assert intervals(volume(("2026-08-01", {})), "2026-11-01", context) == [
        ("10-04 08:00", "11-01 00:00", 10, 0)
    ]


def test_later_months_can_be_made_alone():
    timeline = volume(("2026-08-30", {}), ("2026-10-02", {"size_gib": 20}))

    assert intervals(timeline, "2026-10-03", first_month=at("2026-10-01")) == [
        ("10-01 00:00", "10-02 00:00", 10, 0),
        ("10-02 00:00", "10-03 00:00", 20, 1),
    ]


def test_ids_are_unique_and_the_same_when_repeated_and_never_the_bare_id():
    timeline = volume(("2026-08-30", {}), ("2026-10-02", {"size_gib": 20}))
    others = [
        volume(("2026-08-30", {}), project_id="project2"),
        volume(("2026-08-30", {}), kind="snapshot"),
        volume(("2026-08-30", {}), volume_id="another"),
    ]

    once = storage_records(timeline, at("2026-10-03"), CONTEXT)
    again = storage_records(timeline, at("2026-10-30"), CONTEXT)
    elsewhere = [one for other in others for one in storage_records(other, at("2026-10-03"), CONTEXT)]

    assert [one.record_id for one in once] == [one.record_id for one in again]
    ids = [one.record_id for one in once + elsewhere]
    assert len(set(ids)) == len(ids) == 4 + 9
    assert {uuid.UUID(one).version for one in ids} == {5}
    assert VOLUME_ID not in ids


def test_what_is_closed_says_the_same_whenever_it_is_made():
    timeline = volume(("2026-10-01", {}), ("2026-10-02", {"size_gib": 20}))

    early, late = (storage_records(timeline, at(until), CONTEXT)[0] for until in ("2026-10-03", "2026-11-30"))

    assert early.digest == late.digest
    assert written([early]) == written([late])
    assert (early.created_at, late.created_at) == (at("2026-10-03"), at("2026-11-01"))


def test_keys_can_be_read_back():
    record = storage_records(volume(("2026-09-30", {})), at("2026-10-03"), CONTEXT)[1]

    assert record.key == f"storage/volume/{VOLUME_ID}/2026-10/0"
    assert key_month(record.key) == at("2026-10-01")
    assert key_number(record.key) == 0


def test_a_size_that_nobody_told_holds_the_record_back():
    record = storage_records(volume(("2026-10-01", {"size_gib": ""})), at("2026-10-02"), CONTEXT)[0]

    assert [str(one) for one in STAR.findings(record, STAR.render(record))] == [
        "size_gib: nobody told it, and the record needs it"
    ]


def test_inferred_seconds_are_those_of_what_is_stated():
    timeline = volume(
        ("2026-10-01", {}),
        ("2026-10-02", {"size_gib": 20}),
        doubts=(
            Doubt(SIZE_GIB, at("2026-10-01 23:00"), at("2026-10-02")),
            Doubt("attachments", at("2026-10-01"), None),
            Doubt(LIFE, at("2026-10-03 12:00"), None),
        ),
    )

    found = [one.inferred_s for one in storage_records(timeline, at("2026-10-04"), CONTEXT)]

    assert found == [3600, 12 * 3600]


MESSAGE = (
    '<sr:StorageUsageRecords xmlns:sr="http://eu-emi.eu/namespaces/2011/02/storagerecord">'
    "<sr:StorageUsageRecord>"
    '<sr:RecordIdentity sr:createTime="2026-10-02T00:00:00Z"'
    ' sr:recordId="{id}" />'
    "<sr:StorageSystem>cloud.test.org</sr:StorageSystem><sr:Site>TEST-Site</sr:Site>"
    "<sr:StorageShare>volumes</sr:StorageShare><sr:StorageMedia>disk</sr:StorageMedia>"
    "<sr:StorageClass>standard</sr:StorageClass><sr:FileCount>1</sr:FileCount>"
    "<sr:SubjectIdentity><sr:LocalUser>user1</sr:LocalUser><sr:LocalGroup>project1</sr:LocalGroup>"
    "<sr:UserIdentity>ada@egi.eu</sr:UserIdentity><sr:Group>vo.example.org</sr:Group></sr:SubjectIdentity>"
    "<sr:StartTime>2026-10-01T00:00:00Z</sr:StartTime><sr:EndTime>2026-10-02T00:00:00Z</sr:EndTime>"
    "<sr:ResourceCapacityUsed>10737418240</sr:ResourceCapacityUsed>"
    "<sr:ResourceCapacityAllocated>10737418240</sr:ResourceCapacityAllocated>"
    "</sr:StorageUsageRecord></sr:StorageUsageRecords>"
)


def test_a_message_on_exact_bytes():
    records = storage_records(volume(("2026-10-01", {})), at("2026-10-02"), CONTEXT)

    assert written(records).decode() == MESSAGE.format(id=records[0].record_id)
    assert message_findings(written(records)) == []


def test_a_line_of_json_says_the_same():
    record = storage_records(volume(("2026-10-01", {"user_id": "user2"})), at("2026-10-02"), CONTEXT)[0]

    line = json.loads(written([record], StorageJson()))

    assert line["UserIdentity"] == "Zoë <b>"
    assert line["RecordId"] == record.record_id
    assert line["record_id"] == record.key
    assert (line["ResourceCapacityUsed"], line["EndTime"]) == (10 * GIB, "2026-10-02T00:00:00Z")
    assert "SubGroup" not in line


@pytest.mark.parametrize(
    ("kind", "share", "storage_class"),
    [
        ("volume", "volumes", "standard"),
        ("snapshot", "snapshots", "snapshot"),
        ("backup", "backups", "backup"),
    ],
)
def test_each_kind_has_its_share(kind, share, storage_class):
    database = StarDatabase()

    database.load(written(storage_records(volume(("2026-10-01", {}), kind=kind), at("2026-10-02"), CONTEXT)))

    (row,) = database.rows.values()
    assert (row.fields["StorageShare"], row.fields["StorageClass"]) == (share, storage_class)


def test_group_and_role_of_an_fqan_have_fields_of_their_own():
    context = RecordContext("TEST-Site", "cloud.test.org", "/vo.example.org/production/long/Role=manager")
    database = StarDatabase()

    database.load(written(storage_records(volume(("2026-10-01", {})), at("2026-10-02"), context)))

    (row,) = database.rows.values()
    assert row.fields["Group"] == "vo.example.org"
    assert row.attributes == {"subgroup": "production/long", "role": "manager"}


@pytest.mark.parametrize(
    ("fqan", "parts"),
    [
        ("vo.example.org", Fqan("vo.example.org")),
        ("/vo.example.org", Fqan("vo.example.org")),
        ("/vo.example.org/Role=NULL/Capability=NULL", Fqan("vo.example.org")),
        ("/vo/group/Role=pilot", Fqan("vo", "group", "pilot")),
        ("/vo/a/b;/other/c", Fqan("vo", "a/b")),
        ("/", Fqan("")),
    ],
)
def test_what_an_fqan_says(fqan, parts):
    assert parse_fqan(fqan) == parts


def test_a_group_that_is_empty_is_held_back_by_its_absence_only():
    context = RecordContext("TEST-Site", "cloud.test.org", None)
    record = storage_records(volume(("2026-10-01", {})), at("2026-10-02"), context)[0]

    assert "no VO is mapped" in str(STAR.findings(record, STAR.render(record))[0])


def test_what_is_taken_back_has_no_length_and_no_capacity():
    timeline = volume(("2026-10-01", {}))
    record = storage_records(timeline, at("2026-10-20"), CONTEXT)[0]

    taken_back = withdrawal(timeline, record.key, record.created_at, CONTEXT)

    database = StarDatabase()
    database.load(written([record]))
    database.load(written([taken_back]))
    (row,) = database.rows.values()
    assert (row.start, row.end, row.capacity, row.fields["FileCount"]) == (
        at("2026-10-01"),
        at("2026-10-01"),
        0,
        "0",
    )
    assert taken_back.created_at == at("2026-10-20")


HOSTILE = st.text(
    st.characters(codec="utf-8") | st.sampled_from("<>&\"'%]\x00\x0b\x1b\ud800\u2028é"), max_size=300
)


@given(HOSTILE, HOSTILE)
def test_no_name_can_break_a_message(user_name, volume_type):
    context = RecordContext("TEST-Site", "cloud.test.org", "vo.example.org", user_names={"user1": user_name})
    timeline = volume(("2026-10-01", {"volume_type": volume_type or "x"}))
    record = storage_records(timeline, at("2026-10-02"), context)[0]

    message = written(
        [record, *storage_records(volume(("2026-10-01", {}), kind="backup"), at("2026-10-02"), CONTEXT)]
    )

    assert message.isascii()
    assert message_findings(message) == []
    database = StarDatabase()
    database.load(message)
    assert database.rows[record.record_id].capacity == 10 * GIB
    assert StorageJson().pack([StorageJson().render(record)]).count(b"\n") == 1


CHANGES = st.lists(
    st.tuples(
        st.integers(0, 120 * 86400 * 10),  # tenths of seconds
        st.fixed_dictionaries(
            {},
            optional={
                "size_gib": st.integers(1, 5),
                "volume_type": st.sampled_from(["standard", "fast"]),
                "attachments": st.sampled_from(["[]", '["web"]']),
            },
        ),
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda one: one[0],
)


@given(CHANGES, st.integers(1, 130 * 86400), st.booleans())
def test_capacity_times_seconds_over_the_records_is_that_of_the_timeline(changes, until_s, ends):
    begin = at("2026-08-20")
    lines = [
        (begin + timedelta(microseconds=one * 100_000), what)
        for one, what in sorted(changes, key=lambda x: x[0])
    ]
    end = lines[-1][0] + timedelta(days=3, microseconds=500_000) if ends else None
    timeline = volume(*lines, end=end)
    until = begin + timedelta(seconds=until_s)

    records = storage_records(timeline, until, CONTEXT)

    assert sum((one.end - one.start).total_seconds() * (one.size_gib or 0) for one in records) == gib_seconds(
        timeline, until
    )
    assert all(one.month <= one.start < one.end <= one.created_at for one in records)
    rows = StarDatabase()
    if records:
        rows.load(written(records))
    assert rows.gib_seconds == gib_seconds(timeline, until)
    assert all(isinstance(one, StarRow) for one in rows.rows.values())
