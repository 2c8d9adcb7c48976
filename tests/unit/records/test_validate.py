"""A message of any type finds its rules."""

import pytest

from usance.records.validate import check_message


@pytest.mark.parametrize(
    ("message", "records", "reason"),
    [
        (b"APEL-cloud-message: v0.4\nVMUUID: a\n%%\nVMUUID: b\n", 2, "SiteName: record 1: is mandatory"),
        (
            b'{"Type": "APEL Public IP message", "Version": "v0.2", "UsageRecords": [{"uuid": "a"}]}',
            1,
            "uuid: record 1: the receiver does not know this field",
        ),
        (b'{"Type": "APEL-accelerator-message", "Version": "0.1", "UsageRecords": [{}]}', 1, "is mandatory"),
        (b'{"Type": "something else", "UsageRecords": []}', 0, "no message of type 'something else'"),
        (b'{"Type": 7}', 0, "no JSON object with a type"),
        (b"{", 0, "no JSON object with a type"),
        (b"<a>", 0, ""),
        (b"", 0, "no header of a cloud message"),
    ],
)
def test_message_is_held_to_the_rules_of_its_type(message, records, reason):
    found, findings = check_message(message)

    assert found == records
    assert any(reason in str(one) for one in findings)


def test_an_array_is_held_to_the_rules_of_energy_records():
    records, findings = check_message(b'[{"EnergyWh": 1}, {"EnergyWh": "1"}]')

    assert records == 2
    assert "EnergyWh: record 2: is no decimal number" in [str(one) for one in findings]
    assert check_message(b"[1")[0] == 0
