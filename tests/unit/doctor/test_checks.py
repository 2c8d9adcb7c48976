"""Checks that are functions of values."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from usance.cloud.flavors import FlavorRow
from usance.cloud.projects import Project
from usance.config.findings import Finding, Level
from usance.config.settings import (
    AuthSettings,
    CloudSettings,
    FlavorKeys,
    MessengerSettings,
    ProjectSettings,
    PublishSettings,
    RecordSettings,
    Settings,
)
from usance.doctor.check import Check, Verdict, diagnosis, guarded
from usance.doctor.clocks import compared
from usance.doctor.doctor import configuration_checks
from usance.doctor.flavors import flavor_checks
from usance.doctor.ledger import filesystem_of, status_checks
from usance.doctor.mapping import strangers, vo_checks
from usance.doctor.peers import Peer, _messaging, peers_of
from usance.doctor.place import role_to_name
from usance.ledger.values import MessengerStatus, SourceStatus, Status
from usance.model.errors import CloudError
from usance.sources.nova_rows import ServerRow

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
FINE = Check("a", "here", Verdict.OK, "it is")


def verdicts(checks):
    return [one.verdict.value for one in checks]


# --- the diagnosis ---------------------------------------------------------------------------------


def test_the_worst_comes_first_and_nothing_comes_twice():
    bad = [Check("a", "here", verdict, "so it is") for verdict in reversed(Verdict)]

    found = diagnosis([*bad, *bad])

    assert verdicts(found.checks) == ["error", "missing", "warning", "ok"]
    assert found.summary == "4 checks: 1 failed, 1 missing, 1 with a warning, 1 in order"


@pytest.mark.parametrize(("verdict", "status"), [("ok", 0), ("warning", 0), ("missing", 1), ("error", 1)])
def test_the_exit_status_is_1_if_something_is_missing_or_does_not_work(verdict, status):
    assert diagnosis([FINE, Check("b", "here", Verdict(verdict), "x")]).exit_status == status


@pytest.mark.parametrize("error", [CloudError("no", hint="do"), KeyError("secret"), ZeroDivisionError()])
def test_a_check_that_fails_is_a_check_and_tells_no_secret(error):
    async def broken():
        raise error

    (found,) = asyncio.run(guarded("a", "here", broken()))

    assert found.verdict is Verdict.ERROR
    assert "secret" not in found.sentence


def test_unknown_names_fail_warnings_warn_and_notes_are_not_told():
    told = configuration_checks([Finding(level, level.value) for level in Level])

    assert verdicts(told) == ["error", "warning"]
    assert verdicts(configuration_checks([])) == ["ok"]


# --- clocks ----------------------------------------------------------------------------------------

LIMIT = timedelta(seconds=5)


@pytest.mark.parametrize(
    ("offsets", "said"),
    [
        ({"Nova": 0, "Keystone": 3}, "agree with this one"),
        ({"Nova": 40, "Keystone": 40}, "the cloud's clock is 40 s ahead of this machine's"),
        ({"Nova": -40, "Keystone": -39}, "the cloud's clock is 40 s behind this machine's"),
        ({"Nova": 40, "Keystone": 0}, "the clock of Nova is 40 s ahead of that of Keystone"),
        ({"Nova": -86400, "Keystone": -86400}, "the cloud's clock is 24 hours behind"),
    ],
)
def test_clocks_that_disagree_are_told_with_who_is_ahead(offsets, said):
    (told,) = compared({name: timedelta(seconds=at) for name, at in offsets.items()}, "cloud", LIMIT)

    assert said in told.sentence
    assert told.verdict is (Verdict.OK if "agree" in said else Verdict.WARNING)


def test_without_an_answer_nothing_is_said_of_clocks():
    assert compared({}, "cloud", LIMIT) == []


# --- mapping ---------------------------------------------------------------------------------------


def project(name, vo=None, **properties):
    return Project(f"id-{name}", name, "default", vo, properties)


def test_a_project_without_vo_is_missing_one_and_the_command_is_told():
    (told,) = vo_checks([project("atlas")], ProjectSettings(), "cloud")

    assert told.verdict is Verdict.MISSING
    assert told.remedy == "openstack project set --property VO=<vo> id-atlas"


def test_a_property_and_a_file_that_disagree_are_told(tmp_path):
    file = tmp_path / "voms.json"
    file.write_text('{"other.org": {"projects": ["atlas"]}, "ops": {"projects": ["id-ops"]}}')
    settings = ProjectSettings(mapping_file=file)
    both = [project("atlas", "atlas", VO="atlas"), project("ops", "ops", VO="ops")]

    (told,) = vo_checks(both, settings, "cloud")

    assert told.scope == "cloud/atlas"
    assert "VO atlas, which counts" in told.sentence
    assert "other.org" in told.sentence


@pytest.mark.parametrize("complete", [True, False])
def test_entries_of_the_mapping_that_name_no_project_are_told(tmp_path, complete):
    file = tmp_path / "voms.json"
    file.write_text('{"a": {"projects": ["atlas", "atlsa"]}}')

    (told,) = strangers(file, {"atlas"}, complete=complete)

    assert told.verdict is Verdict.WARNING
    assert told.sentence.endswith(": atlsa")
    assert ("that exists" in told.sentence) is complete
    assert verdicts(strangers(file, {"atlas", "atlsa"}, complete=complete)) == ["ok"]


# --- flavors ---------------------------------------------------------------------------------------


def flavor(name, **specs):
    return FlavorRow(original_name=name, vcpus=1, extra_specs=specs)


GOOD = {"accounting:benchmark_type": "HEPscore23", "accounting:benchmark_value": "12.5"}


@pytest.mark.parametrize(
    ("specs", "said"),
    [
        (
            {"accounting:benchmark_type": "HEPSPEC06", "accounting:benchmark_value": "12,5"},
            "12,5 is no number",
        ),
        (
            {"Accelerator:Type": "GPU", "Accelerator:Model": "A100", "Accelerator:Number": "half"},
            "its accelerators can't be counted",
        ),
        ({"pci_passthrough:alias": "a100:1"}, "does not name the PCI alias a100"),
    ],
)
def test_properties_that_make_no_sense_are_told_of_the_flavor(specs, said):
    told = flavor_checks([flavor("g1", **specs)], [], FlavorKeys(), "cloud")

    assert any(said in one.sentence and "g1" in one.sentence for one in told)
    assert all(one.verdict is Verdict.WARNING for one in told)


def test_only_flavors_in_use_need_a_benchmark():
    servers = [ServerRow(id=str(number), flavor=flavor("used")) for number in range(3)]

    (told,) = flavor_checks([flavor("unused"), flavor("good", **GOOD)], servers, FlavorKeys(), "cloud")

    assert told.sentence == "flavors in use without a benchmark: used (3 servers)"
    fine = [ServerRow(id="1", flavor=flavor("good", **GOOD))]
    assert verdicts(flavor_checks([], fine, FlavorKeys(), "cloud")) == ["ok"]


# --- ledger ----------------------------------------------------------------------------------------

MOUNTS = (
    "/dev/sda1 / ext4 rw 0 0\nfiler:/spool /var/spool nfs4 rw 0 0\ntmpfs /var/spool/us\\040ed tmpfs rw 0 0\n"
)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/etc", "ext4"),
        ("/var/spool/usance", "nfs4"),
        ("/var/spoolx", "ext4"),
        ("/var/spool/us ed/a", "tmpfs"),
    ],
)
def test_the_file_system_is_that_of_the_nearest_mount(path, kind):
    assert filesystem_of(Path(path), MOUNTS) == kind


def test_where_there_are_no_mounts_nothing_is_said_of_the_file_system():
    assert filesystem_of(Path("/etc"), "") is None


def source(age, error=None):
    at = NOW - age
    return SourceStatus("p", "cloud", "nova", at, at, error, at if error else None, at)


def messenger(pending=0, dead=0):
    return MessengerStatus("ssm", pending, 5, 0, dead, NOW if pending else None, "full" if pending else None)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (Status((source(timedelta(days=3)),), (), ()), "nova has looked up to 2026-11-17 12:00 UTC only"),
        (Status((source(timedelta(0), "no"),), (), ()), "nova fails since 2026-11-20 12:00 UTC: no"),
        (
            Status((), (messenger(pending=2),), ()),
            "2 messages wait, since 2026-11-20 12:00 UTC: full",
        ),
        (Status((), (messenger(dead=1),), ()), "1 messages were refused for good: no reason"),
    ],
)
def test_what_the_last_runs_left_undone_is_told(status, said):
    (told,) = status_checks(status, NOW)

    assert told.verdict is Verdict.WARNING
    assert told.sentence == said


def test_nothing_is_wrong_with_runs_that_went_well():
    assert verdicts(status_checks(Status((source(timedelta(hours=1)),), (messenger(),), ()), NOW)) == ["ok"]


# --- roles and peers -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("roles", "role"),
    [
        ({"reader"}, "reader"),
        ({"member", "reader"}, "reader"),
        ({"accounting", "member"}, "accounting"),
        ({"_member_"}, "_member_"),
        (set(), "accounting"),
    ],
)
def test_a_line_of_policy_names_the_role_that_was_made_for_accounting(roles, role):
    assert role_to_name(frozenset(roles)) == role


@pytest.mark.parametrize(
    ("settings", "places"),
    [
        (PublishSettings(), []),
        (PublishSettings(hosts=("ams",)), ["ams:443", "ams:8443"]),
        (PublishSettings(hosts=("ams:4433",), token="x"), ["ams:4433"]),
        (PublishSettings(protocol="STOMP", hosts=("a", "b:1")), ["a:61614", "b:1"]),
        (PublishSettings(protocol="STOMP", hosts=("a",), use_ssl=False), ["a:61613"]),
    ],
)
def test_the_peers_are_the_hosts_with_their_usual_ports(settings, places):
    found = list(_messaging(settings))

    assert [one.place for one in found] == places
    assert all(isinstance(one, Peer) and one.tls is (one.port != 61613) for one in found)


def settings(**changed):
    return Settings(
        cloud=CloudSettings(AuthSettings("none", {})),
        projects=ProjectSettings(),
        records=RecordSettings("SITE", "service"),
        messengers=(
            MessengerSettings("logstash", {"host": "elk", "port": "5044", "tls": "true", "insecure": "true"}),
            MessengerSettings("greendigit_cim", {"email": "x", "password": "secret"}),
        ),
        spool_dir=Path("/spool"),
        ledger_url="sqlite:///x",
        lock_dir=Path("/spool"),
        **changed,
    )


def test_the_peers_of_messengers_and_sources_are_told_once():
    several = [settings(extractors=("nova", "prometheus"))] * 2

    found = {one.name: one for one in peers_of(several)}

    assert len(peers_of(several)) == 3
    assert found["Logstash"].place == "elk:5044"
    assert found["GreenDIGIT CIM"].place == "greendigit-cim.sztaki.hu:443"
    assert found["Prometheus"].place == "localhost:9090"
    assert [found["Logstash"].tls, found["Logstash"].verified] == [True, False]
    assert not found["Prometheus"].tls
