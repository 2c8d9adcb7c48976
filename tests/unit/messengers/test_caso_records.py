"""Our records as objects that messengers written for cASO 5 can read."""

import json
import sys
import types
import uuid
from datetime import datetime

import pytest

from server_timelines import SERVER_ID, at, server
from storage_timelines import VOLUME_ID, volume
from usance.messengers.caso_records import OldContractError, Records, caso_record
from usance.model.accelerator import AcceleratorAlias
from usance.model.resource import SERVER, Resource
from usance.model.span import Span, Timeline
from usance.records.accelerator import accelerator_records
from usance.records.accelerator_json import AcceleratorJson
from usance.records.cloud import cloud_records
from usance.records.cloud_v04 import CloudV04
from usance.records.context import RecordContext
from usance.records.energy import energy_record
from usance.records.energy_cim import EnergyCim, EnergyJson
from usance.records.ip import IpRecord
from usance.records.ip_json import IpJson
from usance.records.json_lines import CloudJson
from usance.records.storage import storage_records
from usance.records.storage_json import StorageJson
from usance.records.storage_star import StorageStar

CONTEXT = RecordContext(
    "TEST-Site",
    "cloud.test.org",
    "/vo.example.org/production/Role=pilot",
    cloud_type="usance/1 (OpenStack)",
    suspended_states=frozenset({"suspended"}),
    user_names={"user1": "Zoë"},
    accelerator_aliases={"a100": AcceleratorAlias("GPU", "NVIDIA A100")},
)


def as_caso_has_it(form, record):
    return caso_record(form.record_type, json.loads(form.render(record)), CONTEXT.cloud_type)


def cloud(**options):
    timeline = server(
        ("2026-10-01 10:00", {"benchmark_type": "HEPSPEC06", "benchmark_value": "12.5"}),
        ("2026-10-01 11:00", {"state": "suspended"}),
        described={"name": "web", "public_ip_count": 1},
        **options,
    )
    [record] = cloud_records(timeline, at("2026-10-01 12:00"), CONTEXT)
    return record


def test_a_cloud_record_has_the_fields_of_caso_by_name_and_by_alias():
    record = as_caso_has_it(CloudJson(), cloud())

    fields = record.model_dump()

    assert fields == {
        "site_name": "TEST-Site",
        "cloud_type": "usance/1 (OpenStack)",
        "compute_service": "cloud.test.org",
        "uuid": uuid.UUID(SERVER_ID),
        "name": "web",
        "user_id": "user1",
        "user_dn": "Zoë",
        "group_id": "project1",
        "fqan": "/vo.example.org/production/Role=pilot",
        "status": "suspended",
        "image_id": "image1",
        "public_ip_count": 1,
        "cpu_count": 2,
        "memory": 2048,
        "disk": 25,
        "suspend_duration": 3600,
        "benchmark_value": 12.5,
        "benchmark_type": "HEPSPEC06",
        "start_time_epoch": 1790848800,
        "end_time_epoch": 0,
        "wall_duration": 3600,
        "cpu_duration": 7200,
    }
    assert fields == record.dict() == dict(record) == {name: getattr(record, name) for name in fields}
    assert list(record.model_dump(by_alias=True).items())[3:5] == [
        ("VMUUID", uuid.UUID(SERVER_ID)),
        ("MachineName", "web"),
    ]
    assert record.start_time == datetime(2026, 10, 1, 10)  # noqa: DTZ001 - naive, as cASO has it
    assert record.end_time is None
    assert record.version == "0.4"


def test_a_record_as_json_leaves_out_what_it_is_told_to():
    record = as_caso_has_it(CloudJson(), cloud())

    text = record.model_dump_json(by_alias=True, exclude_none=True)

    assert text.startswith('{"SiteName":"TEST-Site","CloudType":"usance/1 (OpenStack)",')
    assert json.loads(text)["VMUUID"] == SERVER_ID
    assert json.loads(record.json(include={"uuid", "name"}, exclude={"name"})) == {"uuid": SERVER_ID}


def test_a_record_that_ended_says_when():
    record = as_caso_has_it(CloudJson(), cloud(end="2026-10-01 11:30"))

    assert (record.status, record.end_time_epoch) == ("completed", 1790848800 + 5400)


def test_an_attribute_may_be_set_and_is_then_told():
    record = as_caso_has_it(CloudJson(), cloud())

    record.fqan, record.start_time = "vo.other.org", datetime(2026, 10, 2)  # noqa: DTZ001 - as cASO's are

    assert record.model_dump(by_alias=True)["FQAN"] == "vo.other.org"
    assert record.start_time_epoch == 1790899200
    assert record != as_caso_has_it(CloudJson(), cloud())


def test_the_message_of_a_record_is_the_one_that_usance_sends():
    said = cloud()

    assert as_caso_has_it(CloudJson(), said).ssm_message() + "\n" == CloudV04().render(said)


def test_an_ip_record_keeps_its_identity_when_it_is_repeated():
    said = IpRecord("project1", at("2026-10-01"), at("2026-10-01 12:00"), is_final=False, ip_version=6,
                    count=3, user_id="user1", user_name="Zoë", site_name="TEST-Site",
                    service_name="cloud.test.org", cloud_type="usance/1 (OpenStack)",
                    fqan="vo.example.org")  # fmt: skip
    record = as_caso_has_it(IpJson(), said)

    assert record.model_dump(by_alias=True) == {
        "SiteName": "TEST-Site",
        "CloudType": "usance/1 (OpenStack)",
        "CloudComputeService": "cloud.test.org",
        "uuid": as_caso_has_it(IpJson(), said).uuid,
        "LocalUser": "user1",
        "GlobalUserName": "Zoë",
        "LocalGroup": "project1",
        "FQAN": "vo.example.org",
        "IPVersion": 6,
        "IPCount": 3,
        "MeasurementTime": 1790856000,
    }
    assert json.loads(record.ssm_message())["IPCount"] == 3
    assert "record_id" not in record.ssm_message()


@pytest.mark.parametrize(("number", "count"), [("2", 2), ("0.5", 0.5)])
def test_an_accelerator_record_counts_in_numbers(number, count):
    told = f'{{"type":"GPU","vendor":"NVIDIA","model":"A100","number":"{number}"}}'
    said = accelerator_records(
        server(("2026-10-01 10:00", {"accelerators": told})), at("2026-10-01 12:00"), CONTEXT
    )

    [record] = [as_caso_has_it(AcceleratorJson(), one) for one in said]

    assert (record.uuid, record.count, type(record.count)) == (uuid.UUID(SERVER_ID), count, type(count))
    assert (record.accelerator_type, record.model) == ("GPU", "NVIDIA A100")
    assert record.available_duration == record.active_duration == 7200
    assert (record.measurement_year, record.measurement_month) == (2026, 10)
    assert json.loads(record.ssm_message())["Count"] == count


def test_a_storage_record_has_the_volume_and_the_interval():
    [said] = storage_records(volume(("2026-10-01", {})), at("2026-10-02"), CONTEXT)
    record = as_caso_has_it(StorageJson(), said)

    assert record.model_dump(by_alias=True, mode="json") == {
        "SiteName": "TEST-Site",
        "CloudType": "usance/1 (OpenStack)",
        "CloudComputeService": "cloud.test.org",
        "VolumeUUID": VOLUME_ID,
        "RecordName": VOLUME_ID,
        "LocalUser": "user1",
        "GlobalUserName": "Zoë",
        "LocalGroup": "project1",
        "FQAN": "/vo.example.org/production/Role=pilot",
        "ActiveDuration": 86400,
        "AttachedDuration": None,
        "AttachedTo": None,
        "Type": "Block Storage (cinder)",
        "Status": "unknown",
        "Capacity": 10,
        "StartTime": 1790812800,
        "CreateTime": 1790899200,
        "VolumeCreationTime": 1790812800,
    }
    assert record.measure_time - record.start_time == record.measure_time - record.volume_creation
    # The same element as ours, but with its prefix bound in itself, as cASO's is.
    bound = ' xmlns:sr="http://eu-emi.eu/namespaces/2011/02/storagerecord"'
    assert record.ssm_message().decode().replace(bound, "") == StorageStar().render(said)


def test_an_energy_record_has_numbers_and_times_as_text():
    day = Timeline(
        Resource("project1", "region1", "energy", f"{SERVER_ID}/2026-10-05"),
        at("2026-10-05"),
        at("2026-10-06"),
        (Span(at("2026-10-05"), at("2026-10-06"), {"power_uw": 5_000_000, "sampled_s": 3600}),),
        launched=True,
    )
    said = energy_record(day, server(("2026-10-01", {})), CONTEXT)

    record = as_caso_has_it(EnergyJson(), said)

    assert record.exec_unit_id == uuid.UUID(SERVER_ID)
    assert (record.energy_wh, record.efficiency, record.cpu_duration_s) == (120, 1, 172800)
    assert (record.start_exec_time, record.owner) == ("2026-10-05T00:00:00Z", CONTEXT.fqan)
    assert json.loads(record.ssm_message()) == json.loads(EnergyCim().render(said))
    assert list(json.loads(record.ssm_message())) == list(json.loads(EnergyCim().render(said)))


def test_isinstance_answers_as_the_classes_of_caso_where_they_are_loaded(monkeypatch):
    theirs = types.ModuleType("caso.record")
    theirs.CloudRecord, theirs.IPRecord = type("CloudRecord", (), {}), type("IPRecord", (), {})
    record = as_caso_has_it(CloudJson(), cloud())

    assert not isinstance(record, theirs.CloudRecord)
    monkeypatch.setitem(sys.modules, "caso.record", theirs)

    assert isinstance(record, theirs.CloudRecord)
    assert not isinstance(record, theirs.IPRecord)


def test_records_are_a_list_and_say_that_they_are_no_dictionary():
    records = Records([as_caso_has_it(CloudJson(), cloud())])

    assert [one.name for one in records] == ["web"]
    assert not hasattr(records, "items")
    with pytest.raises(OldContractError):
        records.iteritems()
    with pytest.raises(AttributeError, match="colour"):
        records.colour()


def test_what_has_no_usual_id_keeps_its_own():
    timeline = server(("2026-10-01", {}), server_id="i-0123")
    [said] = cloud_records(timeline, at("2026-10-02"), CONTEXT)

    assert timeline.resource == Resource("project1", "region1", SERVER, "i-0123")
    assert as_caso_has_it(CloudJson(), said).uuid == "i-0123"
