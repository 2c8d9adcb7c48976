"""Projects, users, images and addresses of the simulated cloud, and every refusal it can give."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from looking import auth, opened, selected
from usance.cloud.access import Cloud
from usance.cloud.projects import Selection
from usance.config.settings import AuthSettings, ProjectSettings
from usance.demo.clock import Clock
from usance.demo.cloud import CloudOptions, DemoCloud
from usance.demo.faults import Fault, FaultKind
from usance.demo.history import SeededHistory
from usance.demo.server import serving
from usance.demo.site import PASSWORD, User, standard_site
from usance.model.errors import (
    AccessError,
    AuthenticationError,
    CloudError,
    ConfigurationError,
    UnknownProjectError,
)

BEGIN, END = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)
SITE = standard_site(projects=4)
IDS = [one.id for one in SITE.projects]


@pytest.fixture
def demo() -> DemoCloud:
    """Return a cloud of four projects, still at the end of its history."""
    history = SeededHistory(0, servers=40, begin=BEGIN, end=END, site=SITE)
    return DemoCloud(history, clock=Clock(END))


@pytest.fixture
def url(demo: DemoCloud) -> Iterator[str]:
    """Serve the cloud."""
    with serving(demo) as address:
        yield address


def run(url: str, do: Callable[[Cloud], Awaitable[Any]], user: str = "accounting", **settings: Any) -> Any:
    """Do something with an open cloud."""

    async def inside() -> Any:
        async with opened(url, user, **settings) as cloud:
            return await do(cloud)

    return asyncio.run(inside())


def select(url: str, user: str = "accounting", **settings: Any) -> Selection:
    """Select projects as a user."""
    return run(url, lambda cloud: cloud.select_projects(ProjectSettings(**settings)), user)


def with_projects(demo: DemoCloud, **changes: Any) -> None:
    """Change the last project of the cloud."""
    last = msgspec.structs.replace(SITE.projects[-1], **changes)
    site = msgspec.structs.replace(SITE, projects=(*SITE.projects[:-1], last))
    demo.load(SeededHistory(0, servers=4, begin=BEGIN, end=END, site=site))


# --- projects ---


@pytest.mark.parametrize("user", ["admin", "accounting", "reader", "domain-reader"])
def test_tagged_projects_are_found_whoever_may_list_them(url, user):
    selection = select(url, user)

    assert [one.id for one in selection.projects] == sorted(
        IDS, key=lambda one: SITE.projects[IDS.index(one)].name
    )
    assert selection.refused == ()
    assert selection.projects[0].vo == "vo.example0.org"


def test_member_sees_the_tags_of_its_own_projects_only(url):
    assert {one.name for one in select(url, "some-reader").projects} == {"project0", "project2"}


def test_projects_are_found_by_id_by_name_and_with_their_domain_and_merged(url):
    wanted = (IDS[0], "project1", "Default/project2", "default/project2", IDS[2], "project0")

    selection = select(url, "reader", tag=None, projects=wanted)

    assert [one.name for one in selection.projects] == ["project0", "project1", "project2"]
    assert selection.refused == ()


def test_project_that_is_no_members_is_found_by_who_may_read_all(url, demo):
    outsider = User(
        id="0" * 32, name="auditor", password=PASSWORD, system_roles=("reader",), roles={IDS[0]: ("reader",)}
    )
    site = msgspec.structs.replace(SITE, users=(*SITE.users, outsider))
    demo.load(SeededHistory(0, servers=4, begin=BEGIN, end=END, site=site))

    selection = select(url, "auditor", tag=None, projects=("project3", IDS[2]))

    assert [one.name for one in selection.projects] == ["project2", "project3"]


@pytest.mark.parametrize(("user", "error"), [("accounting", UnknownProjectError), ("reader", AccessError)])
def test_unknown_projects_are_refused_alone(url, user, error):
    wanted = ("no-such", "f" * 32, "Default/none", "nowhere/project0", "../servers", "project1")

    selection = select(url, user, tag=None, projects=wanted)

    assert [one.name for one in selection.projects] == ["project1"]
    assert [what for what, _ in selection.refused] == list(wanted[:-1])
    assert all(isinstance(one, error) for _, one in selection.refused)
    assert all(one.hint for _, one in selection.refused)


def test_ambiguous_name_is_refused_with_the_choices(url, demo):
    with_projects(demo, name="project0", domain_id=SITE.domains[1].id)

    selection = select(url, "reader", tag=None, projects=("project0", "default/project0"))

    assert [one.id for one in selection.projects] == [IDS[0]]
    ((what, error),) = selection.refused
    assert what == "project0"
    assert f"default/project0 ({IDS[0]})" in str(error)
    assert f"({IDS[3]})" in str(error)


def test_projects_of_a_domain_are_found_by_its_name(url, demo):
    with_projects(demo, domain_id=SITE.domains[1].id)

    assert len(select(url, tag=None, domains=("Default",)).projects) == 3
    assert [one.id for one in select(url, tag=None, domains=("federated",)).projects] == [IDS[3]]


def test_forbidden_tag_is_reported_only_where_nothing_else_is_configured(url, demo):
    with_projects(demo, tags=())

    alone = select(url, "reader", tag="other")
    beside = select(url, "reader", tag="other", projects=("project0",))

    assert [what for what, _ in alone.refused] == ["tag other"]
    assert beside.refused == ()


def test_project_without_a_vo_is_kept_and_says_so(url, demo, tmp_path):
    with_projects(demo, properties={})
    mapping = tmp_path / "voms.json"
    mapping.write_text('{"vo.mapped": {"projects": ["project3"]}, "vo.unused": {"tenant": "project0"}}')

    without = select(url, "reader").projects
    mapped = select(url, "reader", mapping_file=mapping).projects

    assert [one.vo for one in without] == [
        "vo.example0.org", "vo.example1.org", "vo.example2.org", None
    ]  # fmt: skip
    assert mapped[0].vo == "vo.example0.org"
    assert mapped[3].vo == "vo.mapped"


# --- accounts ---


def test_wrong_password_is_one_sentence_and_asked_a_few_times_only(url, demo):
    async def do(cloud: Cloud) -> None:
        for _ in range(3):
            with pytest.raises(AuthenticationError) as caught:
                await cloud.select_projects(ProjectSettings())
            assert PASSWORD[:-1] not in str(caught.value)
            assert "[keystone_auth] of caso.conf" in str(caught.value)

    run(url, do, account=auth(url, "reader", password=PASSWORD[:-1]))

    assert sum(demo.requests.values()) <= 2


def test_account_without_any_role_selects_nothing(url):
    selection = select(url, "nobody", projects=("project0",))

    assert selection.projects == ()
    assert isinstance(selection.refused[0][1], AccessError)


def test_configured_project_without_a_role_is_left_aside(url, caplog):
    account = auth(url, "some-reader", project_name="project1", project_domain_name="Default")

    selection = run(url, lambda cloud: cloud.select_projects(ProjectSettings()), account=account)

    assert {one.name for one in selection.projects} == {"project0", "project2"}
    assert "some-reader has no role in the configured scope" in caplog.text


def test_token_of_the_configured_project_is_used_for_it(url, demo):
    account = auth(url, "reader", project_name="project0", project_domain_name="Default")

    async def do(cloud: Cloud) -> None:
        projects = await selected(cloud, ProjectSettings(tag=None, projects=("project0",)))
        await cloud.floating_ip_counts(projects[0])

    run(url, do, account=account)

    assert demo.requests["POST /identity/v3/auth/tokens"] == 1


def test_application_credential_serves_its_project_and_no_other(url):
    credential = SITE.application_credentials[0]
    account = AuthSettings(
        "v3applicationcredential",
        {
            "auth_url": f"{url}/identity/v3",
            "application_credential_id": credential.id,
            "application_credential_secret": credential.secret,
        },
    )

    async def do(cloud: Cloud) -> None:
        own, other = await selected(cloud, ProjectSettings(tag=None, projects=tuple(IDS[:2])))
        await cloud.floating_ip_counts(own)
        with pytest.raises(AccessError, match="belongs to project"):
            await cloud.floating_ip_counts(other)

    run(url, do, account=account)


def test_generic_plug_in_finds_the_version_of_keystone(url):
    account = msgspec.structs.replace(auth(url, "reader"), auth_type="password")
    options = account.options | {"auth_url": f"{url}/identity"}

    selection = run(
        url,
        lambda cloud: cloud.select_projects(ProjectSettings()),
        account=msgspec.structs.replace(account, options=options),
    )

    assert len(selection.projects) == 4


@pytest.mark.parametrize(
    "fault",
    [
        Fault(FaultKind.STATUS, "auth/tokens", status=503, count=2),
        Fault(FaultKind.STATUS, "auth/tokens", status=429, retry_after_s=0, count=2),
        Fault(FaultKind.DROP, "auth/tokens", count=2),
        Fault(FaultKind.CUT, "auth/tokens", count=2),
        Fault(FaultKind.TRUNCATE, "auth/tokens", count=2),
        Fault(FaultKind.EXPIRE, "GET /identity", count=1),
    ],
    ids=lambda fault: fault.kind,
)
def test_keystone_that_stumbles_is_asked_again(url, demo, fault):
    demo.faults.add(fault)

    assert len(select(url, "reader").projects) == 4
    assert demo.faults.met


@pytest.mark.parametrize("status", [500, 404])
def test_keystone_that_fails_is_one_sentence(url, demo, status):
    demo.faults.add(Fault(FaultKind.STATUS, "auth/tokens", status=status))

    with pytest.raises(CloudError, match=f"Keystone answered {status} to the request for a token"):
        select(url, "reader")


def test_keystone_that_is_down_is_one_sentence(url):
    with pytest.raises(CloudError, match="Keystone can't be reached") as caught:
        run(
            url, lambda c: c.select_projects(ProjectSettings()), account=auth("http://127.0.0.1:1"), retries=1
        )

    assert "http://127.0.0.1:1/identity/v3" in str(caught.value)


def test_short_lived_token_is_replaced_before_it_ends():
    options = CloudOptions(token_ttl_s=0.5)
    short = DemoCloud(SeededHistory(0, servers=4, begin=BEGIN, end=END, site=SITE), options=options)

    async def do(cloud: Cloud) -> None:
        project = (await selected(cloud))[0]
        end = asyncio.get_running_loop().time() + 1.2
        while asyncio.get_running_loop().time() < end:
            await cloud.floating_ip_counts(project)

    with serving(short) as url:
        run(url, do, "reader")

    assert short.requests["POST /identity/v3/auth/tokens"] >= 3


def test_one_token_a_scope_is_shared(url, demo):
    async def do(cloud: Cloud) -> None:
        projects = await selected(cloud)
        await asyncio.gather(*(cloud.floating_ip_counts(one) for one in projects for _ in range(5)))

    run(url, do, "accounting")

    # The account's own (of no project), the system's, and one for each of four projects.
    assert demo.requests["POST /identity/v3/auth/tokens"] <= 6


def test_expired_tokens_are_replaced_once_for_all_who_wait(url, demo):
    async def do(cloud: Cloud) -> dict[str, int]:
        project = (await selected(cloud))[0]
        before = await cloud.floating_ip_counts(project)
        demo.faults.add(Fault(FaultKind.EXPIRE, "/network/", count=1))
        several = await asyncio.gather(*(cloud.floating_ip_counts(project) for _ in range(8)))
        assert all(one == before for one in several)
        return before

    run(url, do, "reader")


# --- catalog ---


def test_region_without_the_service_is_told_with_those_that_have_it(url):
    async def do(cloud: Cloud) -> None:
        project = (await selected(cloud))[0]
        await cloud.floating_ip_counts(project)

    with pytest.raises(CloudError, match="no public endpoint of type network in region Elsewhere") as caught:
        run(url, do, region_name="Elsewhere")

    assert "public in RegionOne" in str(caught.value)


def test_wrong_certificate_file_is_a_mistake_of_the_configuration(url):
    account = msgspec.structs.replace(auth(url), cafile="/nowhere/ca.pem")

    with pytest.raises(ConfigurationError, match=r"/nowhere/ca\.pem"):
        run(url, lambda cloud: cloud.select_projects(ProjectSettings()), account=account)


# --- users ---

USERS = [one for one in SITE.users if not one.password]
NAMES = {one.id: one.name for one in USERS}


async def names(cloud: Cloud) -> dict[str, str]:
    await selected(cloud)
    found = await cloud.user_names([*NAMES, "f" * 32, ""])
    assert await cloud.user_names(NAMES) == found
    return found


@pytest.mark.parametrize("user", ["admin", "accounting", "domain-reader"])
def test_users_are_listed_once_where_allowed(url, demo, user):
    assert run(url, names, user) == NAMES
    assert demo.requests["GET /identity/v3/users"] <= 2
    assert demo.requests["GET /identity/v3/users/{id}"] <= 2  # the one that does not exist


def test_few_users_are_looked_up_without_a_list(url, demo):
    async def one(cloud: Cloud) -> dict[str, str]:
        await selected(cloud)
        return await cloud.user_names([USERS[0].id])

    assert run(url, one) == {USERS[0].id: USERS[0].name}
    assert demo.requests["GET /identity/v3/users"] == 0


def test_users_are_read_with_a_role_in_a_project_where_the_policy_says_so():
    """As cASO's documentation has it for clouds of before the system scope."""
    old = DemoCloud(
        SeededHistory(0, servers=4, begin=BEGIN, end=END, site=SITE),
        options=CloudOptions(users_for_readers=True),
    )

    with serving(old) as url:
        assert run(url, names, "reader") == NAMES


def test_users_that_nobody_may_read_are_missing_with_one_warning(url, demo, caplog):
    assert run(url, names, "some-reader") == {}

    assert len([one for one in caplog.records if "without user names" in one.getMessage()]) == 1
    # After the refusals of each scope nothing is asked any more.
    assert demo.requests["GET /identity/v3/users/{id}"] <= 3


# --- images and addresses ---


def test_images_with_a_marketplace_uri_are_told(url, demo):
    uris = {SITE.images[0].id: "https://appdb.example.org/store/vo/image/0"}

    async def do(cloud: Cloud) -> None:
        projects = await selected(cloud)
        for project in projects:
            assert await cloud.image_uris(project, [*(one.id for one in SITE.images), "gone", "../x"]) == uris

    run(url, do)

    # One list, and the image that does not exist once for each project, as it may see others.
    assert sum(n for path, n in demo.requests.items() if "/image/v2/images" in path) <= 1 + 2 * len(IDS)


def test_few_images_are_looked_up_without_a_list(url, demo):
    async def do(cloud: Cloud) -> None:
        project = (await selected(cloud))[0]
        await cloud.image_uris(project, [SITE.images[0].id, SITE.images[1].id])
        await cloud.image_uris(project, [SITE.images[0].id])

    run(url, do)

    assert demo.requests["GET /RegionOne/image/v2/images"] == 0
    assert demo.requests["GET /RegionOne/image/v2/images/{id}"] == 2


@pytest.mark.parametrize("user", ["reader", "admin"])
def test_floating_ips_are_counted_by_server_and_project(url, demo, user):
    lives = [demo.regions["RegionOne"].history.life(number) for number in range(40)]
    alive = [one for one in lives if one.floating_ips and one.at(demo.clock.now_us()).state != "deleted"]

    async def do(cloud: Cloud) -> list[dict[str, int]]:
        return [await cloud.floating_ip_counts(one) for one in await selected(cloud)]

    found = run(url, do, user)

    assert {one: n for counts in found for one, n in counts.items()} == {
        one.id: len(one.floating_ips) for one in alive
    }
    by_project = dict(zip([f"project{n}" for n in range(4)], found, strict=True))
    assert all(one.id in by_project[SITE.projects[IDS.index(one.project_id)].name] for one in alive)


# --- clock ---


def test_clock_of_the_cloud_is_followed(url):
    async def do(cloud: Cloud) -> datetime:
        await selected(cloud)
        return cloud.clock.now()

    assert abs((run(url, do) - END).total_seconds()) < 5


def test_requests_are_counted_with_those_for_tokens(url, demo):
    async def do(cloud: Cloud) -> int:
        await selected(cloud)
        return cloud.client.requests

    assert run(url, do) == sum(demo.requests.values())
