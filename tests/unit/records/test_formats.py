import json

import pytest

from server_timelines import SERVER_ID, at, server
from usance.records.cloud import cloud_records
from usance.records.cloud_v02 import CloudV02
from usance.records.cloud_v04 import CloudV04
from usance.records.context import RecordContext
from usance.records.json_lines import CloudJson
from usance.records.validate_cloud import message_findings

CONTEXT = RecordContext(
    "TEST-Site",
    "cloud.test.org",
    "vo.example.org",
    cloud_type="usance/0.1.0 (OpenStack)",
    suspended_states=frozenset({"suspended"}),
    user_names={"user1": "ada@egi.eu"},
)
BENCHMARK = {"benchmark_type": "HEPSPEC06", "benchmark_value": "12.5"}
RUNNING = server(("2026-10-01 00:00", BENCHMARK), ("2026-10-01 10:00", {"state": "suspended"}))
ENDED = server(("2026-10-01 00:00", {}), end="2026-10-01 01:00", described={"name": "vm1"})

V04 = f"""APEL-cloud-message: v0.4
Benchmark: 12.5
BenchmarkType: HEPSPEC06
CloudComputeService: cloud.test.org
CloudType: usance/0.1.0 (OpenStack)
CpuCount: 2
CpuDuration: 72000
Disk: 25
FQAN: vo.example.org
GlobalUserName: ada@egi.eu
ImageId: image1
LocalGroupId: project1
LocalUserId: user1
MachineName: vm0
Memory: 2048
PublicIPCount: 1
RecordCreateTime: 1790856000
SiteName: TEST-Site
StartTime: 1790812800
Status: suspended
SuspendDuration: 7200
VMUUID: {SERVER_ID}
WallDuration: 36000
%%
CloudComputeService: cloud.test.org
CloudType: usance/0.1.0 (OpenStack)
CpuCount: 2
CpuDuration: 7200
Disk: 25
EndTime: 1790816400
FQAN: vo.example.org
GlobalUserName: ada@egi.eu
ImageId: image1
LocalGroupId: project1
LocalUserId: user1
MachineName: vm1
Memory: 2048
PublicIPCount: 0
RecordCreateTime: 1790816400
SiteName: TEST-Site
StartTime: 1790812800
Status: completed
SuspendDuration: 0
VMUUID: other
WallDuration: 3600
"""

V02 = f"""APEL-cloud-message: v0.2
RecordCreateTime: 1790856000
VMUUID: {SERVER_ID}
SiteName: TEST-Site
MachineName: vm0
LocalUserId: user1
LocalGroupId: project1
FQAN: vo.example.org
Status: suspended
StartTime: 1790812800
SuspendDuration: 7200
WallDuration: 36000
CpuDuration: 72000
CpuCount: 2
Memory: 2048
Disk: 25
ImageId: image1
CloudType: usance/0.1.0 (OpenStack)
GlobalUserName: ada@egi.eu

"""


def record_of(timeline, until="2026-10-01 12:00"):
    return cloud_records(timeline, at(until), CONTEXT)[0]


def test_a_message_v04_is_written_on_exact_bytes():
    ended = server(
        ("2026-10-01 00:00", {}), end="2026-10-01 01:00", server_id="other", described={"name": "vm1"}
    )
    form = CloudV04()

    message = form.pack([form.render(record_of(RUNNING)), form.render(record_of(ended))])

    assert message == V04.encode()
    assert message_findings(message) == []


def test_a_message_v02_is_written_on_exact_bytes():
    form = CloudV02()

    message = form.pack([form.render(record_of(RUNNING))])

    assert message == V02.encode()
    assert message_findings(message) == []


def test_json_lines_are_written_on_exact_bytes():
    line = CloudJson().render(record_of(ENDED))

    assert line.endswith('"record_type":"cloud"}\n')
    assert json.loads(line) == {
        "CloudComputeService": "cloud.test.org",
        "CloudType": "usance/0.1.0 (OpenStack)",
        "CpuCount": 2,
        "CpuDuration": 7200,
        "Disk": 25,
        "EndTime": 1790816400,
        "FQAN": "vo.example.org",
        "GlobalUserName": "ada@egi.eu",
        "ImageId": "image1",
        "LocalGroupId": "project1",
        "LocalUserId": "user1",
        "MachineName": "vm1",
        "Memory": 2048,
        "PublicIPCount": 0,
        "RecordCreateTime": 1790816400,
        "SiteName": "TEST-Site",
        "StartTime": 1790812800,
        "Status": "completed",
        "SuspendDuration": 0,
        "VMUUID": SERVER_ID,
        "WallDuration": 3600,
        "inferred_cpu_s": 0,
        "inferred_s": 0,
        "record_digest": record_of(ENDED).digest,
        "record_id": f"cloud/{SERVER_ID}/2026-10",
        "record_type": "cloud",
    }


def test_json_lines_keep_the_letters_of_a_name_and_stay_one_line():
    timeline = server(("2026-10-01", {}), described={"name": "sérveur\n%%\ud800"})

    line = CloudJson().render(record_of(timeline))

    assert json.loads(line)["MachineName"] == "sérveur\n%%?"
    assert line.count("\n") == 1


@pytest.mark.parametrize("form", [CloudV04(), CloudV02(), CloudJson()])
def test_the_size_of_a_message_is_that_of_its_parts(form):
    texts = [form.render(record_of(RUNNING)), form.render(record_of(ENDED))]

    message = form.pack(texts)

    assert len(message) == form.envelope_bytes + form.separator_bytes + sum(
        len(text.encode()) for text in texts
    )


def test_what_a_server_lacks_has_no_line():
    timeline = server(("2026-10-01", {"image_id": "", "user_id": ""}), described={"name": ""})

    text = CloudV04().render(record_of(timeline))

    assert not [
        key for key in ("ImageId", "LocalUserId", "GlobalUserName", "MachineName") if f"{key}:" in text
    ]
    assert CloudV04().findings(record_of(timeline), text) == []


def test_a_benchmark_without_a_type_is_not_told():
    timeline = server(("2026-10-01", {"benchmark_value": "12.5"}))

    assert "Benchmark" not in CloudV04().render(record_of(timeline))
