"""The lines of policy, as they were before and after OpenStack's roles became what they are."""

import re

import pytest

from usance.doctor import policies
from usance.doctor.policies import FILES, Rule, remedy
from usance.doctor.releases import Release

RULES = [
    *(one for one in vars(policies).values() if isinstance(one, Rule)),
    *policies.STORAGE.values(),
    *policies.STORAGE_ROWS.values(),
]
OWN = '(role:accounting and project_id:%(project_id)s)"'
LINE = re.compile(r'"[a-z_]+([: ][a-z_:-]+)*": "[^"]+"')


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.eras[-1].rule)
def test_every_rule_has_a_line_for_every_release(rule):
    for release in Release:
        line = rule.line(release, "accounting")

        assert LINE.fullmatch(line)
        assert "role:accounting" in line
        assert line.count("(") == line.count(")")


@pytest.mark.parametrize(
    ("rule", "release", "line"),
    [
        (
            policies.ACTIONS,
            Release.TRAIN,
            '"os_compute_api:os-instance-actions": "rule:admin_or_owner or ' + OWN,
        ),
        (
            policies.ACTIONS,
            Release.ZED,
            '"os_compute_api:os-instance-actions:list": "rule:admin_or_owner or ' + OWN,
        ),
        (
            policies.ACTIONS,
            Release.ANTELOPE,
            '"os_compute_api:os-instance-actions:list": "rule:project_reader_or_admin or ' + OWN,
        ),
        (
            policies.ALL_SERVERS,
            Release.LATER,
            '"os_compute_api:servers:detail:get_all_tenants": "rule:context_is_admin or role:accounting"',
        ),
        (
            policies.GET_USER,
            Release.ROCKY,
            '"identity:get_user": "rule:admin_or_owner or role:accounting"',
        ),
        (
            policies.FLOATING_IPS,
            Release.LATER,
            '"get_floatingip": "rule:admin_only or (role:reader and project_id:%(project_id)s) or ' + OWN,
        ),
        (
            policies.STORAGE["snapshots"],
            Release.GAZPACHO,
            '"volume:get_all_snapshots": "rule:admin_or_owner or ' + OWN,
        ),
        (
            policies.STORAGE["snapshots"],
            Release.LATER,
            '"volume:get_all_snapshots": "rule:xena_system_admin_or_project_reader or ' + OWN,
        ),
    ],
)
def test_the_line_is_that_of_the_release(rule, release, line):
    assert rule.line(release, "accounting") == line


def test_where_the_release_is_not_certain_and_it_matters_both_lines_are_told():
    told = remedy((policies.EMBEDDED_SPECS,), (Release.XENA, Release.YOGA), "accounting")

    assert "os-flavor-extra-specs:index" in told
    assert "(if it is Xena)" in told
    assert "servers:show:flavor-extra-specs" in told
    assert "(if it is Yoga)" in told


@pytest.mark.parametrize("role", ["reader", "member", "admin"])
def test_a_role_that_others_have_is_never_let_in_everywhere(role):
    for rule in RULES:
        for release in Release:
            assert f"or role:{role}" not in rule.line(release, role)


def test_where_it_does_not_matter_one_line_is_told():
    told = remedy((policies.SERVERS,), (Release.XENA, Release.YOGA), "accounting")

    assert told.startswith("add to /etc/nova/policy.yaml: ")
    assert told.count("servers:detail") == 1
    assert "if it is" not in told


def test_every_service_has_a_policy_file():
    assert {rule.service for rule in RULES} == set(FILES)
