"""The simulated Cinder, asked as a client asks."""

from datetime import UTC, datetime

import httpx2
import msgspec
import pytest

import plain_http
from usance.demo.clock import Clock
from usance.demo.cloud import CloudOptions, DemoCloud
from usance.demo.history import WrittenHistory
from usance.demo.server import serving
from usance.demo.site import PASSWORD, standard_site
from usance.demo.storage_script import stored

SITE = standard_site(projects=2)
FIRST, SECOND = SITE.projects
DATA = stored(SITE, "data", "2026-10-01 10:00:00 create 10 fast\n2026-10-02 00:00:00 attach web")
GONE = stored(SITE, "gone", "2026-10-01 11:00:00 create 10 fast\n2026-10-02 00:00:00 delete")
THEIRS = stored(SITE, "theirs", "2026-10-01 12:00:00 create 10 fast", project=1)
SNAPSHOT = stored(SITE, None, "2026-10-03 00:00:00 create 10", kind="snapshot", of=DATA)
BACKUP = stored(SITE, "weekly", "2026-10-03 00:00:00 create 10", kind="backup", of=DATA)
EVERYTHING = msgspec.structs.replace(SITE, volumes=(DATA, GONE, THEIRS, SNAPSHOT, BACKUP))


class Client:
    """A user in the first project."""

    def __init__(self, url: str, user: str) -> None:
        self.url = f"{url}/RegionOne/volume/v3"
        scope = {"project": {"id": FIRST.id}}
        password = {"user": {"name": user, "domain": {"name": "Default"}, "password": PASSWORD}}
        body = {"auth": {"identity": {"methods": ["password"], "password": password}, "scope": scope}}
        answer = plain_http.post(f"{url}/identity/v3/auth/tokens", json=body)
        self.headers = {"X-Auth-Token": answer.headers["x-subject-token"]}

    def get(self, path: str, version: str | None = "3.56") -> httpx2.Response:
        extra = {"OpenStack-API-Version": f"volume {version}"} if version else {}
        return plain_http.get(f"{self.url}/{path}", headers=self.headers | extra)


@pytest.fixture(scope="module")
def url():
    cloud = DemoCloud(
        WrittenHistory(EVERYTHING),
        clock=Clock(datetime(2026, 10, 10, tzinfo=UTC)),
        options=CloudOptions(page_cap=2, storage_forbidden=frozenset({"backups"})),
    )
    with serving(cloud) as url:
        yield url


def test_volumes_are_those_that_exist_in_the_project(url):
    content = Client(url, "reader").get(f"{FIRST.id}/volumes/detail").json()

    (row,) = content["volumes"]
    assert (row["id"], row["volume_type"], row["status"]) == (DATA.id, "fast", "in-use")
    assert row["attachments"][0]["attached_at"] == "2026-10-02T00:00:00.000000"
    assert row["updated_at"] == "2026-10-02T00:00:00.000000"
    assert row["os-vol-tenant-attr:tenant_id"] == FIRST.id


def test_all_projects_are_for_administrators(url):
    path = f"{FIRST.id}/volumes/detail?all_tenants=1"

    mine = Client(url, "reader").get(path).json()["volumes"]
    everything = Client(url, "admin").get(path).json()
    theirs = Client(url, "admin").get(f"{path}&project_id={SECOND.id}").json()["volumes"]

    assert [one["id"] for one in mine] == [DATA.id]
    assert [one["id"] for one in everything["volumes"]] == [THEIRS.id, DATA.id]
    assert [one["id"] for one in theirs] == [THEIRS.id]
    # A full page has a next one, even if that turns out to be empty.
    link = everything["volumes_links"][0]["href"]
    assert f"marker={DATA.id}" in link


def test_a_marker_that_is_gone_is_not_found(url):
    assert Client(url, "reader").get(f"{FIRST.id}/volumes/detail?marker={GONE.id}").status_code == 404


@pytest.mark.parametrize(("version", "shown"), [(None, False), ("3.40", False), ("3.41", True)])
def test_users_of_snapshots_are_shown_since_a_microversion(url, version, shown):
    (row,) = Client(url, "reader").get(f"{FIRST.id}/snapshots/detail", version).json()["snapshots"]

    assert ("user_id" in row) is shown
    assert row["volume_id"] == DATA.id


@pytest.mark.parametrize(("version", "status"), [("3.71", 200), ("3.72", 406), ("2.1", 406), ("x", 400)])
def test_microversions_are_kept_to(url, version, status):
    assert Client(url, "reader").get(f"{FIRST.id}/volumes/detail", version).status_code == status


def test_a_policy_can_refuse_who_is_no_administrator(url):
    path = f"{FIRST.id}/backups/detail"

    assert Client(url, "reader").get(path).status_code == 403
    (row,) = Client(url, "admin").get(path).json()["backups"]
    assert row["os-backup-project-attr:project_id"] == FIRST.id


def test_one_row_is_shown_to_whom_it_belongs(url):
    reader, admin = Client(url, "reader"), Client(url, "admin")

    assert reader.get(f"{FIRST.id}/volumes/{DATA.id}").json()["volume"]["id"] == DATA.id
    assert reader.get(f"{FIRST.id}/volumes/{THEIRS.id}").status_code == 404
    assert admin.get(f"{FIRST.id}/volumes/{THEIRS.id}").status_code == 200
    assert admin.get(f"{FIRST.id}/volumes/{GONE.id}").status_code == 404
    assert reader.get(f"{SECOND.id}/volumes/detail").status_code == 403
