"""The simulated Keystone: who gets which token, and who may see what with it."""

import time
from datetime import UTC, datetime

import httpx2
import pytest

from usance.demo.clock import Clock
from usance.demo.cloud import CloudOptions, DemoCloud
from usance.demo.history import WrittenHistory
from usance.demo.server import serving
from usance.demo.site import PASSWORD, standard_site

SITE = standard_site(projects=4, hostile=True)
PROJECTS = [project.id for project in SITE.projects]
USERS = {user.name: user for user in SITE.users}


@pytest.fixture(scope="module")
def client():
    cloud = DemoCloud(WrittenHistory(SITE), clock=Clock(datetime(2026, 10, 1, tzinfo=UTC)))
    with serving(cloud) as url, httpx2.Client(base_url=url) as http:
        yield http


def ask_for_token(client, name, scope=None, password=PASSWORD):
    user = {"name": name, "domain": {"name": "Default"}, "password": password}
    auth = {"identity": {"methods": ["password"], "password": {"user": user}}}
    if scope:
        auth["scope"] = scope
    return client.post("/identity/v3/auth/tokens", json={"auth": auth})


def log_in(client, name, scope):
    response = ask_for_token(client, name, scope)
    assert response.status_code == 201, response.text
    return {"X-Auth-Token": response.headers["x-subject-token"]}


def in_project(number):
    return {"project": {"id": PROJECTS[number]}}


SYSTEM = {"system": {"all": True}}
DOMAIN = {"domain": {"id": "default"}}


def test_version_documents_lead_to_version_3(client):
    listed = client.get("/identity")

    assert listed.status_code == 300
    assert listed.json()["versions"]["values"][0]["id"] == "v3.14"
    assert client.get("/identity/v3").json()["version"]["status"] == "stable"


def test_project_token_has_roles_and_a_catalog_with_every_service(client):
    scope = {"project": {"name": "project1", "domain": {"name": "Default"}}}

    token = ask_for_token(client, "reader", scope).json()["token"]

    assert token["project"]["id"] == PROJECTS[1]
    assert [role["name"] for role in token["roles"]] == ["reader"]
    urls = {one["type"]: one["endpoints"][0]["url"] for one in token["catalog"]}
    assert set(urls) == {"identity", "compute", "image", "network", "volumev3", "block-storage"}
    assert urls["volumev3"].endswith(f"/RegionOne/volume/v3/{PROJECTS[1]}")


def test_unscoped_token_has_no_catalog(client):
    token = ask_for_token(client, "reader").json()["token"]

    assert "catalog" not in token
    assert "project" not in token


@pytest.mark.parametrize(
    ("name", "scope"),
    [
        ("reader", SYSTEM),
        ("reader", DOMAIN),
        ("nobody", in_project(0)),
        ("some-reader", in_project(1)),
        ("reader", {"project": {"id": "0" * 32}}),
        ("user0@example.org", None),
        ("who", None),
    ],
)
def test_scope_without_a_role_is_refused_as_if_the_password_were_wrong(client, name, scope):
    refused = ask_for_token(client, name, scope)
    wrong = ask_for_token(client, "reader", password="wrong")

    assert refused.status_code == wrong.status_code == 401
    assert refused.json() == wrong.json()
    assert refused.json()["error"]["title"] == "Unauthorized"


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"auth": 1}', b'{"auth": {"identity": {"methods": ["password"]}}}']
)
def test_nonsense_instead_of_credentials_is_a_bad_request(client, body):
    assert client.post("/identity/v3/auth/tokens", content=body).status_code == 400


def test_application_credential_enters_its_own_project(client):
    credential = SITE.application_credentials[2]
    identity = {
        "methods": ["application_credential"],
        "application_credential": {"id": credential.id, "secret": PASSWORD},
    }

    token = client.post("/identity/v3/auth/tokens", json={"auth": {"identity": identity}}).json()["token"]

    assert token["project"]["id"] == PROJECTS[2]
    assert token["user"]["name"] == "reader"


def test_token_gives_another_token_in_another_scope(client):
    known = log_in(client, "reader", in_project(0))["X-Auth-Token"]
    identity = {"methods": ["token"], "token": {"id": known}}
    auth = {"identity": identity, "scope": in_project(3)}

    token = client.post("/identity/v3/auth/tokens", json={"auth": auth}).json()["token"]

    assert token["project"]["id"] == PROJECTS[3]


@pytest.mark.parametrize(
    ("name", "scope", "path", "status"),
    [
        # What a reader of a project may see of Keystone: her project, herself, and no lists.
        ("reader", in_project(0), f"projects/{PROJECTS[0]}", 200),
        ("reader", in_project(0), f"projects/{PROJECTS[1]}", 403),
        ("reader", in_project(0), "projects", 403),
        ("reader", in_project(0), "users", 403),
        ("reader", in_project(0), f"users/{USERS['reader'].id}", 200),
        ("reader", in_project(0), f"users/{USERS['admin'].id}", 403),
        ("reader", in_project(0), "domains", 403),
        ("reader", in_project(0), "auth/projects", 200),
        # Somebody without rights is not told what exists.
        ("reader", in_project(0), "projects/nonsense", 403),
        ("reader", in_project(0), "users/nonsense", 403),
        # A reader of the system sees all of Keystone.
        ("accounting", SYSTEM, "projects", 200),
        ("accounting", SYSTEM, "users", 200),
        ("accounting", SYSTEM, "domains", 200),
        ("accounting", SYSTEM, "domains/default", 200),
        ("accounting", SYSTEM, f"users/{USERS['nobody'].id}", 200),
        ("accounting", SYSTEM, "projects/nonsense", 404),
        ("accounting", SYSTEM, "users/nonsense", 404),
        # The same account in a project has only the rights of that scope.
        ("accounting", in_project(0), "users", 403),
        ("admin", in_project(0), "users", 200),
        ("domain-reader", DOMAIN, "projects", 200),
        ("domain-reader", DOMAIN, "users", 200),
        ("domain-reader", DOMAIN, "domains", 403),
        ("accounting", SYSTEM, "nothing/here", 404),
    ],
)
def test_policy(client, name, scope, path, status):
    response = client.get(f"/identity/v3/{path}", headers=log_in(client, name, scope))

    assert response.status_code == status
    if status >= 400:
        assert response.json()["error"]["code"] == status


def test_unknown_token_is_refused(client):
    assert client.get("/identity/v3/projects", headers={"X-Auth-Token": "stale"}).status_code == 401
    assert client.get("/identity/v3/projects").status_code == 401


def test_projects_are_filtered_by_tag_name_and_domain(client):
    headers = log_in(client, "accounting", SYSTEM)

    def names(**params):
        listed = client.get("/identity/v3/projects", headers=headers, params=params).json()["projects"]
        return [project["name"] for project in listed]

    assert names() == names(tags="caso") == ["project0", "project1", "project2", "project3"]
    assert names(tags="caso,other") == names(domain_id="other") == []
    assert names(name="project2", domain_id="default") == ["project2"]


def test_projects_carry_their_vo_except_the_unmapped_one(client):
    headers = log_in(client, "accounting", SYSTEM)

    listed = client.get("/identity/v3/projects", headers=headers).json()["projects"]

    assert [one.get("VO") for one in listed] == [
        "vo.example0.org",
        "vo.example1.org",
        "vo.example2.org",
        None,
    ]


def test_my_projects_are_those_in_which_i_have_a_role(client):
    headers = {"X-Auth-Token": ask_for_token(client, "some-reader").headers["x-subject-token"]}

    listed = client.get("/identity/v3/auth/projects", headers=headers).json()["projects"]

    assert [one["id"] for one in listed] == [PROJECTS[0], PROJECTS[2]]


def test_token_expires():
    cloud = DemoCloud(WrittenHistory(SITE), options=CloudOptions(token_ttl_s=0.05))
    with serving(cloud) as url, httpx2.Client(base_url=url) as client:
        headers = log_in(client, "accounting", SYSTEM)
        assert client.get("/identity/v3/users", headers=headers).status_code == 200
        limit = time.monotonic() + 10

        while client.get("/identity/v3/users", headers=headers).status_code == 200:
            assert time.monotonic() < limit

        assert client.get("/identity/v3/users", headers=headers).status_code == 401


def test_policy_may_let_readers_of_a_project_list_users():
    cloud = DemoCloud(WrittenHistory(SITE), options=CloudOptions(users_for_readers=True))
    with serving(cloud) as url, httpx2.Client(base_url=url) as client:
        headers = log_in(client, "reader", in_project(0))

        assert client.get("/identity/v3/users", headers=headers).status_code == 200
