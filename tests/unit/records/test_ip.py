"""Public IP records: what is counted when, for whom, and how it is written."""

import json
from datetime import timedelta

import msgspec
import pytest

from server_timelines import at, server
from usance.model.resource import ADDRESSES, FLOATING_IP, PORT, SERVER_ID, USER_ID, Resource
from usance.model.span import LIFE, Doubt, Span, Timeline
from usance.records.context import RecordContext
from usance.records.ip import (
    DAY,
    NOBODY,
    Measurement,
    Tally,
    Whose,
    count,
    ip_records,
    key_day,
    key_whose,
    last_day,
    measurement,
    record_key,
    user_at,
)
from usance.records.ip_json import IpJson
from usance.records.ip_v02 import IpV02
from usance.records.validate_ip import message_findings, object_findings

CONTEXT = RecordContext(
    "TEST-Site",
    "cloud.test.org",
    "vo.example.org",
    cloud_type="usance/1 (OpenStack)",
    user_names={"user1": "Jürgen\n@example.org"},
)
NOON = at("2026-10-02 12:00")
WHEN = Measurement(at("2026-10-02"), at("2026-10-02 23:59:59"))


def address(*changes, end=None, kind=FLOATING_IP, doubts=()) -> Timeline:
    """Return what holds addresses: each change says from when which values are so."""
    instants = [at(since) for since, _ in changes]
    spans = []
    values: dict = {ADDRESSES: "192.0.2.1", SERVER_ID: ""}
    for place, (_, changed) in enumerate(changes):
        values = values | changed
        until = instants[place + 1] if place + 1 < len(instants) else (None if end is None else at(end))
        spans.append(Span(instants[place], until, values))
    return Timeline(
        Resource("project1", "region1", kind, "a"),
        instants[0],
        None if end is None else at(end),
        tuple(spans),
        doubts=doubts,
    )


def counted(timeline, *instants, users=None, default=None):
    """Return the totals at each instant, by version and user."""
    into = [{} for _ in instants]
    count(
        timeline,
        list(instants),
        into,
        user_of=lambda one, _: (users or {}).get(one),
        default_user_id=default,
    )
    return [{(key.ip_version, key.user_id): one.total for key, one in counts.items()} for counts in into]


def records(counts, before=None, when=WHEN, context=CONTEXT, **options):
    return list(ip_records("project1", when, counts, before or {}, context, **options).values())


def one_record(**changes):
    [record] = records({Whose(4, "user1"): Tally(by_server=2, by_default=1)})
    return msgspec.structs.replace(record, **changes)


def test_address_counts_from_its_first_instant_to_before_its_last():
    timeline = address(("2026-10-02 12:00", {}), end="2026-10-02 13:00")
    second = timedelta(seconds=1)

    found = counted(timeline, NOON - second, NOON, NOON + 3599 * second, NOON + 3600 * second)

    assert found == [{}, {(4, NOBODY): 1}, {(4, NOBODY): 1}, {}]


def test_address_that_came_and_went_between_two_instants_does_not_count():
    timeline = address(("2026-10-02 12:00", {}), end="2026-10-02 13:00")

    assert counted(timeline, at("2026-10-01 23:59:59"), at("2026-10-02 23:59:59")) == [{}, {}]


def test_user_of_the_server_comes_before_the_creator_and_that_one_before_the_configured():
    timeline = address(("2026-10-01", {SERVER_ID: "s1", USER_ID: "creator"}))
    created = address(("2026-10-01", {USER_ID: "creator"}))
    free = address(("2026-10-01", {}))

    assert counted(timeline, NOON, users={"s1": "user1"}, default="d") == [{(4, "user1"): 1}]
    assert counted(timeline, NOON, users={}, default="d") == [{(4, "creator"): 1}]
    assert counted(created, NOON, default="d") == [{(4, "creator"): 1}]
    assert counted(free, NOON, default="d") == [{(4, "d"): 1}]
    assert counted(free, NOON) == [{(4, NOBODY): 1}]


def test_what_has_no_address_counts_nothing_and_what_has_several_counts_each():
    timeline = address(
        ("2026-10-01", {ADDRESSES: ""}),
        ("2026-10-02", {ADDRESSES: "192.0.2.1 192.0.2.2 2001:db8::1"}),
        kind=PORT,
    )

    assert counted(timeline, at("2026-10-01 12:00"), NOON) == [{}, {(4, NOBODY): 2, (6, NOBODY): 1}]


def test_address_that_is_only_inferred_to_be_there_is_counted_as_such():
    doubts = (Doubt(LIFE, at("2026-10-02 10:00"), at("2026-10-02 14:00")),)
    timeline = address(("2026-10-01", {}), end="2026-10-02 14:00", doubts=doubts)
    into = [{}, {}]

    count(timeline, [at("2026-10-01 12:00"), NOON], into, user_of=lambda *_: None, default_user_id="d")

    assert [one[Whose(4, "d")].inferred for one in into] == [0, 1]


def test_user_of_a_server_is_that_of_the_instant_or_the_nearest_known():
    timeline = server(("2026-10-02", {}), ("2026-10-03", {"user_id": "user2"}), end="2026-10-04")

    assert [user_at(timeline, at(f"2026-10-0{day}")) for day in (1, 2, 3, 5)] == [
        "user1",
        "user1",
        "user2",
        "user2",
    ]


def test_day_is_measured_at_its_last_second_or_where_the_period_ends():
    assert measurement(at("2026-10-02"), at("2026-10-05")) == WHEN
    assert WHEN.is_final
    assert measurement(at("2026-10-02"), NOON) == Measurement(at("2026-10-02"), NOON)
    assert not measurement(at("2026-10-02"), NOON).is_final
    assert last_day(at("2026-10-03")) == at("2026-10-02")


def test_key_gives_back_what_it_was_made_of_whatever_an_id_has():
    for user in ("user1", "a/b", "", "ü/6/2026-10-01"):
        key = record_key("project1", Whose(6, user), WHEN.day)

        assert key_whose(key, "project1") == Whose(6, user)
        assert key_day(key) == WHEN.day


def test_user_without_addresses_is_stated_once_after_she_had_some():
    had = {Whose(4, "user1"): Tally(by_server=1), Whose(4, NOBODY): Tally(by_nobody=1)}
    has_none = {Whose(4, "user1"): Tally()}

    assert [(one.user_id, one.count) for one in records({}, had)] == [("user1", 0)]
    assert records({}, has_none) == []
    assert [one.count for one in records({}, {}, stated=[Whose(6, "user1")])] == [0]


def test_later_measurement_of_the_same_is_news_only_once_the_day_is_over():
    counts = {Whose(4, "user1"): Tally(by_server=1)}
    noon, later = (Measurement(WHEN.day, at(f"2026-10-02 {hour}:00")) for hour in (12, 13))

    digests = [records(counts, when=when)[0].digest for when in (noon, later, WHEN)]

    assert digests[0] == digests[1] != digests[2]


def test_message_is_one_line_as_the_definition_has_it():
    form = IpV02()
    text = form.render(one_record())

    message = form.pack([text, form.render(one_record(ip_version=6))])

    assert text == (
        '{"SiteName": "TEST-Site", "CloudType": "usance/1 (OpenStack)", '
        '"CloudComputeService": "cloud.test.org", '
        '"LocalUser": "user1", "GlobalUserName": "J\\u00fcrgen\\n@example.org", "LocalGroup": "project1", '
        '"FQAN": "vo.example.org", "IPVersion": 4, "IPCount": 3, "MeasurementTime": 1790985599}'
    )
    assert message.startswith(b'{"Type": "APEL Public IP message", "Version": "v0.2", "UsageRecords": [{')
    assert b"\n" not in message
    assert message_findings(message) == []
    assert len(message) == form.envelope_bytes + 2 * len(text) + form.separator_bytes


def test_service_may_be_null_and_nothing_else():
    text = IpV02().render(one_record(service_name=""))

    assert json.loads(text)["CloudComputeService"] is None
    assert IpV02().findings(one_record(service_name=""), text) == []


def test_line_says_which_record_it_is_and_what_told_whose_the_addresses_are():
    line = json.loads(IpJson().render(one_record(cloud_id="region1")))

    assert line["record_id"] == "ip/region1/project1/4/user1/2026-10-02"
    assert (line["by_server"], line["by_event"], line["by_default"], line["inferred"]) == (2, 0, 1, 0)
    assert line["GlobalUserName"] == "Jürgen\n@example.org"


def test_the_same_project_in_two_regions_has_records_of_its_own_in_each():
    """A reader keeps one line under each identity."""
    lines = [json.loads(IpJson().render(one_record(cloud_id=one))) for one in ("region1", "region2")]

    assert lines[0]["record_id"] != lines[1]["record_id"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"fqan": None}, "FQAN: no VO is mapped"),
        ({"user_id": "", "user_name": None}, "LocalUser: nothing tells whose 3 addresses"),
        ({"user_name": None}, "GlobalUserName: the name of user user1 is not known"),
        ({"user_name": "x" * 256}, "GlobalUserName: is longer than 255"),
        ({"site_name": " "}, "SiteName: is empty"),
        ({"count": 4}, "IPCount: is not the sum"),
        ({"created_at": WHEN.day + DAY}, "MeasurementTime: lies outside"),
        ({"ip_version": 5}, "IPVersion: is neither 4 nor 6"),
    ],
)
def test_record_that_the_definition_does_not_admit_is_refused_with_the_reason(changes, reason):
    record = one_record(**changes)
    form = IpV02()

    found = [str(one) for one in form.findings(record, form.render(record))]

    assert any(one.startswith(reason) for one in found), found


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("uuid", "46be5b53", "does not know this field"),
        ("LocalUser", None, "is mandatory"),
        ("LocalUser", 7, "is no text"),
        ("IPCount", "3", "is no whole number"),
        ("IPCount", True, "is no whole number"),
        ("IPCount", 3.0, "is no whole number"),
        ("IPCount", -1, "is negative"),
        ("IPCount", 2**31, "is larger than"),
        ("MeasurementTime", "2026-10-02T23:59:59Z", "is no whole number"),
        ("FQAN", "//Role=x", "names no VO"),
    ],
)
def test_field_that_the_definition_does_not_admit_is_found(field, value, reason):
    fields = json.loads(IpV02().render(one_record())) | {field: value}

    [finding] = object_findings(fields)

    assert finding.field == field
    assert reason in finding.reason


def test_what_caso_publishes_can_not_satisfy_the_definition():
    """No user, an `uuid`, and another way to write the version."""
    message = (
        b'{"Type": "APEL Public IP message", "Version": "0.2", "UsageRecords": [{"SiteName": "TEST-Site", '
        b'"CloudType": "caso/5.2.2 (OpenStack)", "CloudComputeService": "cloud.test.org", '
        b'"uuid": "46be5b53-5ba7-4ff2-a19c-0912df73c92c", "LocalGroup": "b2221a58", '
        b'"FQAN": "vo.example0.org", "IPVersion": 4, "IPCount": 3, "MeasurementTime": 1795302051}]}'
    )

    found = {one.field for one in message_findings(message)}

    assert found == {"Type", "uuid", "LocalUser", "GlobalUserName"}


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (b"APEL-cloud-message: v0.4\n", "is no JSON object"),
        ('{"Type": "ü"}'.encode(), "something else than ASCII"),
        (b'{"Type": "x"}', "has not exactly the keys"),
        (b'{"Type": "APEL Public IP message", "Version": "v0.2", "UsageRecords": []}', "is no list"),
        (
            b'{"Type": "APEL Public IP message", "Version": "v0.2", "UsageRecords": [1]}',
            "record 1: is no JSON",
        ),
        (b" " * 600_000, "more than the wire takes"),
    ],
)
def test_message_that_is_none_is_refused(message, reason):
    assert any(reason in str(one) for one in message_findings(message))


def test_record_that_stands_twice_in_a_message_is_found():
    form = IpV02()
    text = form.render(one_record())

    assert any("stands twice" in str(one) for one in message_findings(form.pack([text, text])))
