"""What the draft of accelerator records asks, held against messages."""

import json

import pytest

from usance.records.validate_accelerator import message_findings

GOOD = {
    "SiteName": "TEST-Site",
    "AssociatedRecord": "cd447e35-b8b6-48fe-842e-3d437204e52d",
    "FQAN": "vo.example.org",
    "Count": 2,
    "AvailableDuration": 86400,
    "MeasurementMonth": 2,
    "MeasurementYear": 2026,
    "AssociatedRecordType": "cloud",
    "Type": "GPU",
}


def findings(*records, kind="APEL-accelerator-message", version="0.1"):
    message = json.dumps({"Type": kind, "Version": version, "UsageRecords": records})
    return [str(one) for one in message_findings(message.encode())]


def test_good_records_are_valid():
    full = {**GOOD, "Model": "NVIDIA A100", "Cores": 6912, "ActiveDuration": 5, "Count": 0.5}

    assert findings(GOOD, full) == []


@pytest.mark.parametrize("name", sorted(GOOD))
def test_mandatory_field_that_is_missing_is_found(name):
    assert findings({key: value for key, value in GOOD.items() if key != name}) == [
        f"{name}: record 1: is mandatory"
    ]


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("AccUUID", "x", "the receiver does not know this field"),
        ("Count", 0, "is 0"),
        ("Count", -1, "is no decimal number"),
        ("Count", "2", "is no decimal number"),
        ("Count", True, "is no decimal number"),
        ("Count", 10**8, "is larger than it can be"),
        ("Type", "gpu", "is none of GPU, FPGA, Other"),
        ("AssociatedRecordType", "storage", "is none of cloud, job"),
        ("MeasurementMonth", 13, "is not between 1 and 12"),
        ("MeasurementYear", "2026", "is no whole number"),
        ("AvailableDuration", 1.5, "is no whole number"),
        ("AvailableDuration", 29 * 86400, "2505600 s is more than the month has"),
        ("ActiveDuration", 86401, "is longer than AvailableDuration"),
        ("SiteName", "x" * 256, "is longer than 255 bytes"),
        ("FQAN", "none", "is empty"),
        ("Model", 100, "is no text"),
        ("Benchmark", 1.5, "there are both, or neither: its value and its type"),
    ],
)
def test_field_that_the_draft_does_not_allow_is_found(field, value, reason):
    assert findings({**GOOD, field: value}) == [f"{field}: record 1: {reason}"]


def test_one_record_twice_is_found():
    assert "stands twice" in findings(GOOD, GOOD)[0]


def test_what_is_no_such_message_is_found():
    assert "is not 'APEL-accelerator-message' 0.1" in findings(GOOD, version="0.2")[0]
    assert "is no JSON object" in str(message_findings(b"APEL-cloud-message: v0.4\n")[0])
    assert "ASCII" in str(message_findings('{"Type": "ü"}'.encode())[0])
