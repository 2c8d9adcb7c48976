"""The checks of a cloud, against one whose policies were taken away one by one."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import msgspec
import pytest

from usance.config.load import load_settings
from usance.demo.clock import Clock
from usance.demo.cloud import CloudOptions, DemoCloud
from usance.demo.history import WrittenHistory
from usance.demo.script import scripted
from usance.demo.server import serving
from usance.demo.setup import write_caso_conf
from usance.demo.site import EVERYWHERE, standard_site
from usance.doctor.check import Verdict
from usance.doctor.clouds import examine_cloud

SITE = standard_site(projects=2)
LIVES = ("2026-09-20 00:00:00 create m1.small", "2026-10-01 00:00:00 create m1.small")
OWN = "(role:reader and project_id:%(project_id)s)"


def history(site=SITE):
    return WrittenHistory(
        site,
        [scripted(site, f"server{number}", life, project=number) for number, life in enumerate(LIVES)],
    )


def look(tmp_path, cloud, *, user="accounting", extractors="nova,cinder,neutron", **options):
    with serving(cloud) as url:
        conf = write_caso_conf(url, tmp_path, user=user, options={"extractor": extractors, **options})
        settings = load_settings([conf], {}, {})
        return asyncio.run(examine_cloud(settings)).checks


def bad(checks):
    return [one for one in checks if one.verdict is not Verdict.OK]


@pytest.fixture(scope="module")
def site_history():
    return history()


def test_nothing_is_missing_where_the_account_is_a_reader_and_nothing_is_changed(tmp_path, site_history):
    cloud = DemoCloud(site_history)

    checks = look(tmp_path, cloud)

    assert bad(checks) == []
    assert {one.name.partition(":")[0] for one in checks} == {
        *("Keystone", "Nova", "Cinder", "Neutron", "Glance"),
        *("Clock", "Flavors", "VO mapping"),
    }
    assert all(line.startswith(("GET", "POST /identity/v3/auth/tokens")) for line in cloud.requests)


LINES = [
    ("os_compute_api:servers:detail", "Nova: servers", "missing"),
    ("os_compute_api:servers:show", "Nova: single servers", "missing"),
    ("os_compute_api:servers:show:flavor-extra-specs", "Nova: flavor properties", "missing"),
    ("os_compute_api:os-instance-actions:list", "Nova: instance actions", "missing"),
    ("os_compute_api:os-instance-actions:show", "Nova: steps of actions", "missing"),
    ("os_compute_api:os-simple-tenant-usage:show", "Nova: usage", "warning"),
    ("volume:get_all", "Cinder: volumes", "missing"),
    ("volume:get", "Cinder: volumes", "missing"),
    ("get_port", "Neutron: ports", "missing"),
    ("get_network", "Neutron: networks", "warning"),
    ("get_images", "Glance: images", "warning"),
]


@pytest.mark.parametrize(("rule", "name", "verdict"), LINES)
def test_each_rule_that_refuses_is_told_with_its_line(tmp_path, site_history, rule, name, verdict):
    cloud = DemoCloud(site_history)
    cloud.refused = frozenset({rule})

    found = [one for one in bad(look(tmp_path, cloud)) if one.scope == "default/project0"]

    (told,) = [one for one in found if f'"{rule}": "' in (one.remedy or "")]
    assert (told.name, told.verdict.value) == (name, verdict)
    assert OWN in told.remedy.partition(f'"{rule}": "')[2].partition('"')[0]
    assert len(found) == 1  # one refusal hides no other check, and makes no other one fail


@pytest.mark.parametrize(
    ("refused", "rule", "said"),
    [
        ({"identity:list_users", "identity:get_user"}, "identity:get_user", ("Keystone: users", "missing")),
        ({"identity:list_projects"}, "identity:list_projects", ("Keystone: projects", "warning")),
    ],
)
def test_what_keystone_hides_is_told_with_its_line(tmp_path, site_history, refused, rule, said):
    cloud = DemoCloud(site_history)
    cloud.refused = frozenset(refused)

    (told,) = bad(look(tmp_path, cloud))

    assert (told.name, told.verdict.value) == said
    assert "/etc/keystone/policy.yaml" in told.remedy
    assert f'"{rule}": "rule:admin_required or (role:reader and system_scope:all)' in told.remedy
    # A line that lets the role reader in would show everybody's name to everybody.
    assert told.remedy.endswith(' or role:accounting"')


def test_users_may_be_looked_up_one_by_one(tmp_path, site_history):
    cloud = DemoCloud(site_history)
    cloud.refused = frozenset({"identity:list_users"})

    assert bad(look(tmp_path, cloud)) == []


def test_a_role_of_its_own_is_named_in_the_lines(tmp_path):
    """Neutron shows such an account empty lists, and no error."""
    users = tuple(
        msgspec.structs.replace(one, roles={EVERYWHERE: ("accounting",)}) if one.name == "accounting" else one
        for one in SITE.users
    )
    cloud = DemoCloud(history(msgspec.structs.replace(SITE, users=users)))

    found = {one.name: one for one in bad(look(tmp_path, cloud)) if one.scope == "default/project0"}

    assert found["Neutron: floating IPs"].verdict is Verdict.MISSING
    assert "(role:accounting and project_id:%(project_id)s)" in found["Neutron: floating IPs"].remedy
    assert "get_port" in found["Neutron: ports"].remedy


def test_a_project_without_a_role_is_told_and_the_others_are_looked_at(tmp_path, site_history):
    checks = look(
        tmp_path, DemoCloud(site_history), user="some-reader", projects="project0," + SITE.projects[1].id
    )

    names = {one.name for one in bad(checks)}
    assert "Keystone: projects" in names
    assert any(one.name == "Nova: servers" and one.verdict is Verdict.OK for one in checks)


@pytest.mark.parametrize(
    ("highest", "release", "costs"),
    [((2, 95), "2023.1 Antelope or 2023.2 Bobcat", 0), ((2, 60), "Queens", 1), ((2, 25), "Mitaka", 3)],
)
def test_the_release_is_told_and_what_an_old_one_costs(tmp_path, site_history, highest, release, costs):
    cloud = DemoCloud(site_history, options=CloudOptions(max_microversion=highest))

    told = [one for one in look(tmp_path, cloud) if one.name == "Nova: version"]

    assert all(release in one.sentence for one in told)
    assert len(bad(told)) == costs


def test_an_old_nova_gets_the_line_of_its_days(tmp_path, site_history):
    cloud = DemoCloud(site_history, options=CloudOptions(max_microversion=(2, 60)))
    cloud.refused = frozenset({"os_compute_api:os-instance-actions:list"})

    told = next(one for one in look(tmp_path, cloud) if one.name == "Nova: instance actions")

    assert '"os_compute_api:os-instance-actions": "rule:admin_or_owner' in told.remedy


def test_a_cell_that_is_down_is_told(tmp_path, site_history):
    cloud = DemoCloud(site_history)
    cloud.regions["RegionOne"].down_cells = {1, 2}

    told = [one for one in bad(look(tmp_path, cloud)) if one.name == "Nova: cells"]

    assert [one.verdict for one in told] == [Verdict.ERROR] * 2
    assert "one of its cells is down" in told[0].sentence


def test_a_service_that_is_not_in_the_catalog_is_missing(tmp_path, site_history):
    options = CloudOptions(uncatalogued=frozenset({"volumev3", "block-storage"}))

    told = [
        one for one in bad(look(tmp_path, DemoCloud(site_history, options=options))) if "Cinder" in one.name
    ]

    assert {one.verdict for one in told} == {Verdict.MISSING}
    assert "the catalog has no public endpoint" in told[0].sentence


def test_only_the_services_of_the_configured_sources_are_asked(tmp_path, site_history):
    cloud = DemoCloud(site_history)

    checks = look(tmp_path, cloud, extractors="cinder")

    assert bad(checks) == []
    assert not any("/network/" in line or "/servers" in line for line in cloud.requests)


def test_a_cloud_whose_clock_is_another_is_told(tmp_path, site_history):
    cloud = DemoCloud(site_history, clock=Clock(datetime(2026, 10, 10, tzinfo=UTC)))

    (told,) = bad(look(tmp_path, cloud))

    assert told.name == "Clock"
    assert "behind this machine's" in told.sentence


@pytest.mark.parametrize("user", ["admin", "reader", "domain-reader"])
def test_every_kind_of_account_gets_an_answer(tmp_path, site_history, user):
    checks = look(tmp_path, DemoCloud(site_history), user=user)

    assert not any(one.verdict is Verdict.ERROR for one in checks)


def test_a_cloud_that_is_not_there_is_one_check(tmp_path):
    conf = write_caso_conf("http://127.0.0.1:9", tmp_path)

    (told,) = asyncio.run(examine_cloud(load_settings([conf], {}, {}))).checks

    assert told.verdict is Verdict.ERROR
    assert "Keystone can't be reached" in told.sentence


def test_hostile_flavors_and_projects_without_vo_are_told(tmp_path):
    site = standard_site(projects=2, hostile=True)

    checks = bad(look(tmp_path, DemoCloud(history(site))))

    assert {(one.name, one.verdict.value) for one in checks} == {
        ("Flavors", "warning"),
        ("VO mapping", "missing"),
    }
    assert any("bad.benchmark" in one.sentence for one in checks)
    assert any("bad.accelerator" in one.sentence for one in checks)
