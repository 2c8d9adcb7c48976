"""How the API is served, read from [api], [auth] and [keystone_authtoken]."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from keystoneauth1 import exceptions, loading

from usance.config.api_options import API, AUTHENTICATION, AUTHTOKEN
from usance.config.auth_plugins import plugin_loader, plugin_options
from usance.config.credentials import Credentials, checked, without_v2
from usance.config.entity_options import ENTITIES
from usance.config.rawfile import suggestion
from usance.config.reader import OptionReader
from usance.config.settings import ApiSettings, AuthSettings, EntitySettings, KeystoneSettings, Strategy
from usance.model.errors import ConfigurationError

_STRATEGIES: Final = {
    "private_key": Strategy.PRIVATE_KEY,
    "token": Strategy.PRIVATE_KEY,  # as Almanach writes it beside keystone
    "keystone": Strategy.KEYSTONE,
}
ALMANACHS_KEY: Final = "secret"
"""The private key that Almanach had if nobody chose one: everybody knows it."""

SHORTEST_KEY: Final = 16  # characters, that nobody is warned of
MAKE_A_KEY: Final = "write private_key = <key> into [auth], with a key that openssl rand -hex 32 makes"

Say = Callable[[str], None]


def read_api(reader: OptionReader, find: Callable[[], Credentials] | None, warn: Say) -> ApiSettings:
    """Return how the API is served.

    *find* tells the credentials for the cloud, whose Keystone validates tokens where
    [keystone_authtoken] names none; None: nothing is going to be served, and what only that needs
    may be missing. Raises ConfigurationError for what can't be used.
    """
    strategy = _strategy(reader)
    key = reader.text("private_key", AUTHENTICATION)
    if key is not None and not key.isprintable():
        raise ConfigurationError(
            f"{reader.place('private_key', AUTHENTICATION)} holds what no header can", hint=MAKE_A_KEY
        )
    return ApiSettings(
        bind_ip=str(reader.value("bind_ip", API)),
        bind_port=reader.value("bind_port", API),
        almanach_version=reader.value("almanach_version", API),
        entities=_entities(reader),
        tls_certificate=_path(reader, "tls_certificate"),
        tls_key=_path(reader, "tls_key"),
        trusted_proxies=_networks(reader, "trusted_proxies"),
        metrics_from=_networks(reader, "metrics_from"),
        rate_limit=reader.value("rate_limit", API),
        failure_limit=reader.value("failure_limit", API),
        max_body_bytes=reader.value("max_body", API),
        max_page=reader.value("max_page", API),
        timeout_s=reader.value("timeout", API),
        connections=reader.value("connections", API),
        ledger_threads=reader.value("ledger_threads", API),
        strategy=strategy,
        private_key=key if Strategy.PRIVATE_KEY in strategy else None,
        keystone=_keystone(reader, find, warn) if find and Strategy.KEYSTONE in strategy else None,
        token_cache_s=reader.value("token_cache", AUTHENTICATION),
        admin_roles=frozenset(reader.words("admin_roles", AUTHENTICATION)),
        reader_roles=frozenset(reader.words("reader_roles", AUTHENTICATION)),
        writer_roles=frozenset(reader.words("writer_roles", AUTHENTICATION)),
    )


def check_serving(settings: ApiSettings, warn: Say) -> None:
    """Refuse to serve in a way that lets in who should not be let in.

    *warn* is told what is only unwise. Raises ConfigurationError.
    """
    is_local = ipaddress.ip_address(settings.bind_ip).is_loopback
    if Strategy.PRIVATE_KEY in settings.strategy:
        _check_key(settings, warn, is_local=is_local)
    for path in (settings.tls_certificate, settings.tls_key):
        if path is not None and not path.is_file():
            raise ConfigurationError(
                f"[api]: there is no file {path}", hint="see tls_certificate and tls_key"
            )
    if settings.tls_key is not None and settings.tls_certificate is None:
        raise ConfigurationError("[api] tls_key is set, but tls_certificate is not")
    if settings.tls_certificate is None and not is_local:
        warn("tokens and keys travel unencrypted: set [api] tls_certificate, or serve behind a TLS proxy")


def _check_key(settings: ApiSettings, warn: Say, *, is_local: bool) -> None:
    key = settings.private_key
    if key is None:
        raise ConfigurationError("no private key is set, and the API lets nobody in without", hint=MAKE_A_KEY)
    if key == ALMANACHS_KEY:
        known = f"the private key is {ALMANACHS_KEY!r}, which everybody knows"
        if not is_local:
            raise ConfigurationError(
                f"{known}; the API is not served on {settings.bind_ip} with it", hint=MAKE_A_KEY
            )
        warn(f"{known}: anybody on this machine, or behind a proxy on it, may change everything")
    elif len(key) < SHORTEST_KEY:
        warn(f"the private key is shorter than {SHORTEST_KEY} characters: it could be guessed")


def _strategy(reader: OptionReader) -> Strategy:
    words = reader.words("strategy", AUTHENTICATION)
    strategy = Strategy(0)
    for word in words:
        if word.lower() not in _STRATEGIES:
            raise ConfigurationError(
                f"{reader.place('strategy', AUTHENTICATION)}: {word[:80]!r} is no strategy",
                hint=suggestion(word, _STRATEGIES) or "known are private_key and keystone",
            )
        strategy |= _STRATEGIES[word.lower()]
    if not strategy:
        raise ConfigurationError(
            f"{reader.place('strategy', AUTHENTICATION)} is empty", hint="write private_key or keystone"
        )
    return strategy


def _keystone(reader: OptionReader, find: Callable[[], Credentials], warn: Say) -> KeystoneSettings:
    """Return where tokens are validated, and with which account, if any."""
    url = reader.text("auth_url", AUTHTOKEN)
    if url is not None and not url.startswith(("http://", "https://")):
        raise ConfigurationError(
            f"{reader.place('auth_url', AUTHTOKEN)} = {url[:80]!r} should begin with http:// or https://"
        )
    auth_type = reader.text("auth_type", AUTHTOKEN)
    if auth_type is not None or reader.text("username", AUTHTOKEN) is not None:
        account = _account(reader, auth_type, warn)
        return _keystone_of(account, account)
    if url is not None:
        return _keystone_of(_session(reader, "none", {"auth_url": url}), None)
    try:
        return _keystone_of(find()[0], None)
    except ConfigurationError as error:
        error.add_note("[auth] strategy names keystone, and [keystone_authtoken] has no auth_url")
        raise


def _keystone_of(auth: AuthSettings, account: AuthSettings | None) -> KeystoneSettings:
    url = auth.options.get("auth_url")
    if url is None:
        raise ConfigurationError(
            f"{auth.origin} does not tell where Keystone is", hint=f"write auth_url into [{AUTHTOKEN}]"
        )
    return KeystoneSettings(url, account, auth.cafile, auth.certfile, auth.keyfile, auth.insecure)


def _session(reader: OptionReader, auth_type: str, options: dict[str, str]) -> AuthSettings:
    return AuthSettings(
        auth_type=auth_type,
        options=options,
        cafile=reader.text("cafile", AUTHTOKEN),
        certfile=reader.text("certfile", AUTHTOKEN),
        keyfile=reader.text("keyfile", AUTHTOKEN),
        insecure=reader.value("insecure", AUTHTOKEN),
        origin=f"[{AUTHTOKEN}]",
    )


def _account(reader: OptionReader, auth_type: str | None, warn: Say) -> AuthSettings:
    name = auth_type or "v3password"
    place = reader.place("username" if auth_type is None else "auth_type", AUTHTOKEN)
    if reader.text("auth_url", AUTHTOKEN) is None:
        raise ConfigurationError(f"[{AUTHTOKEN}] has no auth_url", hint="name the place of Keystone")
    try:
        options = plugin_options(name)
        loader: Any = plugin_loader(name)
    except exceptions.NoMatchingPlugin:
        raise ConfigurationError(
            f"{place}: keystoneauth has no plug-in {name!r}",
            hint=suggestion(name, loading.get_available_plugin_names()),
        ) from None
    reader.register_late(AUTHTOKEN, options)
    given = {
        option.dest: str(value)
        for option in loader.get_options()
        if (value := reader.value(option.dest, AUTHTOKEN)) is not None
    }
    if auth_type is None:
        given |= _almanachs_defaults(given)
    if auth_type is None and given["auth_url"].rstrip("/").endswith("/v2.0"):
        return checked(without_v2(_session(reader, "v2password", given), warn))
    return checked(_session(reader, name, given))


def _almanachs_defaults(given: dict[str, str]) -> dict[str, str]:
    """Return what Almanach 4.x took for an account where its file said nothing."""
    defaults: dict[str, str] = {}
    if not {"user_domain_id", "user_domain_name"} & given.keys():
        defaults["user_domain_id"] = "default"
    if not {"project_domain_id", "project_domain_name"} & given.keys():
        defaults["project_domain_name"] = "Default"
    if not {"project_id", "project_name"} & given.keys():
        defaults["project_name"] = "service"
    return defaults


def _entities(reader: OptionReader) -> EntitySettings:
    return EntitySettings(
        instance_metadata=tuple(reader.words("instance_metadata", ENTITIES)),
        instance_image_meta=tuple(reader.words("instance_image_meta", ENTITIES)),
        volume_threshold_s=reader.value("volume_existence_threshold", ENTITIES),
    )


def _path(reader: OptionReader, name: str) -> Path | None:
    text = reader.text(name, API)
    if text is not None and "\0" in text:
        raise ConfigurationError(f"{reader.place(name, API)} can't be a path")
    return None if text is None else Path(text).expanduser()


def _networks(reader: OptionReader, name: str) -> tuple[str, ...]:
    found = []
    for word in reader.words(name, API):
        try:
            found.append(str(ipaddress.ip_network(word, strict=False)))
        except ValueError:
            raise ConfigurationError(
                f"{reader.place(name, API)}: {word[:80]!r} is no address and no network",
                hint="write an address as 192.0.2.7, or a network as 192.0.2.0/24",
            ) from None
    return tuple(found)
