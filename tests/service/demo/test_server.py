"""The server around the services: clock, faults, counters, other services, the command."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx2
import pytest

from usance.demo.clock import Clock
from usance.demo.cloud import CloudOptions, DemoCloud
from usance.demo.faults import Fault, FaultKind
from usance.demo.history import SeededHistory, WrittenHistory
from usance.demo.script import scripted
from usance.demo.server import serve, serving
from usance.demo.setup import environment, write_caso_conf
from usance.demo.site import PASSWORD, standard_site

SITE = standard_site(projects=2)
NOW = datetime(2026, 10, 10, 12, 30, 15, tzinfo=UTC)
WEB = scripted(
    SITE, "web", "2026-10-01 00:00:00 create m1.tiny", floating_ips=("198.51.100.7", "2001:db8::7")
)


HISTORY = WrittenHistory(SITE, [WEB])


@pytest.fixture(scope="module")
def served():
    cloud = DemoCloud(HISTORY, clock=Clock(NOW))
    with serving(cloud) as url, httpx2.Client(base_url=url) as http:
        yield cloud, http


@pytest.fixture
def cloud(served):
    """Return a cloud in which everything is well, at NOW."""
    cloud, _ = served
    cloud.load(HISTORY)
    cloud.clock.set(NOW)
    cloud.faults.replace([])
    return cloud


@pytest.fixture
def client(cloud, served):
    assert served[0] is cloud
    return served[1]


def log_in(client, name="reader", project=0):
    user = {"name": name, "domain": {"id": "default"}, "password": PASSWORD}
    identity = {"methods": ["password"], "password": {"user": user}}
    auth = {"identity": identity, "scope": {"project": {"id": SITE.projects[project].id}}}
    response = client.post("/identity/v3/auth/tokens", json={"auth": auth})
    return {"X-Auth-Token": response.headers["x-subject-token"]}


# --- clock -------------------------------------------------------------------------------------


def test_every_answer_has_one_date_and_it_is_the_clouds(client):
    for path in ("/identity/v3", "/RegionOne/compute/v2.1", "/nowhere", "/demo/clock"):
        dates = client.get(path).headers.get_list("date")

        assert [parsedate_to_datetime(date) for date in dates] == [NOW]


def test_clock_can_be_set_over_http_and_stands(client, cloud):
    answered = client.put("/demo/clock", json={"now": "2026-12-01T00:00:00.25"})

    assert answered.json()["now"] == "2026-12-01T00:00:00.250000+00:00"
    assert cloud.clock.now() == cloud.clock.now() == datetime(2026, 12, 1, 0, 0, 0, 250_000, tzinfo=UTC)


def test_running_clock_goes_on_from_where_it_was_set(client, cloud):
    client.put("/demo/clock", json={"now": "2026-12-01T00:00:00Z", "running": True})
    first = cloud.clock.now()
    limit = time.monotonic() + 5
    while cloud.clock.now() == first:
        assert time.monotonic() < limit

    assert timedelta(0) < cloud.clock.now() - datetime(2026, 12, 1, tzinfo=UTC) < timedelta(seconds=10)


def test_clock_without_a_time_is_the_real_one(client, cloud):
    client.put("/demo/clock", json={"now": None})

    assert abs(cloud.clock.now() - datetime.now(UTC)) < timedelta(seconds=5)


@pytest.mark.parametrize("body", ["{", '{"now": "soon"}', '{"then": 1}'])
def test_clock_refuses_nonsense(client, body):
    assert client.put("/demo/clock", content=body).status_code == 400


# --- faults ------------------------------------------------------------------------------------

PATH = "/identity/v3"


def test_status_fault_meets_only_what_it_matches_and_only_so_often(client, cloud):
    cloud.faults.add(Fault(FaultKind.STATUS, match=r"GET /identity/v3$", skip=1, count=2, status=503))

    answered = [client.get(PATH).status_code for _ in range(5)]

    assert answered == [200, 503, 503, 200, 200]
    assert client.get("/identity").status_code == 300
    assert cloud.faults.met == 2


def test_faults_are_armed_over_http_with_retry_after(client):
    fault = {"kind": "status", "match": "identity", "status": 429, "retry_after_s": 3, "count": 1}

    client.put("/demo/faults", json={"faults": [fault]})

    refused = client.get(PATH)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "3")
    assert client.get(PATH).status_code == 200
    client.put("/demo/faults", json={"faults": [fault]})
    client.delete("/demo/faults")
    assert client.get(PATH).status_code == 200
    assert client.put("/demo/faults", json={"faults": [{"kind": "rain"}]}).status_code == 400


def test_chance_of_a_fault_is_the_same_for_a_seed(client):
    def outcomes(seed):
        fault = {"kind": "status", "match": "identity", "probability": 0.5}
        client.put("/demo/faults", json={"faults": [fault], "seed": seed})
        return [client.get(PATH).status_code for _ in range(30)]

    assert outcomes(1) == outcomes(1)
    assert outcomes(1) != outcomes(2)
    assert set(outcomes(1)) == {200, 500}


@pytest.mark.parametrize("kind", [FaultKind.DROP, FaultKind.CUT])
def test_connection_is_closed_without_or_within_the_answer(client, cloud, kind):
    cloud.faults.add(Fault(kind, match="identity", count=1))

    with pytest.raises(httpx2.TransportError):
        client.get(PATH)

    assert client.get(PATH).status_code == 200


def test_truncated_answer_is_complete_for_http_and_no_json(client, cloud):
    cloud.faults.add(Fault(FaultKind.TRUNCATE, match="identity", count=1))

    response = client.get(PATH)

    assert response.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        json.loads(response.content)
    assert client.get(PATH).json()["version"]["id"] == "v3.14"


def test_latency_and_slow_body_take_their_time_and_change_nothing(client, cloud):
    whole = client.get(PATH).content
    cloud.faults.add(
        Fault(FaultKind.LATENCY, match="identity", delay_ms=60),
        Fault(FaultKind.SLOW_BODY, match="identity", delay_ms=5),
    )
    begin = time.monotonic()

    assert client.get(PATH).content == whole
    assert time.monotonic() - begin >= 0.06 + 15 * 0.005


def test_expired_tokens_are_refused_until_a_new_one_is_asked_for(client, cloud):
    headers = log_in(client)
    cloud.faults.add(Fault(FaultKind.EXPIRE, match="servers/detail", count=1))
    path = "/RegionOne/compute/v2.1/servers/detail"

    assert client.get(path, headers=headers).status_code == 401
    assert client.get(path, headers=log_in(client)).status_code == 200


# --- what was asked ----------------------------------------------------------------------------


def test_requests_are_counted_by_pattern(client):
    headers = log_in(client)
    client.get(f"/RegionOne/compute/v2.1/servers/{WEB.id}", headers=headers)
    client.get(f"/RegionOne/compute/v2.1/servers/{SITE.projects[0].id}", headers=headers)

    assert client.get("/demo/requests").json() == {
        "total": 3,
        "requests": {"POST /identity/v3/auth/tokens": 1, "GET /RegionOne/compute/v2.1/servers/{id}": 2},
    }
    client.delete("/demo/requests")
    assert client.get("/demo/requests").json()["total"] == 0


def test_unknown_paths_are_not_found(client):
    for path in ("/demo/other", "/Elsewhere/compute/v2.1", "/RegionOne/orchestration", "/identity/v2.0"):
        assert client.get(path, headers=log_in(client)).status_code == 404


def test_another_history_can_be_loaded_while_the_server_runs(client, cloud):
    other = scripted(SITE, "other", "2026-10-02 00:00:00 create m1.tiny")

    cloud.load(WrittenHistory(SITE, [other]))

    rows = client.get("/RegionOne/compute/v2.1/servers/detail", headers=log_in(client)).json()["servers"]
    assert [row["name"] for row in rows] == ["other"]


def test_regions_have_servers_of_their_own_and_one_keystone():
    other = scripted(SITE, "other", "2026-10-02 00:00:00 create m1.tiny")
    histories = {"North": WrittenHistory(SITE, [WEB]), "South": WrittenHistory(SITE, [other])}
    with serving(DemoCloud(histories, clock=Clock(NOW))) as url, httpx2.Client(base_url=url) as client:
        headers = log_in(client)

        for region, name in (("North", "web"), ("South", "other")):
            rows = client.get(f"/{region}/compute/v2.1/servers/detail", headers=headers).json()["servers"]
            assert [row["name"] for row in rows] == [name]


# --- the other services ------------------------------------------------------------------------


def test_floating_ips_of_a_project_say_which_server_has_them(client):
    path = "/RegionOne/network/v2.0/floatingips"

    mine = client.get(path, headers=log_in(client)).json()["floatingips"]
    elsewhere = client.get(path, headers=log_in(client), params={"project_id": SITE.projects[1].id}).json()
    everything = client.get(path, headers=log_in(client, "admin")).json()["floatingips"]

    owners = {one["floating_ip_address"]: (one["port_details"] or {}).get("device_id") for one in mine}
    assert owners == {"198.51.100.7": WEB.id, "2001:db8::7": WEB.id, "192.0.2.1": None}
    assert elsewhere["floatingips"] == []
    assert {one["project_id"] for one in everything} == {project.id for project in SITE.projects}


def test_neutron_trims_pages_and_filters(client):
    path, headers = "/RegionOne/network/v2.0/floatingips", log_in(client)
    url, seen = f"{path}?limit=2&fields=id", []
    while url:
        content = client.get(url, headers=headers).json()
        seen += content["floatingips"]
        url = content.get("floatingips_links", [{}])[0].get("href")
        url = url and f"{url}&fields=id"

    assert len(seen) == len({one["id"] for one in seen}) == 3
    assert all(one.keys() == {"id"} for one in seen)
    found = client.get(path, headers=headers, params={"status": "DOWN"}).json()["floatingips"]
    assert [one["floating_ip_address"] for one in found] == ["192.0.2.1"]


def test_ports_lead_from_a_server_to_its_address(client):
    ports = client.get("/RegionOne/network/v2.0/ports", headers=log_in(client), params={"device_id": WEB.id})

    assert [one["device_id"] for one in ports.json()["ports"]] == [WEB.id]


def test_images_are_paged_and_have_their_properties(client):
    headers, url, images = log_in(client), "/v2/images?limit=2", []
    while url:
        content = client.get(f"/RegionOne/image{url}", headers=headers).json()
        images += content["images"]
        url = content.get("next")

    assert [image["id"] for image in images] == [image.id for image in SITE.images]
    assert images[0]["vmcatcher_event_ad_mpuri"].startswith("https://")
    assert client.get(f"/RegionOne/image/v2/images/{images[1]['id']}", headers=headers).json() == images[1]
    assert client.get("/RegionOne/image/v2/images/none", headers=headers).status_code == 404
    assert client.get("/RegionOne/image/v2/schemas/image", headers=headers).json()["name"] == "image"


def test_volumes_of_a_project(client):
    project_id = SITE.projects[0].id
    headers = log_in(client)

    volumes = client.get(f"/RegionOne/volume/v3/{project_id}/volumes/detail", headers=headers).json()[
        "volumes"
    ]

    assert [volume["size"] for volume in volumes] == [10, 20]
    other = f"/RegionOne/volume/v3/{SITE.projects[1].id}/volumes/detail"
    assert client.get(other, headers=headers).status_code == 403


# --- starting it -------------------------------------------------------------------------------


async def first_answer(cloud):
    async with serve(cloud) as url, httpx2.AsyncClient(base_url=url) as client:
        return (await client.get("/identity/v3")).status_code


def test_cloud_is_served_from_asynchronous_code_too():
    assert asyncio.run(first_answer(DemoCloud(HISTORY))) == 200


def test_settings_for_a_user_of_the_cloud(tmp_path):
    path = write_caso_conf("http://127.0.0.1:1", tmp_path, options={"projects": "a,b"})

    text = path.read_text(encoding="utf-8")
    assert "projects = a,b\n" in text
    assert "auth_url = http://127.0.0.1:1/identity/v3\n" in text
    assert (tmp_path / "spool").is_dir()
    assert environment("http://127.0.0.1:1")["OS_AUTH_URL"] == "http://127.0.0.1:1/identity/v3"


def test_command_serves_until_it_is_told_to_stop(tmp_path):
    port_file = tmp_path / "port"
    command = [sys.executable, "-m", "usance.demo", "--servers", "5", "--clock", "2026-10-01T00:00:00Z"]
    with subprocess.Popen(
        [*command, "--port-file", str(port_file), "--write-conf", str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            url = process.stdout.readline().strip()
            answered = httpx2.get(f"{url}/demo/clock").json()
        finally:
            os.kill(process.pid, signal.SIGTERM)
            process.wait(20)

    assert url.endswith(f":{port_file.read_text(encoding='ascii').strip()}")
    assert answered["now"] == "2026-10-01T00:00:00+00:00"
    assert (tmp_path / "caso.conf").exists()
    assert process.returncode in {0, -signal.SIGTERM}


def test_page_of_a_thousand_servers_is_quick_the_second_time():
    made = SeededHistory(
        1, servers=1500, begin=NOW - timedelta(days=60), end=NOW - timedelta(days=1), deleted=0
    )
    cloud = DemoCloud(made, clock=Clock(NOW), options=CloudOptions(page_cap=1000))
    with serving(cloud) as url, httpx2.Client(base_url=url) as client:
        headers = log_in_to(client, cloud)
        path = "/RegionOne/compute/v2.1/servers/detail?all_tenants=1&changes-since=2026-01-01"
        client.get(path, headers=headers)
        begin = time.process_time()

        page = client.get(path, headers=headers)

        assert time.process_time() - begin < 0.5
        assert page.content.count(b'"OS-EXT-STS:vm_state"') == 1000


def log_in_to(client, cloud):
    user = {"name": "admin", "domain": {"id": "default"}, "password": PASSWORD}
    identity = {"methods": ["password"], "password": {"user": user}}
    auth = {"identity": identity, "scope": {"project": {"id": cloud.site.projects[0].id}}}
    response = client.post("/identity/v3/auth/tokens", json={"auth": auth})
    return {"X-Auth-Token": response.headers["x-subject-token"]}
