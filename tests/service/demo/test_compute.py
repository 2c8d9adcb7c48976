"""The simulated Nova: listings, microversions, scopes, actions and what goes wrong."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest

from usance.demo.clock import Clock
from usance.demo.cloud import CloudOptions, DemoCloud
from usance.demo.faults import Fault, FaultKind
from usance.demo.history import SeededHistory, WrittenHistory
from usance.demo.script import scripted
from usance.demo.server import serving
from usance.demo.site import PASSWORD, standard_site

SITE = standard_site(projects=2)
NOW = datetime(2026, 10, 10, tzinfo=UTC)
COMPUTE = "/RegionOne/compute/v2.1"

LIVES = {
    "running": "2026-10-01 00:00:00 +30 create m1.small",
    "deleted": "2026-10-02 00:00:00 +30 create m1.tiny\n2026-10-05 00:00:00 +10 delete",
    "half": "2026-10-02 01:00:00 +30 create m1.tiny\n2026-10-05 00:00:00 +10 half-delete",
    "soft": "2026-10-02 02:00:00 +30 create m1.tiny\n2026-10-06 00:00:00 +10 soft-delete",
    "purged": """
        2026-10-03 00:00:00 +30  create m1.tiny
        2026-10-05 00:00:00 +10  delete
        2026-10-07 00:00:00      purge
    """,
    "resized": """
        2026-10-03 12:00:00 +30  create m1.tiny
        2026-10-07 00:00:00 +60  resize m1.large
        2026-10-07 01:00:00 +5   confirmResize
        2026-10-08 00:00:00 +5   reboot failed
    """,
    "broken": "2026-10-04 00:00:00 +30 create m1.tiny failed",
    "later": "2026-10-20 00:00:00 +30 create m1.tiny",
}
SERVERS = {
    name: scripted(SITE, name, script, floating_ips=("198.51.100.7",)) for name, script in LIVES.items()
}
OTHER = scripted(SITE, "other", "2026-10-01 00:00:00 +30 create m1.tiny", project=1, image_id="")


class Nova:
    """A client of one cloud: asks in the name of an account."""

    def __init__(self, cloud: DemoCloud, http: httpx2.Client) -> None:
        self.cloud = cloud
        self.http = http
        self.tokens: dict[tuple[str, int], str] = {}

    def token(self, name: str, project: int) -> str:
        if (name, project) not in self.tokens:
            user = {"name": name, "domain": {"id": "default"}, "password": PASSWORD}
            identity = {"methods": ["password"], "password": {"user": user}}
            scope = {"project": {"id": self.cloud.site.projects[project].id}}
            auth = {"auth": {"identity": identity, "scope": scope}}
            response = self.http.post("/identity/v3/auth/tokens", json=auth)
            self.tokens[name, project] = response.headers["x-subject-token"]
        return self.tokens[name, project]

    def get(self, path, *, name="reader", project=0, version="2.79", **params):
        headers = {"X-Auth-Token": self.token(name, project)}
        if version:
            headers["OpenStack-API-Version"] = f"compute {version}"
        url = path if "//" in path else f"{COMPUTE}/{path}"
        query = {key.replace("_since", "-since"): value for key, value in params.items()}
        return self.http.get(url, headers=headers, params=query or None)

    def names(self, **options):
        """Return the names in a listing, through all its pages."""
        path, names = "servers/detail", []
        while path:
            content = self.get(path, **options).json()
            names += [row.get("name", row["status"]) for row in content["servers"]]
            path = content.get("servers_links", [{}])[0].get("href")
            options = {key: options[key] for key in ("name", "project", "version") if key in options}
        return names


@pytest.fixture(scope="module")
def served():
    cloud = DemoCloud(WrittenHistory(SITE, [*SERVERS.values(), OTHER]), clock=Clock(NOW))
    with serving(cloud) as url, httpx2.Client(base_url=url) as http:
        yield Nova(cloud, http)


@pytest.fixture
def nova(served):
    """Return the client of a cloud in which everything is well, at NOW."""
    served.cloud.clock.set(NOW)
    served.cloud.faults.clear()
    served.cloud.regions["RegionOne"].down_cells = set()
    return served


# --- what a listing shows ----------------------------------------------------------------------


def test_plain_listing_shows_what_lives_in_the_project_newest_first(nova):
    assert nova.names() == ["broken", "resized", "running"]
    assert nova.names(project=1) == ["other"]


def test_changes_since_shows_deleted_and_soft_deleted_servers_to_a_reader(nova):
    assert nova.names(changes_since="2026-01-01T00:00:00Z") == [
        *("broken", "resized", "soft", "half", "deleted", "running"),
    ]
    assert nova.names(changes_since="2026-10-05T00:00:10Z") == ["resized", "soft", "half", "deleted"]
    assert nova.names(changes_since="2026-10-05T00:00:11Z") == ["resized", "soft"]
    assert nova.names(changes_since="2026-10-05T02:00:11+02:00") == ["resized", "soft"]


def test_all_projects_are_for_admins_only(nova):
    refused = nova.get("servers/detail", all_tenants="1")

    assert refused.status_code == 403
    assert refused.json()["forbidden"]["code"] == 403
    assert nova.names(name="admin", all_tenants="1") == [
        "broken",
        "resized",
        "running",
        "other",
    ] or nova.names(name="admin", all_tenants="1") == ["broken", "resized", "other", "running"]
    assert nova.names(name="admin", all_tenants="1", project_id=SITE.projects[1].id) == ["other"]
    assert nova.names(name="admin") == nova.names()


def test_deleted_is_a_filter_for_admins_that_others_may_name_in_vain(nova):
    assert nova.names(name="admin", deleted="1", changes_since="2026-01-01T00:00:00Z") == ["half", "deleted"]
    assert nova.names(name="admin", deleted="true") == ["half", "deleted"]
    assert nova.names(deleted="1") == nova.names()
    assert nova.get("servers/detail", status="DELETED").status_code == 403


def test_soft_deleted_server_answers_to_its_id_although_no_plain_listing_has_it(nova):
    server = nova.get(f"servers/{SERVERS['soft'].id}").json()["server"]

    assert (server["status"], server["OS-EXT-STS:vm_state"]) == ("SOFT_DELETED", "soft-delete")
    assert server["OS-SRV-USG:terminated_at"] is None


@pytest.mark.parametrize("name", ["deleted", "half", "purged", "later"])
def test_what_is_gone_or_not_there_yet_is_not_found_by_its_id(nova, name):
    response = nova.get(f"servers/{SERVERS[name].id}")

    assert response.status_code == 404
    assert response.json()["itemNotFound"]["code"] == 404


def test_server_of_another_project_is_not_found(nova):
    assert nova.get(f"servers/{OTHER.id}").status_code == 404
    assert nova.get(f"servers/{OTHER.id}", name="admin").json()["server"]["name"] == "other"


@pytest.mark.parametrize("query", [{"changes_since": "yesterday"}, {"limit": "many"}, {"marker": "0" * 32}])
def test_nonsense_in_a_query_is_a_bad_request(nova, query):
    response = nova.get("servers/detail", **query)

    assert response.status_code == 400
    assert response.json()["badRequest"]["code"] == 400


# --- rows --------------------------------------------------------------------------------------


def test_row_of_a_running_server(nova):
    row = nova.get(f"servers/{SERVERS['running'].id}").json()["server"]

    assert row["status"] == "ACTIVE"
    assert row["OS-EXT-STS:vm_state"] == "active"
    assert row["OS-EXT-STS:task_state"] is None
    assert row["created"] == "2026-10-01T00:00:00Z"
    assert row["updated"] == "2026-10-01T00:00:30Z"
    assert row["OS-SRV-USG:launched_at"] == "2026-10-01T00:00:30.000000"
    assert row["OS-SRV-USG:terminated_at"] is None
    assert row["image"]["id"] == SITE.images[0].id
    assert row["tenant_id"] == SITE.projects[0].id
    assert [one["OS-EXT-IPS:type"] for one in row["addresses"]["private"]] == ["fixed", "floating"]
    assert row["flavor"] == {
        "vcpus": 1,
        "ram": 2048,
        "disk": 20,
        "ephemeral": 0,
        "swap": 0,
        "original_name": "m1.small",
        "extra_specs": {"accounting:benchmark_type": "HEPSPEC06", "accounting:benchmark_value": "12.5"},
    }


def test_flavor_is_only_named_by_id_before_2_47(nova):
    row = nova.get(f"servers/{SERVERS['running'].id}", version="2.46").json()["server"]

    assert row["flavor"]["id"] == "2"
    assert "vcpus" not in row["flavor"]


def test_times_of_deletion(nova):
    rows = nova.get("servers/detail", changes_since="2026-01-01T00:00:00Z").json()["servers"]
    ends = {row["name"]: (row["status"], row["updated"], row["OS-SRV-USG:terminated_at"]) for row in rows}

    assert ends["deleted"] == ("DELETED", "2026-10-05T00:00:10Z", "2026-10-05T00:00:10.000000")
    assert ends["half"] == ("DELETED", "2026-10-05T00:00:10Z", None)


def test_failed_build_was_never_launched(nova):
    row = nova.get(f"servers/{SERVERS['broken'].id}").json()["server"]

    assert (row["status"], row["OS-SRV-USG:launched_at"]) == ("ERROR", None)
    assert row["fault"]["code"] == 500


def test_server_that_boots_from_a_volume_has_no_image(nova):
    assert nova.get(f"servers/{OTHER.id}", project=1).json()["server"]["image"] == ""


def test_hosts_are_shown_to_admins_only(nova):
    key = "OS-EXT-SRV-ATTR:host"
    path = f"servers/{SERVERS['running'].id}"

    assert key not in nova.get(path).json()["server"]
    assert nova.get(path, name="admin").json()["server"][key] == "compute1"


def test_row_follows_the_clock(nova):
    path = f"servers/{SERVERS['resized'].id}"

    def seen(when):
        nova.cloud.clock.set(datetime.fromisoformat(when).replace(tzinfo=UTC))
        row = nova.get(path).json()["server"]
        return row["status"], row["OS-EXT-STS:task_state"], row["flavor"]["original_name"], row["updated"]

    assert seen("2026-10-06 00:00:00") == ("ACTIVE", None, "m1.tiny", "2026-10-03T12:00:30Z")
    assert seen("2026-10-07 00:00:01") == ("RESIZE", "resize_migrating", "m1.tiny", "2026-10-07T00:00:00Z")
    assert seen("2026-10-07 00:01:00") == ("VERIFY_RESIZE", None, "m1.large", "2026-10-07T00:01:00Z")
    assert seen("2026-10-07 01:00:05") == ("ACTIVE", None, "m1.large", "2026-10-07T01:00:05Z")
    assert seen("2026-10-06 00:00:00") == ("ACTIVE", None, "m1.tiny", "2026-10-03T12:00:30Z")


# --- microversions -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "given"),
    [(None, "2.1"), ("2.1", "2.1"), ("2.60", "2.60"), ("2.96", "2.96"), ("latest", "2.96")],
)
def test_microversion_that_was_asked_for_is_given_and_said(nova, asked, given):
    response = nova.get("servers/detail", version=asked)

    assert response.headers["openstack-api-version"] == f"compute {given}"
    assert response.headers["x-openstack-nova-api-version"] == given


@pytest.mark.parametrize(("asked", "status"), [("2.97", 406), ("3.0", 406), ("2.0", 406), ("two", 400)])
def test_microversion_that_is_not_there_is_refused(nova, asked, status):
    assert nova.get("servers/detail", version=asked).status_code == status


def test_old_cloud_says_how_far_it_goes():
    options = CloudOptions(max_microversion=(2, 38))
    cloud = DemoCloud(WrittenHistory(SITE, [OTHER]), clock=Clock(NOW), options=options)
    with serving(cloud) as url, httpx2.Client(base_url=url) as http:
        document = http.get(COMPUTE).json()["version"]

        assert (document["min_version"], document["version"]) == ("2.1", "2.38")
        assert Nova(cloud, http).get("servers/detail", version="2.47").status_code == 406
        assert Nova(cloud, http).get("servers/detail", version="latest", project=1).json()["servers"]


# --- actions -----------------------------------------------------------------------------------


def test_actions_come_newest_first_with_the_time_of_their_end(nova):
    actions = nova.get(f"servers/{SERVERS['resized'].id}/os-instance-actions").json()["instanceActions"]

    assert [(one["action"], one["start_time"], one["updated_at"], one["message"]) for one in actions] == [
        ("reboot", "2026-10-08T00:00:00.000000", "2026-10-08T00:00:05.000000", "Error"),
        ("confirmResize", "2026-10-07T01:00:00.000000", "2026-10-07T01:00:05.000000", None),
        ("resize", "2026-10-07T00:00:00.000000", "2026-10-07T00:01:00.000000", None),
        ("create", "2026-10-03T12:00:00.000000", "2026-10-03T12:00:30.000000", None),
    ]
    assert len({one["request_id"] for one in actions}) == 4


def test_action_that_is_under_way_is_not_over(nova):
    nova.cloud.clock.set(datetime(2026, 10, 7, 0, 0, 30, tzinfo=UTC))
    path = f"servers/{SERVERS['resized'].id}/os-instance-actions"

    newest = nova.get(path).json()["instanceActions"][0]
    event = nova.get(f"{path}/{newest['request_id']}").json()["instanceAction"]["events"][0]

    assert (newest["action"], newest["updated_at"]) == ("resize", "2026-10-07T00:00:00.000000")
    assert (event["finish_time"], event["result"]) == (None, None)


def test_detail_of_an_action_has_its_events(nova):
    path = f"servers/{SERVERS['resized'].id}/os-instance-actions"
    failed = nova.get(path).json()["instanceActions"][0]

    detail = nova.get(f"{path}/{failed['request_id']}").json()["instanceAction"]

    assert detail["message"] == "Error"
    assert detail["events"][0]["result"] == "Error"
    assert detail["events"][0]["finish_time"] == "2026-10-08T00:00:05.000000"
    assert nova.get(f"{path}/req-unknown").status_code == 404


def test_actions_of_a_deleted_server_are_kept_from_2_21_until_it_is_purged(nova):
    path = f"servers/{SERVERS['deleted'].id}/os-instance-actions"

    assert [one["action"] for one in nova.get(path).json()["instanceActions"]] == ["delete", "create"]
    assert nova.get(path, version="2.20").status_code == 404
    assert nova.get(f"servers/{SERVERS['purged'].id}/os-instance-actions").status_code == 404
    assert nova.get(f"servers/{OTHER.id}/os-instance-actions").status_code == 404


def test_actions_have_neither_end_nor_pages_before_2_58(nova):
    path = f"servers/{SERVERS['resized'].id}/os-instance-actions"

    content = nova.get(path, version="2.57", limit="1").json()

    assert len(content["instanceActions"]) == 4
    assert "updated_at" not in content["instanceActions"][0]


def test_actions_are_paged_from_2_58(nova):
    url, seen = f"servers/{SERVERS['resized'].id}/os-instance-actions?limit=3", []
    while url:
        content = nova.get(url).json()
        seen += [one["action"] for one in content["instanceActions"]]
        url = content.get("links", [{}])[0].get("href")

    assert seen == ["reboot", "confirmResize", "resize", "create"]


# --- pages -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("cap", "limit"), [(100, None), (100, "1000"), (1000, "37"), (7, "7")])
def test_pages_lose_and_repeat_nothing(cap, limit):
    begin = datetime(2026, 8, 1, tzinfo=UTC)
    made = SeededHistory(3, servers=700, projects=2, begin=begin, end=NOW - timedelta(days=1))
    cloud = DemoCloud(made, clock=Clock(NOW), options=CloudOptions(page_cap=cap))
    everything = [made.life(number) for number in range(700)]
    with serving(cloud) as url, httpx2.Client(base_url=url) as http:
        options = {"limit": limit} if limit else {}
        for query in ({}, {"changes_since": "2026-01-01T00:00:00Z"}):
            names = Nova(cloud, http).names(name="admin", all_tenants="1", **query, **options)

            wanted = {
                life.name
                for life in everything
                if query or life.at(cloud.clock.now_us()).state not in {"deleted", "soft-delete"}
            }
            assert len(names) == len(wanted)
            assert set(names) == wanted


def test_next_link_repeats_the_question(nova):
    content = nova.get("servers/detail", limit="2", changes_since="2026-01-01T00:00:00Z").json()

    query = dict(parse_qsl(urlsplit(content["servers_links"][0]["href"]).query))

    assert query == {
        "limit": "2",
        "changes-since": "2026-01-01T00:00:00Z",
        "marker": content["servers"][-1]["id"],
    }


def test_full_last_page_promises_another_that_is_empty(nova):
    first = nova.get("servers/detail", limit="3").json()

    second = nova.get(first["servers_links"][0]["href"]).json()

    assert len(first["servers"]) == 3
    assert second == {"servers": []}


def test_short_page_says_200_and_has_no_next_link(nova):
    nova.cloud.faults.add(Fault(FaultKind.SHORT_PAGE, match="servers/detail", count=1))

    short = nova.get("servers/detail", limit="2")

    assert short.status_code == 200
    assert list(short.json()) == ["servers"]
    assert len(short.json()["servers"]) == 1
    assert nova.names() == ["broken", "resized", "running"]


def test_cell_that_does_not_answer_leaves_partial_rows_from_2_69(nova):
    nova.cloud.regions["RegionOne"].down_cells = {1}
    path = f"servers/{SERVERS['running'].id}"

    row = nova.get(path).json()["server"]

    assert row.keys() == {"id", "status", "tenant_id", "created", "links"}
    assert row["status"] == "UNKNOWN"
    assert nova.names() == ["UNKNOWN"] * 4
    assert nova.names(changes_since="2026-01-01T00:00:00Z") == []
    assert nova.names(version="2.68") == []
    assert nova.get(path, version="2.68").status_code == 500


# --- the rest ----------------------------------------------------------------------------------


def test_system_scope_does_not_enter_nova(nova):
    user = {"name": "accounting", "domain": {"id": "default"}, "password": PASSWORD}
    identity = {"methods": ["password"], "password": {"user": user}}
    auth = {"auth": {"identity": identity, "scope": {"system": {"all": True}}}}
    token = nova.http.post("/identity/v3/auth/tokens", json=auth).headers["x-subject-token"]

    response = nova.http.get(f"{COMPUTE}/servers/detail", headers={"X-Auth-Token": token})

    assert response.status_code == 403


def test_unknown_token_is_refused_with_where_to_get_one(nova):
    response = nova.http.get(f"{COMPUTE}/servers/detail", headers={"X-Auth-Token": "stale"})

    assert response.status_code == 401
    assert "www-authenticate" in response.headers


def test_flavors_that_are_deleted_or_private_are_not_listed(nova):
    listed = nova.get("flavors/detail").json()["flavors"]
    all_of_them = nova.get("flavors/detail", name="admin", is_public="None").json()["flavors"]

    assert [one["name"] for one in listed] == [
        *("m1.tiny", "m1.small", "m1.medium", "m1.large", "m1.xlarge", "g1.large"),
    ]
    assert "private.large" in {one["name"] for one in all_of_them}
    assert "old.large" not in {one["name"] for one in all_of_them}
    assert nova.get("flavors/2").json()["flavor"]["ram"] == 2048
    assert nova.get("flavors/7").status_code == 404
    assert nova.get("flavors/2/os-extra_specs").json()["extra_specs"]["accounting:benchmark_value"] == "12.5"


def test_usage_counts_from_the_launch_that_a_resize_moves(nova):
    project_id = SITE.projects[0].id
    path = f"os-simple-tenant-usage/{project_id}"

    usage = nova.get(path, start="2026-10-01T00:00:00", end="2026-10-09T00:00:00").json()["tenant_usage"]
    rows = {row["name"]: row for row in usage["server_usages"]}

    assert rows["resized"]["hours"] == pytest.approx(48 - 1 / 60)
    assert rows["resized"]["vcpus"] == 4
    assert rows["deleted"]["ended_at"] == "2026-10-05T00:00:10.000000"
    assert "broken" not in rows
    assert nova.get(f"os-simple-tenant-usage/{SITE.projects[1].id}").status_code == 403


def test_hostile_rows_come_out_as_they_are():
    made = SeededHistory(
        5, servers=100, begin=datetime(2026, 8, 1, tzinfo=UTC), end=NOW, hostile=True, deleted=0, actions=0
    )
    cloud = DemoCloud(made, clock=Clock(NOW))
    with serving(cloud) as url, httpx2.Client(base_url=url) as http:
        rows = Nova(cloud, http).get("servers/detail", name="admin", all_tenants="1").json()["servers"]

    names = {row["name"] for row in rows}
    assert {"%%", "before\n%%\nSiteName: FORGED", "x" * 255} <= names
    assert any("flavor" not in row for row in rows)
    assert any("image" not in row for row in rows)
    assert any("user_id" not in row for row in rows)
    assert any(row.get("user_id", "") is None for row in rows)
    specs = [row["flavor"].get("extra_specs", {}) for row in rows if "flavor" in row]
    assert any(one.get("accounting:benchmark_value") == "12,5" for one in specs)
