"""Who we are to Keystone: from the configuration of any cASO, from clouds.yaml, or from OS_*."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from keystoneauth1 import exceptions, loading

from usance.config.auth_plugins import plugin_loader, plugin_options
from usance.config.clouds_yaml import cloud_from_yaml, settings_from_cloud
from usance.config.options import AUTH, DEFAULT, OLD_ACCOUNT, SESSION_OPTIONS, USANCE
from usance.config.rawfile import suggestion
from usance.config.reader import OptionReader
from usance.config.settings import AuthSettings
from usance.model.errors import ConfigurationError

_V3_FOR_V2: Final = {"v2password": "v3password", "v2token": "v3token"}
_V2_SCOPES: Final = ("tenant_id", "tenant_name", "trust_id")
_TRUE: Final = {"1", "true", "yes", "on"}

NOTHING: Final = AuthSettings(auth_type="none", options={}, origin="nothing: this command asks no cloud")

Credentials = tuple[AuthSettings, str | None, str | None]
"""How to authenticate; the region and the interface that came with it, if any."""


def find_credentials(reader: OptionReader, warn: Callable[[str], None], cwd: Path, etc: Path) -> Credentials:
    """Return the first credentials that there are, checked as far as that goes without a cloud.

    In this order: os_cloud with clouds.yaml, [keystone_auth] with an auth_type, [extractor] of
    cASO 1.x, OS_CLOUD with clouds.yaml, the OS_* variables. Raises ConfigurationError if there are
    none, or if they are incomplete. *warn* is told what was translated.
    """
    environ = reader.environ
    region: str | None = None
    interface: str | None = None
    named = reader.text("os_cloud", USANCE)
    if named:
        place = reader.place("os_cloud", USANCE)
        auth, region, interface = _from_yaml(named, f"{place} = {named}", environ, cwd, etc)
    elif _section_is_meant(reader):
        auth = _from_section(reader)
    elif reader.is_written("endpoint", OLD_ACCOUNT):
        auth = _from_extractor(reader, warn)
    elif environ.get("OS_CLOUD"):
        name = environ["OS_CLOUD"]
        auth, region, interface = _from_yaml(name, f"OS_CLOUD={name}", environ, cwd, etc)
        region = environ.get("OS_REGION_NAME") or region
    elif environ.get("OS_AUTH_URL"):
        auth = _from_variables(environ)
        region = environ.get("OS_REGION_NAME") or None
        interface = environ.get("OS_INTERFACE") or environ.get("OS_ENDPOINT_TYPE") or None
    else:
        raise ConfigurationError(
            "there are no credentials for the cloud",
            hint="write auth_type, auth_url, username and password into [keystone_auth], or set OS_CLOUD",
        )
    auth = without_v2(auth, warn)
    return checked(auth), region, _interface(interface)


def _from_yaml(name: str, wanted: str, environ: Mapping[str, str], cwd: Path, etc: Path) -> Credentials:
    entry = cloud_from_yaml(name, environ, cwd, etc, wanted=wanted)
    auth = settings_from_cloud(entry, str(entry["origin"]))
    return auth, _word(entry.get("region_name")), _word(entry.get("interface"))


def _section_is_meant(reader: OptionReader) -> bool:
    if reader.text("auth_type", AUTH) or reader.text("auth_section", AUTH):
        return True
    url = reader.raw.find(AUTH, "auth_url")
    if url or reader.is_given("auth_url", AUTH):
        place = f"{reader.raw.sections[AUTH]}: [{AUTH}]" if url else "the section of the cloud"
        raise ConfigurationError(
            f"{place} has an auth_url but no auth_type", hint="add auth_type = v3password"
        )
    return False


def _from_section(reader: OptionReader) -> AuthSettings:
    group = reader.text("auth_section", AUTH) or AUTH
    if group != AUTH:
        if group in reader.options(DEFAULT):
            raise ConfigurationError(
                f"{reader.place('auth_section', AUTH)}: a section can't be named [{group}]"
            )
        reader.register_late(group, [reader.option("auth_type", AUTH), *SESSION_OPTIONS])
    auth_type = reader.text("auth_type", group)
    if auth_type is None:
        raise ConfigurationError(f"[{group}] has no auth_type", hint="add auth_type = v3password")
    loader = _loader(auth_type, reader.place("auth_type", group))
    reader.register_late(group, plugin_options(auth_type))
    given = {option.dest: reader.value(option.dest, group) for option in loader.get_options()}
    return AuthSettings(
        auth_type=auth_type,
        options={name: str(value) for name, value in given.items() if value is not None},
        # The session's options stand in [keystone_auth] even if those of the plug-in stand elsewhere.
        cafile=reader.text("cafile", AUTH),
        certfile=reader.text("certfile", AUTH),
        keyfile=reader.text("keyfile", AUTH),
        insecure=reader.value("insecure", AUTH),
        origin=reader.place("auth_type", group).removesuffix(" auth_type"),
    )


def _from_extractor(reader: OptionReader, warn: Callable[[str], None]) -> AuthSettings:
    place = reader.place("endpoint", OLD_ACCOUNT)
    password = reader.value("password", OLD_ACCOUNT)  # with any space around it, as it was written
    if not password:
        raise ConfigurationError(f"{place} needs a password beside it", hint="add password to [extractor]")
    warn(
        f"{place}: user, password and endpoint of [extractor] are used as an account of the domain "
        "'default'; [keystone_auth] says it in full"
    )
    return AuthSettings(
        auth_type="v3password",
        options={
            "auth_url": _v3_url(str(reader.text("endpoint", OLD_ACCOUNT)), warn, place),
            "username": str(reader.text("user", OLD_ACCOUNT)),
            "password": password,
            "user_domain_id": "default",
        },
        insecure=reader.value("insecure", OLD_ACCOUNT),
        origin=place.removesuffix(" endpoint"),
    )


def _from_variables(environ: Mapping[str, str]) -> AuthSettings:
    auth_type = environ.get("OS_AUTH_TYPE") or _guess(environ)
    loader = _loader(auth_type, "OS_AUTH_TYPE")
    options: dict[str, str] = {}
    for option in loader.get_options():
        for name in (option.dest, *(old.dest for old in option.deprecated)):
            value = environ.get(f"OS_{name.upper()}")
            if value:
                options.setdefault(option.dest, value)
    return AuthSettings(
        auth_type=auth_type,
        options=options,
        cafile=environ.get("OS_CACERT") or None,
        certfile=environ.get("OS_CERT") or None,
        keyfile=environ.get("OS_KEY") or None,
        insecure=environ.get("OS_INSECURE", "").lower() in _TRUE,
        origin="the OS_* variables",
    )


def _guess(environ: Mapping[str, str]) -> str:
    if environ.get("OS_APPLICATION_CREDENTIAL_SECRET"):
        return "v3applicationcredential"
    return "token" if environ.get("OS_TOKEN") and not environ.get("OS_PASSWORD") else "password"


def without_v2(auth: AuthSettings, warn: Callable[[str], None]) -> AuthSettings:
    """Translate credentials for version 2 of Keystone's API, which no cloud has any more."""
    if auth.auth_type not in _V3_FOR_V2:
        return auth
    auth_type = _V3_FOR_V2[auth.auth_type]
    warn(f"{auth.origin}: {auth.auth_type} is used as {auth_type}, with the domain 'default'")
    options = {name: value for name, value in auth.options.items() if name not in _V2_SCOPES}
    options["auth_url"] = _v3_url(options.get("auth_url", ""), warn, auth.origin)
    if auth_type == "v3password" and "user_id" not in options:
        options["user_domain_id"] = "default"
    return msgspec.structs.replace(auth, auth_type=auth_type, options=options)


def _v3_url(url: str, warn: Callable[[str], None], place: str) -> str:
    stem = url.rstrip("/")
    if not stem.endswith("/v2.0"):
        return url
    warn(f"{place}: {url} names version 2.0 of Keystone's API; version 3 is used")
    return stem.removesuffix("/v2.0") + "/v3"


def _loader(auth_type: str, place: str) -> Any:
    try:
        return plugin_loader(auth_type)
    except exceptions.NoMatchingPlugin:
        raise ConfigurationError(
            f"{place}: keystoneauth has no plug-in {auth_type!r}",
            hint=suggestion(auth_type, loading.get_available_plugin_names()) or "v3password is the usual one",
        ) from None


def checked(auth: AuthSettings) -> AuthSettings:
    """Return the credentials with the options that the plug-in knows, under its names.

    Raises ConfigurationError if it finds them incomplete; nothing is sent.
    """
    loader = _loader(auth.auth_type, auth.origin)
    options = {
        option.dest: auth.options[name]
        for option in loader.get_options()
        for name in (*(old.dest for old in option.deprecated), option.dest)
        if auth.options.get(name)
    }
    url = options.get("auth_url", "")
    if url and not url.startswith(("http://", "https://")):
        raise ConfigurationError(
            f"{auth.origin}: auth_url = {url[:80]!r} should begin with http:// or https://"
        )
    try:
        loader.load_from_options(**options)
    except exceptions.MissingRequiredOptions as error:
        missing = ", ".join(option.dest for option in error.options)
        raise ConfigurationError(f"{auth.origin}: {auth.auth_type} needs {missing}") from None
    except exceptions.ClientException as error:
        # These errors tell which options go together, and show no values.
        raise ConfigurationError(f"{auth.origin}: {auth.auth_type}: {error}") from None
    return msgspec.structs.replace(auth, options=options)


def _interface(word: str | None) -> str | None:
    return word.removesuffix("URL") if word else None


def _word(value: Any) -> str | None:
    return str(value) if value else None
