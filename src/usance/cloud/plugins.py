"""The operator's keystoneauth plug-in, made for one scope at a time."""

from __future__ import annotations

from typing import Any

import msgspec
from keystoneauth1 import exceptions, loading
from keystoneauth1.identity.base import BaseIdentityPlugin

from usance.config.auth_plugins import plugin_loader
from usance.config.settings import AuthSettings
from usance.http.errors import one_line
from usance.model.errors import ConfigurationError

SCOPE_OPTIONS = frozenset(
    {
        "system_scope",
        "domain_id",
        "domain_name",
        "project_id",
        "project_name",
        "project_domain_id",
        "project_domain_name",
        "tenant_id",
        "tenant_name",
        "trust_id",
    }
)
"""The options of a plug-in that say what its token is for, not who asks."""


_OLD_NAMES = {"tenant_id": "project_id", "tenant_name": "project_name", "user_name": "username"}
"""Names from the days of Keystone v2, which the plug-ins of v3 do not all declare."""


class TokenScope(msgspec.Struct, frozen=True):
    """What a token is for.

    *kind* is "configured" (whatever the operator's options say), "unscoped", "system", "domain"
    or "project"; the last two name an id.
    """

    kind: str
    id: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.id}".strip()


CONFIGURED = TokenScope("configured")
UNSCOPED = TokenScope("unscoped")
SYSTEM = TokenScope("system")


def project_scope(project_id: str) -> TokenScope:
    """Return the scope of a project."""
    return TokenScope("project", project_id)


def domain_scope(domain_id: str) -> TokenScope:
    """Return the scope of a domain."""
    return TokenScope("domain", domain_id)


class PluginFactory:
    """Makes plug-ins of the configured type. Raises ConfigurationError if the options do not fit it."""

    def __init__(self, settings: AuthSettings) -> None:
        self.settings = settings
        try:
            self._loader = plugin_loader(settings.auth_type)
            declared = self._loader.get_options()
        except (exceptions.NoMatchingPlugin, ImportError) as error:
            known = ", ".join(sorted(loading.get_available_plugin_names()))
            raise ConfigurationError(
                f"{self._origin}: there is no authentication plug-in {settings.auth_type!r}",
                hint=f"auth_type is one of {known}",
            ) from error
        self._known = {option.dest for option in declared}
        aliases = {old: new for old, new in _OLD_NAMES.items() if new in self._known}
        aliases |= {old.dest: option.dest for option in declared for old in option.deprecated}
        self._options = {
            aliases.get(name, name): value
            for name, value in settings.options.items()
            if value and (name in self._known or name in aliases)
        }
        self.make(CONFIGURED)  # to find mistakes before anything is asked

    @property
    def _origin(self) -> str:
        return self.settings.origin or "authentication"

    @property
    def auth_url(self) -> str | None:
        """Keystone's address, where the plug-in has one."""
        return self._options.get("auth_url")

    @property
    def account(self) -> str:
        """What the operator calls the account, for messages."""
        for name in ("username", "user_id", "application_credential_name", "application_credential_id"):
            if self._options.get(name):
                return one_line(self._options[name])
        return self.settings.auth_type

    @property
    def is_fixed(self) -> bool:
        """Whether Keystone gives this account tokens for one scope only.

        Application credentials and trusts belong to one project and can't ask for another.
        """
        return any(
            self._options.get(name)
            for name in ("application_credential_id", "application_credential_name", "trust_id")
        )

    def make(self, scope: TokenScope) -> BaseIdentityPlugin:
        """Return a plug-in that asks for tokens of the scope."""
        options: dict[str, Any] = dict(self._options)
        if scope != CONFIGURED:
            options = {name: value for name, value in options.items() if name not in SCOPE_OPTIONS}
        if scope.kind == "project":
            options["project_id" if "project_id" in self._known else "tenant_id"] = scope.id
        elif scope.kind == "domain":
            options["domain_id"] = scope.id
        elif scope.kind == "system":
            options["system_scope"] = "all"
        try:
            plugin = self._loader.load_from_options(**options)
        except exceptions.MissingRequiredOptions as error:
            missing = ", ".join(option.dest for option in error.options)
            raise ConfigurationError(
                f"{self._origin}: {self.settings.auth_type} needs {missing}",
                hint="set these options, or their OS_ variables",
            ) from error
        except (exceptions.OptionError, TypeError, ValueError) as error:
            raise ConfigurationError(
                f"{self._origin}: the options do not fit {self.settings.auth_type}: {one_line(str(error))}"
            ) from error
        if not isinstance(plugin, BaseIdentityPlugin):
            raise ConfigurationError(
                f"{self._origin}: {self.settings.auth_type} gives no Keystone token and no catalog",
                hint="use a plug-in such as v3password or v3applicationcredential",
            )
        return plugin
