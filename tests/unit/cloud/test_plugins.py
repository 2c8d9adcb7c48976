"""The operator's plug-in and its scopes."""

import pytest

from usance.cloud.plugins import CONFIGURED, SYSTEM, UNSCOPED, PluginFactory, domain_scope, project_scope
from usance.config.settings import AuthSettings
from usance.model.errors import ConfigurationError

PASSWORD = {"auth_url": "https://k/v3", "username": "caso", "password": "x", "user_domain_id": "default"}


def factory(auth_type: str = "v3password", **options: str) -> PluginFactory:
    return PluginFactory(AuthSettings(auth_type, PASSWORD | options, origin="[keystone_auth] of caso.conf"))


@pytest.mark.parametrize("auth_type", ["password", "v3password"])
def test_scope_is_taken_in_place_of_the_configured_one(auth_type):
    made = factory(auth_type, project_name="own", project_domain_id="default")

    scopes = {
        scope: made.make(scope)
        for scope in (CONFIGURED, UNSCOPED, SYSTEM, project_scope("p"), domain_scope("d"))
    }

    if auth_type == "v3password":
        assert scopes[CONFIGURED].project_name == "own"
        assert scopes[project_scope("p")].project_id == "p"
        assert scopes[project_scope("p")].project_name is None
        assert scopes[domain_scope("d")].domain_id == "d"
        assert scopes[SYSTEM].system_scope == "all"
        assert scopes[UNSCOPED].project_name is scopes[UNSCOPED].system_scope is None


def test_aliases_of_options_are_understood():
    made = PluginFactory(
        AuthSettings(
            "v3password",
            {**PASSWORD, "tenant_name": "own", "project_domain_id": "default"}
            | {"username": "", "user_name": "caso"},
        )
    )

    assert made.account == "caso"
    assert made.make(CONFIGURED).project_name == "own"


@pytest.mark.parametrize(
    ("auth_type", "options", "sentence"),
    [
        ("v9password", {}, "there is no authentication plug-in 'v9password'"),
        ("v3applicationcredential", {"auth_url": "https://k/v3"}, "an application credential ID"),
        ("v3password", {"auth_url": "https://k/v3", "username": "caso"}, "user_domain_id"),
        ("v3password", {"user_id": "caso"}, "v3password needs auth_url"),
        ("none", {"endpoint": "https://n"}, "gives no Keystone token"),
    ],
)
def test_mistakes_are_told_before_anything_is_asked(auth_type, options, sentence):
    with pytest.raises(ConfigurationError, match=sentence):
        PluginFactory(AuthSettings(auth_type, options, origin="[keystone_auth] of caso.conf"))


def test_application_credential_belongs_to_one_scope():
    options = {"auth_url": "https://k/v3", "application_credential_id": "i"}
    made = PluginFactory(
        AuthSettings("v3applicationcredential", options | {"application_credential_secret": "s"})
    )

    assert made.is_fixed
    assert not factory().is_fixed
