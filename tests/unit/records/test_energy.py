"""Energy records: what a day says, and what is wrong with one."""

import json

import pytest

from server_timelines import SERVER_ID, at, server
from usance.model.resource import Resource
from usance.model.span import Span, Timeline
from usance.records.context import RecordContext
from usance.records.energy import day_of, energy_record, server_of
from usance.records.energy_cim import EnergyCim, EnergyJson
from usance.records.validate_energy import message_findings

CONTEXT = RecordContext(
    "TEST-Site",
    "cloud.test.org",
    "vo.example.org",
    cloud_type="usance/1 (OpenStack)",
    suspended_states=frozenset({"suspended"}),
    cpu_factor="1.5",
)
FORM = EnergyCim()


def day(*hours, date="2026-10-05", over=True):
    """Return a day's energy: each tuple is an hour, the microwatts from it on, and the seconds sampled."""
    starts = [at(f"{date} {hour:02}:00") for hour, _, _ in hours]
    end = at(f"{date}").replace(hour=0)
    end = end.fromtimestamp(end.timestamp() + 86400, tz=end.tzinfo)
    ends = [*starts[1:], end if over else None]
    spans = [
        Span(start, last, {"power_uw": power, "sampled_s": sampled})
        for start, last, (_, power, sampled) in zip(starts, ends, hours, strict=True)
    ]
    resource = Resource("project1", "region1", "energy", f"{SERVER_ID}/{date}")
    return Timeline(resource, starts[0], ends[-1], tuple(spans), launched=True)


def test_record_on_exact_bytes():
    """A server of 2 vCPUs that was suspended from noon to six, and draws 10 W, in the night 5 W."""
    life = server(
        ("2026-10-01", {}),
        ("2026-10-05 12:00", {"state": "suspended"}),
        ("2026-10-05 18:00", {"state": "active"}),
    )
    record = energy_record(day((0, 5_000_000, 3600), (6, 10_000_000, 3600)), life, CONTEXT)

    assert FORM.pack([FORM.render(record)]) == (
        b'[{"SiteName": "TEST-Site", "CloudType": "usance/1 (OpenStack)", '
        b'"CloudComputeService": "cloud.test.org", "ExecUnitID": "cd447e35-b8b6-48fe-842e-3d437204e52d", '
        b'"StartExecTime": "2026-10-05T00:00:00Z", "EndExecTime": "2026-10-06T00:00:00Z", "EnergyWh": 210, '
        b'"Work": 194400, "Efficiency": 0.75, "WallClockTime_s": 64800, "CpuDuration_s": 129600, '
        b'"SuspendDuration_s": 21600, "CPUNormalizationFactor": 1.5, "ExecUnitFinished": 0, '
        b'"Status": "active", "Owner": "vo.example.org"}]'
    )
    assert FORM.findings(record, FORM.render(record)) == []


def test_the_factor_leaves_the_energy_as_it_was_measured():
    life = server(("2026-10-01", {}))
    plain = RecordContext("s", "c", "vo")

    ours, theirs = (energy_record(day((0, 1, 3600)), life, one) for one in (CONTEXT, plain))

    assert ours.energy_wh == theirs.energy_wh == "0.000024"
    assert (ours.work, theirs.work) == ("259200", "172800")


def test_a_day_states_the_part_of_it_in_which_the_server_lived():
    life = server(("2026-10-05 09:20", {}), end="2026-10-05 15:10:00.5")
    hours = day((0, 0, 0), (9, 4_000_000, 2400), (10, 6_000_000, 3600), (15, 1_000_000, 600), (16, 0, 0))

    record = energy_record(hours, life, CONTEXT)

    assert (record.start, record.end) == (at("2026-10-05 09:20"), at("2026-10-05 15:10"))
    assert record.energy_wh == "35"
    assert (record.finished, record.status) == (True, "deleted")
    assert (record.wall_s, record.sampled_s, record.unsampled_s) == (21000, 21000, 0)


def test_hours_after_the_end_do_not_count():
    """It was found late that the server had ended at noon; what is measured later is not its own."""
    life = server(("2026-10-01", {}), end="2026-10-05 12:00")

    record = energy_record(day((0, 3_600_000, 3600)), life, CONTEXT)

    assert (record.energy_wh, record.sampled_s) == ("43.2", 12 * 3600)


def test_a_server_that_did_not_live_on_the_day_used_nothing():
    life = server(("2026-10-01", {}), end="2026-10-04")

    record = energy_record(day((0, 3_600_000, 3600)), life, CONTEXT)

    assert (record.energy_wh, record.wall_s, record.efficiency) == ("0", 0, "0")
    assert FORM.findings(record, FORM.render(record)) == []


def test_a_gap_is_stated_and_nothing_is_put_into_it():
    life = server(("2026-10-01", {}))

    record = energy_record(
        day((0, 1_000_000, 3600), (4, 0, 0), (10, 500_000, 1800), (11, 0, 0)), life, CONTEXT
    )

    assert record.energy_wh == "4.5"
    line = json.loads(EnergyJson().render(record))
    assert (line["sampled_s"], line["unsampled_s"]) == (4 * 3600 + 1800, 86400 - 4 * 3600 - 1800)
    assert line["record_id"] == f"energy/{SERVER_ID}/2026-10-05"
    assert line["EnergyWh"] == "4.5"


def test_an_end_at_midnight_finishes_the_day_that_it_closes():
    life = server(("2026-10-01", {}), end="2026-10-06")

    assert energy_record(day((0, 1, 3600)), life, CONTEXT).finished
    assert not energy_record(day((0, 1, 3600), date="2026-10-06"), life, CONTEXT).finished


def test_id_tells_server_and_day():
    assert (server_of("a/b/2026-10-05"), day_of("energy/a/b/2026-10-05")) == ("a/b", at("2026-10-05"))


GOOD = json.loads(FORM.render(energy_record(day((0, 1, 3600)), server(("2026-10-01", {})), CONTEXT)))


@pytest.mark.parametrize("name", sorted(GOOD))
def test_field_that_is_missing_is_found(name):
    broken = {key: value for key, value in GOOD.items() if key != name}

    assert [str(one) for one in message_findings(json.dumps([broken]).encode())] == [
        f"{name}: record 1: is missing"
    ]


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("EnergyWh", "1", "is no decimal number"),
        ("EnergyWh", -1, "is no decimal number"),
        ("WallClockTime_s", 1.5, "is no number of seconds"),
        ("ExecUnitFinished", True, "is neither 0 nor 1"),
        ("ExecUnitFinished", 2, "is neither 0 nor 1"),
        ("StartExecTime", "2026-10-05T00:00:00", "is no instant in UTC"),
        ("EndExecTime", "2026-10-04T00:00:00Z", "lies before StartExecTime"),
        ("Owner", "", "is no text"),
        ("Watt", 1, "nobody knows this field"),
    ],
)
def test_field_that_makes_no_sense_is_found(field, value, reason):
    found = message_findings(json.dumps([{**GOOD, field: value}]).encode())

    assert [str(one) for one in found] == [f"{field}: record 1: {reason}"]


def test_what_is_no_array_is_found():
    assert "no array" in str(message_findings(b"{}")[0])
    assert message_findings(json.dumps([GOOD]).encode()) == []
