"""How the API is served and whom it lets in, read from a file."""

from pathlib import Path

import msgspec
import pytest

from usance.config.load import Configuration, Need, read_configuration
from usance.config.serving import check_serving
from usance.config.settings import ApiSettings, Strategy
from usance.model.errors import ConfigurationError, UsanceError

KEY = "0123456789abcdef"
HERE = Path(__file__).parent
ACCOUNT = (
    "[keystone_authtoken]\nauth_url = https://k.example.org/v3\nusername = u\npassword = correct-horse\n"
)
CLOUD = (
    "[keystone_auth]\nauth_type = v3password\nauth_url = https://k.example.org:5000/v3\nusername = a\n"
    "password = correct-horse\nuser_domain_id = default\ncafile = /etc/ca.pem\n"
)


@pytest.fixture
def read(tmp_path):
    """Read a file with this text."""

    def from_text(text: str, need: Need = Need.API, **environ: str) -> Configuration:
        path = tmp_path / "usance.conf"
        path.write_text(text)
        return read_configuration([path], {}, environ, need=need, cwd=tmp_path, etc=tmp_path)

    return from_text


def test_without_a_word_it_listens_on_loopback_and_asks_for_a_key(read):
    api = read("").settings.api

    assert (api.bind_ip, api.bind_port, api.strategy) == ("127.0.0.1", 8000, Strategy.PRIVATE_KEY)
    assert api.private_key is None
    with pytest.raises(ConfigurationError, match="no private key is set"):
        check_serving(api, lambda _: None)


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("private_key", Strategy.PRIVATE_KEY),
        ("token", Strategy.PRIVATE_KEY),
        ("keystone", Strategy.KEYSTONE),
        ("token,keystone", Strategy.PRIVATE_KEY | Strategy.KEYSTONE),
        ("private_key, keystone", Strategy.PRIVATE_KEY | Strategy.KEYSTONE),
    ],
)
def test_strategies_are_those_of_almanach(read, words, meant):
    assert read(f"[auth]\nstrategy = {words}\n{ACCOUNT}").settings.api.strategy == meant


def test_an_account_validates_tokens_with_almanachs_defaults(read):
    keystone = read(f"[auth]\nstrategy = keystone\n{ACCOUNT}").settings.api.keystone

    assert keystone.url == "https://k.example.org/v3"
    assert keystone.account.options == {
        "auth_url": "https://k.example.org/v3",
        "username": "u",
        "password": "correct-horse",
        "user_domain_id": "default",
        "project_name": "service",
        "project_domain_name": "Default",
    }


def test_an_account_may_be_of_any_plug_in_as_other_services_have_it(read):
    text = (
        "[auth]\nstrategy = keystone\n[keystone_authtoken]\nauth_type = v3applicationcredential\n"
        "auth_url = https://k.example.org/v3\napplication_credential_id = i\n"
        "application_credential_secret = correct-horse\nmemcached_servers = localhost:11211\n"
    )

    configuration = read(text)

    account = configuration.settings.api.keystone.account
    assert account.auth_type == "v3applicationcredential"
    assert set(account.options) == {"auth_url", "application_credential_id", "application_credential_secret"}
    assert [str(one) for one in configuration.warnings] == []


def test_without_an_account_tokens_validate_themselves_where_the_cloud_is(read):
    keystone = read(f"[auth]\nstrategy = keystone\n{CLOUD}").settings.api.keystone

    assert keystone.account is None
    assert (keystone.url, keystone.cafile) == ("https://k.example.org:5000/v3", "/etc/ca.pem")


def test_what_only_the_api_needs_may_be_missing_elsewhere(read):
    api = read("[auth]\nstrategy = keystone\n", need=Need.NOTHING).settings.api

    assert api.keystone is None


def test_keys_and_passwords_show_nowhere(read):
    settings = read(f"[auth]\nstrategy = token,keystone\nprivate_key = {KEY}\n{ACCOUNT}").settings

    assert KEY not in repr(settings)
    assert "horse" not in repr(settings)


def test_roles_and_networks_are_the_operators(read):
    api = read(
        "[auth]\nadmin_roles = admin, boss\nreader_roles =\nwriter_roles = w\n"
        "[api]\ntrusted_proxies = 192.0.2.1, 2001:db8::/32\nmetrics_from =\n"
    ).settings.api

    assert (api.admin_roles, api.reader_roles, api.writer_roles) == ({"admin", "boss"}, set(), {"w"})
    assert api.trusted_proxies == ("192.0.2.1/32", "2001:db8::/32")
    assert api.metrics_from == ()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[auth]\nstrategy = ldap\n", "'ldap' is no strategy"),
        ("[auth]\nstrategy =\n", "is empty"),
        ("[auth]\nprivate_key = correct-horse\x07\n", "holds what no header can"),
        ("[api]\nbind_ip = 300.0.0.1\n", "should be an IP address"),
        ("[api]\nbind_port = 70000\n", "should be a whole number from 0 to 65535"),
        ("[api]\nalmanach_version = 5\n", "should be a whole number from 3 to 4"),
        ("[api]\ntrusted_proxies = *\n", "no address and no network"),
        ("[auth]\nstrategy = keystone\n", "there are no credentials"),
        (f"[auth]\nstrategy = keystone\n{ACCOUNT.replace('https://', '')}", "should begin with http"),
        ("[auth]\nstrategy = keystone\n[keystone_authtoken]\nusername = u\n", "has no auth_url"),
        (f"[auth]\nstrategy = keystone\n{ACCOUNT}auth_type = v3passwort\n", "has no plug-in 'v3passwort'"),
    ],
)
def test_mistakes_are_one_sentence_that_holds_no_secret(read, text, sentence):
    with pytest.raises(UsanceError) as caught:
        read(text)

    assert sentence in str(caught.value)
    assert "horse" not in str(caught.value)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"private_key": KEY}, []),
        ({"private_key": "short"}, ["shorter than 16 characters"]),
        ({"private_key": "secret"}, ["everybody knows"]),
        ({"private_key": KEY, "bind_ip": "192.0.2.1"}, ["unencrypted"]),
        ({"strategy": Strategy.KEYSTONE}, []),
    ],
)
def test_what_is_unwise_is_said(changed, said):
    heard: list[str] = []

    check_serving(msgspec.structs.replace(ApiSettings(), **changed), heard.append)

    assert len(heard) == len(said)
    assert all(one in sentence for one, sentence in zip(said, heard, strict=True))


@pytest.mark.parametrize("address", ["192.0.2.1", "::", "0.0.0.0"])  # noqa: S104  # what is refused
def test_a_key_that_everybody_knows_is_for_loopback_only(address):
    with pytest.raises(ConfigurationError, match="everybody knows"):
        check_serving(ApiSettings(private_key="secret", bind_ip=address), lambda _: None)
