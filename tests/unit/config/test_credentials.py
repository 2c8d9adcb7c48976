"""Where credentials come from, and in which order."""

import json

import pytest

from usance.config.load import Need, read_configuration
from usance.model.errors import ConfigurationError

SECTION = """\
[keystone_auth]
auth_type = v3password
auth_url = http://section/v3
username = u
user_domain_id = default
password = p
"""
EXTRACTOR = "[extractor]\nendpoint = http://extractor/v3\npassword = p\n"
VARIABLES = {
    "OS_AUTH_URL": "http://variables/v3",
    "OS_USERNAME": "u",
    "OS_PASSWORD": "p",
    "OS_USER_DOMAIN_NAME": "Default",
    "OS_TENANT_NAME": "demo",
    "OS_REGION_NAME": "north",
    "OS_INTERFACE": "internalURL",
    "OS_CACERT": "/ca.pem",
}
CLOUDS = """\
clouds:
  prod:
    auth: {auth_url: 'http://clouds/v3', username: u, user_domain_name: Default}
    region_name: south
    interface: internal
    verify: false
    cacert: /ca.pem
  shared: {profile: federation, auth: {username: u, password: p, user_domain_id: x}}
  lost: {profile: nowhere, auth: {username: u}}
  empty: {region_name: south}
"""
SECURE = "clouds: {prod: {auth: {password: correct horse}}}\n"
PUBLIC = "public-clouds: {federation: {auth: {auth_url: 'http://federation/v3'}, region_name: east}}\n"


@pytest.fixture
def read(tmp_path):
    """Read a configuration in a directory with clouds.yaml, secure.yaml and clouds-public.yaml."""
    for name, text in (("clouds.yaml", CLOUDS), ("secure.yaml", SECURE), ("clouds-public.yaml", PUBLIC)):
        (tmp_path / name).write_text(text)

    def read_text(text, environ):
        path = tmp_path / "caso.conf"
        path.write_text(text)
        return read_configuration([path], {}, environ, need=Need.CLOUD, cwd=tmp_path, etc=tmp_path)

    return read_text


def test_the_first_source_there_is_counts(read):
    environ = {"OS_CLOUD": "prod", **VARIABLES}

    def url(text, environ):
        return read(text, environ).settings.cloud.auth.options["auth_url"]

    assert url(EXTRACTOR + SECTION, environ) == "http://section/v3"
    assert url(EXTRACTOR, environ) == "http://extractor/v3"
    assert url("", environ) == "http://clouds/v3"
    assert url("", VARIABLES) == "http://variables/v3"
    with pytest.raises(ConfigurationError, match=r"no credentials.*OS_CLOUD") as caught:
        url("", {})
    assert caught.value.exit_status == 2


def test_a_cloud_of_clouds_yaml_with_its_password_in_secure_yaml(read):
    cloud = read("", {"OS_CLOUD": "prod"}).settings.cloud

    assert cloud.auth.auth_type == "password"
    assert cloud.auth.options["password"] == "correct horse"
    assert cloud.auth.insecure
    assert cloud.auth.cafile == "/ca.pem"
    assert cloud.region_name == cloud.cloud_id == "south"
    assert cloud.interface == "internal"
    assert "cloud prod of " in cloud.auth.origin
    assert "correct horse" not in repr(cloud)


def test_a_profile_gives_what_the_cloud_does_not_say(read):
    cloud = read("", {"OS_CLOUD": "shared"}).settings.cloud

    assert cloud.auth.options["auth_url"] == "http://federation/v3"
    assert cloud.region_name == "east"


@pytest.mark.parametrize(
    ("cloud", "part"),
    [
        ("prdo", "did you mean prod?"),
        ("lost", "the profile 'nowhere' stands in no clouds-public.yaml"),
        ("empty", "has no auth section"),
    ],
)
def test_a_cloud_that_is_not_there_or_not_whole_is_named(read, cloud, part):
    with pytest.raises(ConfigurationError) as caught:
        read("", {"OS_CLOUD": cloud})

    assert part in str(caught.value)


@pytest.mark.parametrize(
    "text", ["clouds: [", "- a\n", "clouds: 5\n", "\t", "a: &a [*a]\nclouds: {x: *a", "clouds: {x: \0}"]
)
def test_a_clouds_yaml_that_is_none_is_one_sentence(read, tmp_path, text):
    (tmp_path / "clouds.yaml").write_text(text)

    with pytest.raises(ConfigurationError) as caught:
        read("", {"OS_CLOUD": "x"})

    assert "clouds.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_variables_of_the_openstack_command(read):
    cloud = read("", VARIABLES).settings.cloud

    assert cloud.auth.auth_type == "password"
    assert cloud.auth.options == {
        "auth_url": "http://variables/v3",
        "username": "u",
        "password": "p",
        "user_domain_name": "Default",
        "project_name": "demo",
    }
    assert cloud.region_name == "north"
    assert cloud.interface == "internal"
    assert cloud.auth.cafile == "/ca.pem"


def test_variables_of_an_application_credential_need_no_type(read):
    environ = {
        "OS_AUTH_URL": "http://x/v3",
        "OS_APPLICATION_CREDENTIAL_ID": "i",
        "OS_APPLICATION_CREDENTIAL_SECRET": "s",
    }

    assert read("", environ).settings.cloud.auth.auth_type == "v3applicationcredential"


def test_version_2_of_keystone_is_translated_with_a_warning(read):
    text = (
        "[keystone_auth]\nauth_type = v2password\nauth_url = http://x:5000/v2.0/\n"
        "username = u\npassword = p\ntenant_name = demo\n"
    )

    configuration = read(text, {})

    assert configuration.settings.cloud.auth.auth_type == "v3password"
    assert configuration.settings.cloud.auth.options == {
        "auth_url": "http://x:5000/v3",
        "username": "u",
        "password": "p",
        "user_domain_id": "default",
    }
    assert len(configuration.warnings) == 2


def test_the_options_of_the_plugin_may_stand_in_another_section(read):
    text = "[keystone_auth]\nauth_section = account\ncafile = /ca.pem\n" + SECTION.replace(
        "keystone_auth", "account"
    )

    configuration = read(text, {})

    assert configuration.settings.cloud.auth.options["auth_url"] == "http://section/v3"
    assert configuration.settings.cloud.auth.cafile == "/ca.pem"
    assert configuration.warnings == ()


def test_a_password_may_come_from_the_environment(read):
    environ = {"OS_KEYSTONE_AUTH__PASSWORD": "correct horse"}

    auth = read(SECTION.replace("password = p\n", ""), environ).settings.cloud.auth

    assert auth.options["password"] == "correct horse"


def test_the_account_of_caso_1_needs_its_password(read):
    with pytest.raises(ConfigurationError, match="needs a password beside it"):
        read(EXTRACTOR.replace("password = p\n", ""), {})


def test_json_is_yaml(read, tmp_path):
    (tmp_path / "clouds.yaml").unlink()
    auth = {"auth_url": "http://json/v3", "username": "u", "password": "p", "user_domain_id": "d"}
    (tmp_path / "clouds.json").write_text(json.dumps({"clouds": {"x": {"auth": auth}}}))

    assert read("", {"OS_CLOUD": "x"}).settings.cloud.auth.options == auth
