from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server_timelines import SERVER_ID, at, server
from usance.model.period import Period, month_start
from usance.model.usage import usage
from usance.records.cloud import cloud_records, key_month, record_key, withdrawal
from usance.records.context import RecordContext
from usance.records.validate_cloud import record_findings

SUSPENDED = frozenset({"suspended", "shelved", "shelved_offloaded"})
CONTEXT = RecordContext("TEST-Site", "cloud.test.org", "vo.example.org", suspended_states=SUSPENDED)


def figures(records):
    """Month, status, end, RecordCreateTime, wall and suspended seconds of each record."""
    return [
        (f"{one.month:%Y-%m}", one.status, one.end, one.created_at, one.wall_s, one.suspended_s)
        for one in records
    ]


def test_each_month_touched_has_a_record_that_counts_from_the_creation_on():
    timeline = server(("2026-01-15", {}))

    records = cloud_records(timeline, at("2026-03-31"), CONTEXT)

    assert figures(records) == [
        ("2026-01", "started", None, at("2026-01-31 23:59:59"), 17 * 86400, 0),
        ("2026-02", "started", None, at("2026-02-28 23:59:59"), 45 * 86400, 0),
        ("2026-03", "started", None, at("2026-03-31"), 75 * 86400, 0),
    ]


def test_a_server_that_ended_is_completed_in_the_month_of_its_end_only():
    timeline = server(("2026-10-30", {}), end="2026-11-02 12:00:00.7")

    records = cloud_records(timeline, at("2026-11-20"), CONTEXT)

    assert figures(records) == [
        ("2026-10", "started", None, at("2026-10-31 23:59:59"), 2 * 86400, 0),
        ("2026-11", "completed", at("2026-11-02 12:00"), at("2026-11-20"), 3 * 86400 + 43200, 0),
    ]


def test_what_comes_after_the_period_is_not_told():
    timeline = server(("2026-10-30", {}), ("2026-11-03", {"vcpus": 8}), end="2026-11-04")

    (_, record) = cloud_records(timeline, at("2026-11-02"), CONTEXT)

    assert (record.status, record.end, record.vcpus, record.cpu_s) == ("started", None, 2, 3 * 86400 * 2)


@pytest.mark.parametrize("end", ["2026-11-01", "2026-11-01 00:00:00.4"])
def test_an_end_on_the_boundary_closes_the_month_before_it(end):
    """Filed by its EndTime it would fall into November; its last second lies in October."""
    timeline = server(("2026-10-31", {}), end=end)

    records = cloud_records(timeline, at("2026-11-20"), CONTEXT)

    assert figures(records) == [
        ("2026-10", "completed", at("2026-10-31 23:59:59"), at("2026-10-31 23:59:59"), 86400, 0)
    ]
    assert record_findings(records[0]) == []


def test_a_period_that_ends_on_the_boundary_is_filed_in_the_month_before_it():
    timeline = server(("2026-10-31", {"state": "suspended"}))

    records = cloud_records(timeline, at("2026-11-01"), CONTEXT)

    assert figures(records) == [("2026-10", "started", None, at("2026-10-31 23:59:59"), 0, 86400)]


def test_a_server_that_never_launched_has_no_record():
    assert cloud_records(server(("2026-10-30", {}), launched=False), at("2026-11-20"), CONTEXT) == []


def test_a_server_that_begins_after_the_period_has_no_record():
    assert cloud_records(server(("2026-10-30", {})), at("2026-10-30"), CONTEXT) == []


def test_a_life_within_one_second_has_one_record_of_no_length():
    timeline = server(("2026-11-01 00:00:00.2", {}), end="2026-11-01 00:00:00.7")

    records = cloud_records(timeline, at("2026-11-20"), CONTEXT)

    assert figures(records) == [("2026-11", "completed", at("2026-11-01"), at("2026-11-20"), 0, 0)]


def test_suspended_time_is_told_apart_and_uses_no_cpu():
    timeline = server(
        ("2026-10-01 00:00", {}),
        ("2026-10-01 10:00", {"state": "suspended"}),
        ("2026-10-01 11:00", {"state": "active"}),
    )

    (record,) = cloud_records(timeline, at("2026-10-01 12:00"), CONTEXT)

    assert (record.wall_s, record.suspended_s, record.cpu_s) == (11 * 3600, 3600, 11 * 3600 * 2)


def test_without_suspended_states_everything_is_wall_as_with_caso():
    context = RecordContext("TEST-Site", "cloud.test.org", "vo.example.org")
    timeline = server(("2026-10-01 00:00", {"state": "shelved_offloaded"}))

    (record,) = cloud_records(timeline, at("2026-10-01 12:00"), context)

    assert (record.wall_s, record.suspended_s) == (12 * 3600, 0)


def test_a_resize_leaves_the_cpu_of_before_as_it_was():
    timeline = server(
        ("2026-10-01", {"vcpus": 8}), ("2026-10-02", {"vcpus": 1, "ram_mib": 512, "disk_gib": 1})
    )

    (record,) = cloud_records(timeline, at("2026-10-03"), CONTEXT)

    assert (record.vcpus, record.ram_mib, record.disk_gib) == (1, 512, 6)
    assert record.cpu_s == 86400 * 8 + 86400


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("active", "started"),
        ("building", "started"),
        ("stopped", "started"),
        ("rescued", "started"),
        ("paused", "paused"),
        ("suspended", "suspended"),
        ("shelved_offloaded", "suspended"),
        ("error", "error"),
        ("soft-delete", "unknown"),
        ("", "unknown"),
    ],
)
def test_the_status_of_a_server_that_exists_is_told_in_casos_words(state, status):
    (record,) = cloud_records(server(("2026-10-01", {"state": state})), at("2026-10-02"), CONTEXT)

    assert record.status == status


def test_names_come_from_the_context_and_what_has_none_keeps_its_id():
    context = RecordContext(
        "TEST-Site",
        "cloud.test.org",
        "vo.example.org",
        user_names={"user1": "ada@egi.eu"},
        image_uris={"image1": "https://appdb.example.org/image1"},
    )

    (named,) = cloud_records(server(("2026-10-01", {})), at("2026-10-02"), context)
    (unnamed,) = cloud_records(server(("2026-10-01", {})), at("2026-10-02"), CONTEXT)

    assert (named.user_name, named.image) == ("ada@egi.eu", "https://appdb.example.org/image1")
    assert (unnamed.user_name, unnamed.image) == (None, "image1")


def test_what_was_counted_before_us_stays_and_its_months_are_not_told_again():
    """The former program counted the suspended time of September and October up to its last run."""
    context = RecordContext(
        "TEST-Site",
        "cloud.test.org",
        "vo.example.org",
        suspended_states=SUSPENDED,
        counted_whole_until=at("2026-10-10"),
    )
    timeline = server(("2026-09-20", {}), ("2026-10-05", {"state": "suspended"}))

    (record,) = cloud_records(timeline, at("2026-10-12"), context)

    assert (f"{record.month:%Y-%m}", record.wall_s, record.suspended_s) == ("2026-10", 20 * 86400, 2 * 86400)


def test_a_server_that_ended_before_the_baseline_has_no_record():
    context = RecordContext("s", "c", "vo", counted_whole_until=at("2026-10-10"))

    assert (
        cloud_records(server(("2026-10-01", {}), end="2026-10-09 23:59:59"), at("2026-10-12"), context) == []
    )


@pytest.mark.parametrize("end", ["2026-10-10 12:00", "2026-10-10 12:00:00.9", "2026-10-10 12:00:01"])
def test_a_server_that_ended_in_the_second_after_the_baseline_is_completed(end):
    """Nova cuts the end to its second; who was reported before may have left out what ended there."""
    context = RecordContext("s", "c", "vo", counted_whole_until=at("2026-10-10 12:00:00.3"))

    (record,) = cloud_records(server(("2026-10-01", {}), end=end), at("2026-10-12"), context)

    assert (record.status, record.end) == ("completed", at(end).replace(microsecond=0))
    assert record.wall_s + record.suspended_s == (record.end - record.start).total_seconds()


def test_a_server_whose_flavor_nobody_told_is_found():
    timeline = server(("2026-10-01", {"vcpus": "", "ram_mib": "", "disk_gib": ""}))

    (record,) = cloud_records(timeline, at("2026-10-02"), CONTEXT)

    assert [one.field for one in record_findings(record)] == ["vcpus", "ram_mib", "disk_gib"]


def test_a_project_without_a_vo_is_found():
    (record,) = cloud_records(server(("2026-10-01", {})), at("2026-10-02"), RecordContext("s", "c", None))

    assert [one.reason for one in record_findings(record)] == ["no VO is mapped to project project1"]


def test_a_site_that_can_not_be_written_as_it_is_is_found():
    context = RecordContext("Universität", "c", "vo")

    (record,) = cloud_records(server(("2026-10-01", {})), at("2026-10-02"), context)

    assert [one.field for one in record_findings(record)] == ["SiteName"]


def test_a_month_that_the_server_did_not_touch_is_taken_back_with_the_figures_of_before():
    timeline = server(("2026-10-01", {}), end="2026-10-20")

    record = withdrawal(timeline, at("2026-11-01"), at("2026-11-05"), CONTEXT)

    assert (record.status, record.end, record.created_at) == ("unknown", None, at("2026-11-05"))
    assert (record.wall_s, record.key) == (19 * 86400, record_key(SERVER_ID, at("2026-11-01")))
    assert record_findings(record) == []


def test_the_digest_is_of_what_is_said_and_not_of_when():
    timeline = server(("2026-10-30", {}), end="2026-11-02")

    early = cloud_records(timeline, at("2026-11-03"), CONTEXT)[-1]
    late = cloud_records(timeline, at("2026-11-20"), CONTEXT)[-1]
    other = cloud_records(server(("2026-10-30", {}), end="2026-11-01 23:59:59"), at("2026-11-20"), CONTEXT)[
        -1
    ]

    assert early.created_at < late.created_at
    assert early.digest == late.digest != other.digest


def test_a_key_names_its_month():
    assert key_month("cloud/some/id/2026-10") == at("2026-10-01")


STATES = ["active", "suspended", "stopped", "shelved_offloaded", "paused", "building"]
MICROSECONDS = st.integers(0, 400 * 86400 * 10**6)
CHANGES = st.lists(
    st.tuples(
        MICROSECONDS,
        st.fixed_dictionaries({"state": st.sampled_from(STATES), "vcpus": st.integers(1, 64)}),
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda change: change[0],
)


@st.composite
def timelines(draw):
    """Draw a server's life of up to six spans within 400 days, with microseconds, ended or not."""
    changes = sorted(draw(CHANGES), key=lambda change: change[0])
    begin = at("2025-11-20")
    instants = [(begin + timedelta(microseconds=offset), values) for offset, values in changes]
    length = draw(st.none() | st.integers(1, 100 * 86400 * 10**6))
    end = None if length is None else instants[-1][0] + timedelta(microseconds=length)
    return server(*instants, end=end)


UNTIL = st.integers(0, 600 * 86400).map(lambda seconds: at("2025-11-20") + timedelta(seconds=seconds))
BASELINE = st.none() | UNTIL


@settings(max_examples=200)
@given(timelines(), UNTIL, BASELINE)
def test_wall_and_suspended_time_are_the_time_that_elapsed(timeline, until, baseline):
    context = RecordContext("s", "c", "vo", suspended_states=SUSPENDED, counted_whole_until=baseline)

    for record in cloud_records(timeline, until, context):
        assert record_findings(record) == []


@settings(max_examples=200)
@given(timelines(), UNTIL)
def test_the_differences_of_the_months_are_what_was_used_in_them(timeline, until):
    records = cloud_records(timeline, until, CONTEXT)

    wall = cpu = 0
    for record in records:
        month = next(Period(record.month, record.month + timedelta(seconds=1)).months())
        clipped = month.clip(timeline.begin, min(filter(None, [timeline.end, until])))
        truth = usage(timeline, clipped or Period(until, until), suspended_states=SUSPENDED)
        assert record.wall_s - wall == truth.wall_s >= 0
        assert record.cpu_s - cpu == truth.vcpu_s >= 0
        wall, cpu = record.wall_s, record.cpu_s
    assert [month_start(record.created_at) for record in records] == [record.month for record in records]
