"""Several clouds in one configuration: each is read as if its section stood in the others."""

import pytest

from usance.config.load import Need, load_all, load_settings, read_configuration
from usance.config.settings import AuthSettings
from usance.model.errors import ConfigurationError

BASE = """\
[DEFAULT]
site_name = TEST-Site
messengers = ssm
projects = atlas
spooldir = /srv/caso
[keystone_auth]
auth_type = v3password
auth_url = https://keystone.test.org:5000/v3
username = accounting
user_domain_id = default
password = correct horse
"""
TWO = f"""{BASE}
[usance]
clouds = waw, bcn
[cloud_waw]
region_name = WAW
[cloud_bcn]
region_name = BCN
site_name = TEST-South
projects = biomed, cms
"""


@pytest.fixture
def read(tmp_path):
    def read_text(text, environ=None, only=(), need=Need.ALL, **overrides):
        path = tmp_path / "usance.conf"
        path.write_text(text)
        return read_configuration(
            [path], overrides, environ or {}, need=need, only=only, cwd=tmp_path, etc=tmp_path
        )

    return read_text


def refusal(read, text, **more):
    with pytest.raises(ConfigurationError) as caught:
        read(text, **more)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 400
    return message


def test_a_section_says_what_is_different_and_the_rest_is_shared(read):
    waw, bcn = read(TWO).clouds

    assert (waw.name, waw.cloud.cloud_id, waw.cloud.region_name) == ("waw", "waw", "WAW")
    assert (bcn.name, bcn.cloud.cloud_id, bcn.cloud.region_name) == ("bcn", "bcn", "BCN")
    assert (waw.records.site_name, bcn.records.site_name) == ("TEST-Site", "TEST-South")
    assert bcn.records.service_name == "TEST-South"
    assert (waw.projects.projects, bcn.projects.projects) == (("atlas",), ("biomed", "cms"))
    assert waw.cloud.auth.options == bcn.cloud.auth.options
    assert (waw.ledger_url, waw.lock_dir, waw.messengers) == (bcn.ledger_url, bcn.lock_dir, bcn.messengers)


def test_a_configuration_of_one_cloud_gives_one_and_needs_no_section(read, tmp_path):
    configuration = read(BASE)

    assert configuration.clouds == (configuration.settings,)
    assert configuration.settings.name is None
    assert configuration.settings.cloud.cloud_id == "default"
    assert str(configuration.settings.caso_spool_dir) == "/srv/caso"
    assert load_all([tmp_path / "usance.conf"], {}, {}) == (
        load_settings([tmp_path / "usance.conf"], {}, {}),
    )


def test_nothing_is_odd_about_options_in_the_sections_of_clouds(read):
    text = TWO + "insecure = true\nbenchmark.value-key = scope:value\nconcurrency = 2\ntrust-id = 1\n"

    assert read(text).findings == ()


def test_what_a_section_can_not_say_is_told_with_what_was_meant(read):
    text = TWO + "region = X\nledger_url = sqlite:////x\nbenchmark.valu_key = y\n[cloud_mad]\nprojects = x\n"

    told = [str(one) for one in read(text).warnings]

    assert len(told) == 4
    assert "there is no option 'region' in [cloud_bcn]" in told[0]
    assert "did you mean region_name?" in told[0]
    assert "'ledger_url' in [cloud_bcn]" in told[1]
    assert "did you mean benchmark.value_key?" in told[2]
    assert "there is no section [cloud_mad]" in told[3]


def test_each_cloud_may_have_its_own_account(read, tmp_path):
    (tmp_path / "clouds.yaml").write_text(
        "clouds:\n  mad:\n    region_name: MAD\n    auth:\n      auth_url: https://mad.test.org/v3\n"
        "      username: other\n      password: battery staple\n      user_domain_name: Users\n"
    )
    text = TWO.replace("waw, bcn", "waw, bcn, mad, par") + (
        "auth_url = https://bcn.test.org/v3\nuser_domain_name = Users\npassword = $$ecret\n"
        "cafile = /etc/ssl/bcn.pem\n[cloud_mad]\nos_cloud = mad\n"
        "[cloud_par]\nauth_section = paris\n"
        "[paris]\nauth_type = v3applicationcredential\nauth_url = https://par.test.org/v3\n"
        "application_credential_id = 1\napplication_credential_secret = s\n"
    )

    waw, bcn, mad, par = read(text).clouds

    assert waw.cloud.auth.options["user_domain_id"] == "default"
    assert bcn.cloud.auth.options == {
        "auth_url": "https://bcn.test.org/v3",
        "username": "accounting",  # of [keystone_auth]
        "user_domain_name": "Users",  # instead of its id there
        "password": "$ecret",
    }
    assert (waw.cloud.auth.cafile, bcn.cloud.auth.cafile) == (None, "/etc/ssl/bcn.pem")
    assert mad.cloud.auth.options["username"] == "other"
    assert mad.cloud.region_name == "MAD"
    assert par.cloud.auth.auth_type == "v3applicationcredential"
    assert par.cloud.auth.options["auth_url"] == "https://par.test.org/v3"


def test_an_account_of_a_cloud_comes_before_one_of_clouds_yaml_for_all(read, tmp_path):
    (tmp_path / "clouds.yaml").write_text(
        "clouds: {all: {auth: {auth_url: 'https://all.test.org/v3', username: u, password: p, "
        "user_domain_id: d}}}"
    )
    text = TWO.replace("[usance]\n", "[usance]\nos_cloud = all\n") + ("auth_url = https://bcn.test.org/v3\n")

    waw, bcn = read(text).clouds

    assert waw.cloud.auth.options["auth_url"] == "https://all.test.org/v3"
    assert bcn.cloud.auth.options["auth_url"] == "https://bcn.test.org/v3"


def test_a_section_refines_an_account_that_stands_in_a_section_of_its_own(read):
    text = TWO.replace("[keystone_auth]\n", "[keystone_auth]\nauth_section = account\n[account]\n")

    waw, bcn = read(text + "username = southern\n").clouds

    assert (waw.cloud.auth.options["username"], bcn.cloud.auth.options["username"]) == (
        "accounting",
        "southern",
    )


def test_the_command_line_comes_before_variables_before_sections(read):
    environ = {"OS_CLOUD_BCN__PASSWORD": "from outside", "OS_CLOUD_BCN__SITE_NAME": "VARIABLE"}

    waw, bcn = read(TWO, environ, projects=["line"]).clouds

    assert waw.projects.projects == bcn.projects.projects == ("line",)
    assert (waw.records.site_name, bcn.records.site_name) == ("TEST-Site", "VARIABLE")
    assert bcn.cloud.auth.options["password"] == "from outside"
    assert waw.cloud.auth.options["password"] == "correct horse"


def test_only_the_clouds_that_are_asked_for_are_given(read):
    assert [one.name for one in read(TWO, only=["bcn"]).clouds] == ["bcn"]
    assert "did you mean bcn?" in refusal(read, TWO, only=["bcm"])
    assert read(BASE, only=["default"]).settings.name is None
    assert "no cloud 'waw'" in refusal(read, BASE, only=["waw"])


def test_where_only_the_ledger_is_read_no_account_is_needed(read):
    text = TWO.replace("auth_type = v3password\n", "")

    assert [one.name for one in read(text, need=Need.NOTHING).clouds] == ["waw", "bcn"]


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ("waw, bcn", "waw, bnc", ["names bnc", "no section [cloud_bnc]", "did you mean bcn?"]),
        ("waw, bcn", "waw, b n", ["'b n' is no name for a cloud"]),
        ("clouds = waw, bcn", "", ["none counts", "write clouds = waw, bcn into [usance]"]),
        ("= BCN", "= WAW", ["[cloud_waw] and [cloud_bcn] are the same region, WAW", "accounted twice"]),
        ("region_name = BCN\n", "", ["the same Keystone", "[cloud_bcn] has no region_name"]),
        ("= BCN", "= BCN\ncloud_id = waw", ["have the same cloud_id, 'waw'"]),
        ("= BCN", "= BCN\nconcurrency = many", ["[cloud_bcn] concurrency = 'many' should be a whole number"]),
        ("= BCN", "= BCN\nos_cloud = x\nusername = y", ["[cloud_bcn] username and os_cloud both say who we"]),
        ("= BCN", "= BCN\nos_cloud = x", ["[cloud_bcn] os_cloud = x, but there is no clouds.yaml"]),
        ("= BCN", "= BCN\nauth_type = v3pasword", ["[cloud_bcn] auth_type", "did you mean v3password?"]),
    ],
)
def test_a_mistake_in_a_section_is_one_sentence_with_its_place(read, old, new, parts):
    assert old in TWO

    message = refusal(read, TWO.replace(old, new))

    for part in parts:
        assert part in message


@pytest.mark.parametrize(
    "url",
    [
        "https://KEYSTONE.test.org:5000",
        "https://keystone.test.org:5000/v3/",
        "https://keystone.test.org:5000/",
    ],
)
def test_one_keystone_is_known_by_any_spelling_of_its_url(read, url):
    assert "the same region" in refusal(read, TWO.replace("= BCN", f"= WAW\nauth_url = {url}"))


def test_regions_of_one_name_in_two_keystones_are_two_clouds(read):
    text = TWO.replace("= BCN", "= WAW\nauth_url = https://bcn.test.org/v3")

    assert {one.cloud.cloud_id for one in read(text).clouds} == {"waw", "bcn"}


def test_what_caso_left_belongs_to_its_region_or_to_the_first_cloud(read):
    def spools(text):
        return {one.name: one.caso_spool_dir and str(one.caso_spool_dir) for one in read(text).clouds}

    assert spools(TWO) == {"waw": "/srv/caso", "bcn": None}
    at_bcn = TWO.replace("[DEFAULT]\n", "[DEFAULT]\nregion_name = BCN\n")
    assert spools(at_bcn) == {"waw": None, "bcn": "/srv/caso"}
    assert spools(TWO + "caso_spooldir = /srv/bcn\n") == {"waw": "/srv/caso", "bcn": "/srv/bcn"}


def test_secrets_of_a_section_are_not_shown(read):
    configuration = read(TWO + "password = battery staple\n")

    assert "battery" not in repr(configuration.clouds)
    assert isinstance(configuration.clouds[1].cloud.auth, AuthSettings)
