"""A configuration file of every generation of cASO gives the settings that it means."""

import pytest

from usance.config.load import read_configuration
from usance.config.options import ACCEPTED, OWN_GROUPS
from usance.config.settings import FlavorKeys

CASO_1 = """\
[DEFAULT]
extractor = nova
site_name = TEST-Site
tenants = b2221a58, demo
messengers = caso.messenger.ssm.SsmMessager, caso.messenger.noop.NoopMessenger
benchmark_name_key = scope:benchmark
accelerator_type_key = scope:type
[extractor]
user = accounting
password = correct horse
endpoint = https://keystone.test.org:5000/v2.0
mapping_file = {mapping}
insecure = True
[ssm]
output_path = /srv/apel
"""

CASO_3 = """\
[DEFAULT]
site_name = TEST-Site
service_name = $site_name-cloud
projects = b2221a58
messengers = ssmv2,ssmv4
mapping_file = {mapping}
spooldir = /srv/caso
region_name = west
log_file = caso.log
log_dir = /srv/log
[keystone_auth]
auth_plugin = v3password
auth_url = https://keystone.test.org:5000/v3
username = accounting
user_domain_name = Default
password = correct horse
cafile = /etc/ssl/ca.pem
timeout = 20
[benchmark]
value_key = scope:value
[ssm]
output_path = /srv/apel
"""

CASO_5 = """\
[DEFAULT]
site_name = TEST-Site
messengers = ssm
spooldir = /srv/caso
lock_path = /run/caso
caso_tag = accounted
vo_property = accounting:VO
[keystone_auth]
auth_type = v3applicationcredential
auth_url = https://keystone.test.org:5000/v3
application_credential_id = 0815
application_credential_secret = correct horse
[ssm]
max_size = 50
[messenger_ssm]
record_types = cloud
[accelerator]
number_key = scope:number
[prometheus]
prometheus_endpoint = http://localhost:9090
"""


@pytest.fixture
def read(tmp_path):
    """Write a file and read it; `{mapping}` in it is a voms.json that exists."""
    mapping = tmp_path / "voms.json"
    mapping.write_text("{}")

    def read_text(text, environ=None, **overrides):
        path = tmp_path / "caso.conf"
        path.write_text(text.replace("{mapping}", str(mapping)))
        return read_configuration([path], overrides, environ or {}, cwd=tmp_path, etc=tmp_path)

    return read_text


def test_a_file_of_caso_1(read, tmp_path):
    settings = read(CASO_1).settings

    assert settings.cloud.auth.auth_type == "v3password"
    assert settings.cloud.auth.options == {
        "auth_url": "https://keystone.test.org:5000/v3",
        "username": "accounting",
        "password": "correct horse",
        "user_domain_id": "default",
    }
    assert settings.cloud.auth.insecure
    assert settings.projects.projects == ("b2221a58", "demo")
    assert settings.projects.mapping_file == tmp_path / "voms.json"
    assert [one.name for one in settings.messengers] == ["ssm", "noop"]
    assert settings.messengers[0].options["output_path"] == "/srv/apel"
    assert settings.flavor_keys.benchmark_type == ("scope:benchmark",)
    assert settings.flavor_keys.accelerator_type == "scope:type"
    assert settings.records.service_name == settings.records.site_name == "TEST-Site"
    assert settings.extractors == ("nova",)


def test_each_old_name_of_caso_1_is_told_once(read):
    told = [str(one) for one in read(CASO_1).warnings]

    for line, old, new in (
        (4, "[DEFAULT] tenants", "[DEFAULT] projects"),
        (6, "[DEFAULT] benchmark_name_key", "[benchmark] name_key"),
        (7, "[DEFAULT] accelerator_type_key", "[accelerator] type_key"),
        (12, "[extractor] mapping_file", "[DEFAULT] mapping_file"),
    ):
        [text] = [one for one in told if f"{old} is an old name of {new}" in one]
        assert f"caso.conf:{line}:" in text
    assert sum("version 2.0 of Keystone" in one for one in told) == 1
    assert sum("user, password and endpoint of [extractor]" in one for one in told) == 1
    assert sum("classes of cASO were named so up to 1.4" in one for one in told) == 1
    assert len(told) == 7


def test_a_file_of_caso_3(read):
    configuration = read(CASO_3)
    settings = configuration.settings

    assert settings.cloud.auth.auth_type == "v3password"
    assert settings.cloud.auth.options["user_domain_name"] == "Default"
    assert settings.cloud.auth.cafile == "/etc/ssl/ca.pem"
    assert settings.cloud.timeout_s == 20
    assert settings.cloud.region_name == "west"
    assert settings.cloud.cloud_id == "west"
    assert settings.records.service_name == "TEST-Site-cloud"
    assert [one.name for one in settings.messengers] == ["ssmv2", "ssmv4"]
    assert {one.options["output_path"] for one in settings.messengers} == {"/srv/apel"}
    assert str(settings.spool_dir) == str(settings.lock_dir) == "/srv/caso"
    assert settings.ledger_url == "sqlite:////srv/caso/usance.sqlite"
    assert settings.flavor_keys.benchmark_value == ("scope:value",)
    assert configuration.conf.log_file == "caso.log"


def test_a_file_of_caso_5(read):
    configuration = read(CASO_5)
    settings = configuration.settings

    assert settings.cloud.auth.options["application_credential_secret"] == "correct horse"
    assert settings.cloud.cloud_id == "default"
    assert settings.projects.tag == "accounted"
    assert settings.projects.vo_properties == ("accounting:VO",)
    assert settings.projects.mapping_file is None
    assert str(settings.lock_dir) == "/run/caso"
    [ssm] = settings.messengers
    assert ssm.options["max_size"] == "50"
    assert ssm.record_types == {"cloud"}
    assert settings.flavor_keys == FlavorKeys(accelerator_number="scope:number")
    assert settings.extractors == ("nova", "cinder", "neutron")
    assert settings.extractors_by_default
    assert configuration.warnings == ()


def test_every_name_of_every_option_counts(read):
    """The alias table itself: each old name gives the value that the new one would."""
    base = "[DEFAULT]\nsite_name = S\n[keystone_auth]\nauth_type = none\nendpoint = http://x\n"

    tried = 0
    for group, options in OWN_GROUPS.items():
        for option in options:
            for old in option.deprecated_opts:
                if old.name == option.dest and old.group in {None, group}:
                    continue
                value = {
                    "mapping_file": "{mapping}",
                    "messengers": "ssm",
                    "transport_url": "rabbit://guest@localhost",
                    "volume_existence_threshold": "7",
                }.get(option.dest, "word")
                text = f"{base}[{old.group or group}]\n{old.name} = {value}\n"
                read_option = read(text).conf
                section = read_option if group == "DEFAULT" else read_option[group]
                assert value in str(section[option.dest]) or "voms.json" in section[option.dest]
                tried += 1
    # tenants, messaging, mapping_file, 2 of benchmark, 4 of accelerator, 9 of Almanach
    assert tried == 18


def test_options_that_do_nothing_yet_are_notes_not_warnings(read):
    text = CASO_3
    for group, remarks in ACCEPTED.items():
        text += f"[{group}]\n" + "".join(f"{name} = 1\n" for name in remarks)

    configuration = read(text)

    assert len(configuration.warnings) == 1  # auth_plugin
    notes = [one for one in configuration.findings if one not in configuration.warnings]
    assert len(notes) == sum(len(remarks) for remarks in ACCEPTED.values())


def test_the_lock_directory_comes_from_the_environment_of_caso(read):
    assert str(read(CASO_3, {"CASO_LOCK_PATH": "/run/lock"}).settings.lock_dir) == "/run/lock"
    assert str(read(CASO_5, {"CASO_LOCK_PATH": "/run/lock"}).settings.lock_dir) == "/run/caso"


def test_the_command_line_comes_before_the_environment_before_the_file(read):
    environ = {"OS_DEFAULT__CASO_TAG": "environment", "OS_DEFAULT__REGION_NAME": "east"}

    settings = read(CASO_3, environ, caso_tag="line", projects=["a", "b"]).settings

    assert settings.projects.tag == "line"
    assert settings.projects.projects == ("a", "b")
    assert settings.cloud.region_name == "east"


def test_a_later_file_comes_before_an_earlier_one(read, tmp_path):
    read(CASO_3)
    later = tmp_path / "later.conf"
    later.write_text("[DEFAULT]\nsite_name = LATER\n")

    settings = read_configuration([tmp_path / "caso.conf", later], {}, {}).settings

    assert settings.records.site_name == "LATER"
    assert settings.records.service_name == "LATER-cloud"
    assert settings.cloud.region_name == "west"


def test_a_password_of_dollars_is_written_with_two_of_them(read):
    settings = read(CASO_3.replace("correct horse", "a$$b")).settings

    assert settings.cloud.auth.options["password"] == "a$b"


def test_without_messengers_nothing_is_delivered_and_that_is_said(read):
    configuration = read(CASO_5.replace("messengers = ssm", ""))

    assert [one.name for one in configuration.settings.messengers] == ["noop"]
    assert any("messengers is not set" in str(one) for one in configuration.warnings)


def test_no_suspended_states_give_the_figures_of_caso(read):
    assert read(CASO_5).settings.records.suspended_states == {"suspended", "shelved", "shelved_offloaded"}
    assert read(CASO_5 + "[usance]\nsuspended_states =\n").settings.records.suspended_states == frozenset()


def test_options_of_a_messenger_of_somebody_else_reach_it(read, tmp_path):
    text = CASO_5.replace("messengers = ssm", "messengers = file")

    [file] = read(f"{text}[messenger_file]\npath = {tmp_path}/out\ncolour = $site_name\n").settings.messengers

    assert file.options == {"path": f"{tmp_path}/out", "max_size": "1000", "colour": "TEST-Site"}


@pytest.mark.parametrize("name", ["ceilometer", "caso.extract.ceilometer.CeilometerExtractor"])
def test_ceilometer_is_read_from_gnocchi_and_that_is_said_in_one_sentence(read, name):
    configuration = read(CASO_1.replace("extractor = nova", f"extractor = nova, {name}"))

    assert configuration.settings.extractors == ("nova", "gnocchi")
    [said] = [str(one) for one in configuration.warnings if "Gnocchi" in str(one)]
    assert "caso.conf:2:" in said
    assert "Ceilometer has no API of its own any more" in said
    assert "write extractor = gnocchi" in said


def test_gnocchi_is_a_name_of_its_own(read):
    configuration = read(CASO_5.replace("[DEFAULT]", "[DEFAULT]\nextractor = gnocchi"))

    assert configuration.settings.extractors == ("gnocchi",)
    assert not any("Gnocchi" in str(one) for one in configuration.warnings)
