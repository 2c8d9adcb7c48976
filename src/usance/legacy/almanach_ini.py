"""Almanach's configuration of the generation 3.x: an INI file and the environment, translated to ours."""

from __future__ import annotations

import configparser
import ipaddress
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from usance.config.almanach_options import BINDING, MONGO, RETRY
from usance.config.options import OWN_GROUPS
from usance.config.rawfile import suggestion
from usance.config.reader import Given
from usance.model.errors import ConfigurationError

SPOOL: Final = "/var/spool/usance"
"""Where the ledger is if neither the file nor the environment says so."""

LEDGER_VARIABLE: Final = "USANCE_LEDGER_URL"

_LARGEST: Final = 1 << 20  # bytes

_TODAY: Final[dict[str, dict[str, str]]] = {
    "ALMANACH": {
        "auth_token": "auth.private_key",
        "auth_strategy": "auth.strategy",
        "volume_existence_threshold": "entities.volume_existence_threshold",
        "device_metadata_whitelist": "entities.instance_metadata",
    },
    "MONGODB": {},
    "RABBITMQ": {"url": "collector.transport_url", "queue": "collector.queues"},
    "KEYSTONE": {
        "username": "keystone_authtoken.username",
        "password": "keystone_authtoken.password",
        "tenant_name": "keystone_authtoken.project_name",
        "auth_url": "keystone_authtoken.auth_url",
    },
}
"""What an option is called today: in `[group] option`."""

_GONE: Final[dict[str, dict[str, str]]] = {
    "ALMANACH": {},
    "MONGODB": dict.fromkeys(("url", "database", "indexes"), MONGO),
    "RABBITMQ": {
        "exchange": "it had no effect in Almanach either",
        "routing.key": BINDING,
        "retry.return.exchange": BINDING,
        **dict.fromkeys(
            (
                "retry.time.to.live",
                "retry.exchange",
                "retry.maximum",
                "retry.queue",
                "dead.queue",
                "dead.exchange",
            ),
            RETRY,
        ),
    },
    "KEYSTONE": {},
}
"""What has no effect any more, and why."""


class AlmanachFile(msgspec.Struct, frozen=True):
    """What a file of Almanach 3.x, and the environment, say."""

    overrides: dict[str, Any]  # by "group.option" of ours
    gone: tuple[str, ...]  # sentences about options without effect
    unknown: tuple[str, ...]  # sentences about names that mean nothing


def known_of_3() -> dict[str, tuple[str, ...]]:
    """Return the options that Almanach 3.x read, by section."""
    return {section: (*_TODAY[section], *_GONE[section]) for section in _TODAY}


def became_of_3() -> Iterator[tuple[str, str, str, str]]:
    """Yield each option of 3.x: its section and name, what it is called today, or why it is not needed."""
    for section, names in known_of_3().items():
        for name in names:
            yield section, name, _TODAY[section].get(name, ""), _GONE[section].get(name, "")


def read_ini(path: Path, environ: Mapping[str, str]) -> AlmanachFile:
    """Read a file of Almanach 3.x; sections of ours ([usance], [collector] ...) may stand beside its own.

    As there, a variable `SECTION_OPTION` that is not empty comes before the file. Raises
    ConfigurationError for what can't be read.
    """
    parser = _parsed(path)
    overrides: dict[str, Any] = {"api.almanach_version": 3}
    gone: dict[str, list[str]] = {}
    for section, names in known_of_3().items():
        for name in names:
            value, place = _value(parser, environ, section, name)
            if value is None:
                continue
            if name in _GONE[section]:
                gone.setdefault(_GONE[section][name], []).append(place)
            elif value:
                overrides[_TODAY[section][name]] = Given(value, place)
    _translate(overrides)
    unknown = list(_strange(parser, path))
    overrides |= _own(parser, environ)
    overrides |= ledger_overrides(
        environ,
        is_written=bool({"usance.ledger_url", "spooldir"} & overrides.keys()),
    )
    said = (f"{', '.join(places)}: {reason}" for reason, places in gone.items())
    return AlmanachFile(overrides, tuple(said), tuple(unknown))


def ledger_overrides(environ: Mapping[str, str], *, is_written: bool) -> dict[str, Any]:
    """Return where the ledger of an Almanach is, if its files don't say so."""
    url = environ.get(LEDGER_VARIABLE, "").strip()
    if url:
        return {"usance.ledger_url": url}
    return {} if is_written else {"spooldir": SPOOL}


def bind_overrides(host: str, port: int) -> dict[str, Any]:
    """Return where the API listens; a name is looked up, as Almanach's server did.

    Raises ConfigurationError if it is no address of anything.
    """
    try:
        address = str(ipaddress.ip_address(host))
    except ValueError:
        try:
            address = str(socket.getaddrinfo(host, None, socket.AF_INET, socket.SOCK_STREAM)[0][4][0])
        except (OSError, UnicodeError) as error:
            raise ConfigurationError(f"--host {host[:80]!r} is no address: {error}") from None
    return {"api.bind_ip": address, "api.bind_port": port}


def _parsed(path: Path) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(strict=False)  # as Python 2's: what comes last counts
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
        if len(content) > _LARGEST:
            raise ConfigurationError(f"{path} is larger than 1 MiB: it is no configuration")
        parser.read_string(content.decode("utf-8"), str(path))
    except OSError as error:
        raise ConfigurationError(f"Config file '{path}' not found: {error.strerror}") from error
    except (configparser.Error, UnicodeDecodeError) as error:
        # The message of some of these errors quotes the line, which may hold a password.
        raise ConfigurationError(
            f"{path} can't be read as a configuration: {type(error).__name__}",
            hint="it has sections as [ALMANACH], and lines as auth_token=...",
        ) from None
    return parser


def _value(
    parser: configparser.RawConfigParser, environ: Mapping[str, str], section: str, name: str
) -> tuple[str | None, str]:
    variable = f"{section}_{name.upper()}"
    if environ.get(variable):
        return environ[variable].strip(), f"the environment variable {variable}"
    if parser.has_option(section, name):
        return (parser.get(section, name) or "").strip(), f"[{section}] {name}"
    return None, ""


def _translate(overrides: dict[str, Any]) -> None:
    """Say in our words what has other values there."""
    strategy: Given | None = overrides.get("auth.strategy")
    if strategy is not None:
        overrides["auth.strategy"] = Given(strategy_of(strategy.value or ""), strategy.origin)
    if "collector.queues" in overrides:
        # As Almanach made its queue, and as services that send to it make theirs.
        overrides["collector.durable"] = "false"


def strategy_of(word: str) -> str:
    """Return what Almanach took a strategy for: it looked for two words, and else meant the private key."""
    if word == "keystone":
        return word
    return "private_key,keystone" if "token" in word and "keystone" in word else "private_key"


def _own(parser: configparser.RawConfigParser, environ: Mapping[str, str]) -> dict[str, Any]:
    """Return what stands in sections of ours; the environment comes before it."""
    return {
        name if section == "DEFAULT" else f"{section}.{name}": Given(value, f"[{section}] {name}")
        for section in (*parser.sections(), "DEFAULT")
        if section in OWN_GROUPS
        for name, value in _items(parser, section)
        if name in _names(section) and f"OS_{section.upper()}__{name.upper()}" not in environ
    }


def _strange(parser: configparser.RawConfigParser, path: Path) -> Iterator[str]:
    known = known_of_3()
    for section in parser.sections():
        if section not in known and section not in OWN_GROUPS:
            hint = suggestion(section, [*known, *OWN_GROUPS], "[{}]")
            yield f"{path}: there is no section [{section[:80]}], nothing in it counts" + (
                f"; {hint}" if hint else ""
            )
            continue
        names = [*known.get(section, ()), *_names(section)]
        for name, _ in _items(parser, section):
            if name not in names:
                hint = suggestion(name, names)
                yield f"{path}: there is no option {name[:80]!r} in [{section}], it does not count" + (
                    f"; {hint}" if hint else ""
                )


def _names(section: str) -> list[str]:
    return [option.dest for option in OWN_GROUPS.get(section, ())]


def _items(parser: configparser.RawConfigParser, section: str) -> Iterator[tuple[str, str]]:
    """Yield what a section itself says; the parser would add what stands in [DEFAULT]."""
    found = parser.defaults() if section == "DEFAULT" else parser._sections[section]  # type: ignore[attr-defined]  # noqa: SLF001  # there is no other way to leave out the defaults
    for name, value in found.items():
        yield name, value or ""
