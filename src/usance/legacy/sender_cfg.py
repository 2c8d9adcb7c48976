"""SSM's `sender.cfg`, of every version from 2 to 4, translated to ours."""

from __future__ import annotations

import configparser
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from usance.config.publishing import publish_settings
from usance.config.rawfile import elsewhere, suggestion
from usance.config.settings import PublishSettings, QueueSettings
from usance.model.errors import ConfigurationError

_LARGEST: Final = 1 << 20  # bytes

# What each section may hold, and how [publish] calls it; None: read otherwise, or without effect.
_OPTIONS: Final[dict[str, dict[str, str | None]]] = {
    "sender": {"protocol": "protocol"},
    "broker": {
        "host": "host",
        "port": "port",
        "use_ssl": "use_ssl",
        "bdii": None,
        "network": None,
        # Ours, for brokers and services that SSM can't use.
        "authn_port": "authn_port",
        "login": "login",
        "passcode": "passcode",
        "vhost": "vhost",
        "cafile": "cafile",
    },
    "certificates": {
        "certificate": "certificate",
        "key": "key",
        "capath": "capath",
        "server_cert": "server_cert",
        "verify_server_cert": "verify_server_cert",
        "check_crls": "check_crls",
        "cipher": "cipher",
    },
    "messaging": {
        "ams_project": "ams_project",
        "destination": "destination",
        "token": "token",
        "path": None,
        "path_type": None,
    },
    "logging": {"logfile": None, "level": None, "console": None},
}
_GONE: Final = {
    "bdii": "brokers are no longer looked up in a BDII; name them in host",
    "network": "brokers are no longer looked up in a BDII; name them in host",
}
LEVELS: Final = ("DEBUG", "INFO", "WARN", "WARNING", "ERROR", "CRITICAL")


class SenderFile(msgspec.Struct, frozen=True):
    """What a sender.cfg says."""

    publish: PublishSettings
    logfile: Path | None
    level: str
    console: bool
    warnings: tuple[str, ...]


def read_sender_file(path: Path, environ: Mapping[str, str]) -> SenderFile:
    """Read a sender.cfg. Raises ConfigurationError for what can't be used; unknown options are named."""
    parser = _parsed(path)
    warnings = list(_oddities(parser))
    options = {
        name: parser.get(section, option)
        for section, known in _OPTIONS.items()
        for option, name in known.items()
        if name is not None and parser.has_option(section, option)
    }
    if not options.get("protocol", "").strip():
        options["protocol"] = "STOMP"
        warnings.append(
            "[sender] protocol is not set: STOMP is used, as SSM does; AMS is what EGI uses today"
        )
    if options["protocol"] == "AMS":
        # SSM says that it ignores the port then, and its own example names STOMP's.
        options.pop("port", None)
    else:
        for missing in ("host", "port"):
            if not options.get(missing, "").strip():
                raise ConfigurationError(f"{path}: [broker] {missing} is not set")
    bundle = environ.get("REQUESTS_CA_BUNDLE") or environ.get("CURL_CA_BUNDLE")
    if bundle and "cafile" not in options and Path(bundle).is_file():
        options["cafile"] = bundle  # the library that SSM uses for AMS looks there
    settings = publish_settings(options | {"destination": options.get("destination", "")}, str(path))
    queue = _queue(parser, path, settings.destinations.get("cloud"))
    return SenderFile(
        publish=msgspec.structs.replace(settings, queues=(queue,)),
        logfile=_logfile(parser),
        level=_level(parser, path),
        console=_boolean(parser, path, "logging", "console"),
        warnings=tuple(warnings),
    )


def _parsed(path: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    try:
        if path.stat().st_size > _LARGEST:
            raise ConfigurationError(f"{path} is larger than 1 MiB: it is no configuration")
        parser.read_string(path.read_text(encoding="utf-8"), str(path))
        for section in parser.sections():
            for option in parser.options(section):
                parser.get(section, option)
    except OSError as error:
        raise ConfigurationError(f"Config file not found at {path}: {error.strerror}") from error
    except (configparser.Error, UnicodeDecodeError) as error:
        # The message of some of these errors quotes the line, which may hold a token.
        place = getattr(error, "lineno", None)
        if isinstance(error, configparser.ParsingError) and error.errors:
            place = error.errors[0][0]
        where = f", line {place}" if place else ""
        raise ConfigurationError(
            f"{path}{where} can't be read as a configuration: {type(error).__name__}",
            hint="write % as %%, and name each section and option once",
        ) from None
    return parser


def _oddities(parser: configparser.ConfigParser) -> Iterator[str]:
    for section in parser.sections():
        known = _OPTIONS.get(section)
        if known is None:
            hint = suggestion(section, _OPTIONS, "[{}]")
            yield f"there is no section [{section[:80]}], nothing in it counts" + (
                f"; {hint}" if hint else ""
            )
            continue
        for option in parser.options(section):
            if option in known:
                if option in _GONE:
                    yield f"[{section}] {option}: {_GONE[option]}"
                continue
            group = elsewhere(option, _OPTIONS)
            hint = f"it belongs into [{group}]" if group else suggestion(option, known)
            yield f"there is no option {option[:80]!r} in [{section}], it does not count" + (
                f"; {hint}" if hint else ""
            )


def _queue(parser: configparser.ConfigParser, path: Path, destination: str | None) -> QueueSettings:
    if destination is None:
        raise ConfigurationError(f"{path}: No destination queue is configured: set [messaging] destination")
    place = parser.get("messaging", "path", fallback="").strip()
    if not place or "\0" in place:
        raise ConfigurationError(f"{path}: [messaging] path is not set", hint="name the queue")
    path_type = parser.get("messaging", "path_type", fallback="dirq").strip() or "dirq"
    if path_type not in {"dirq", "directory"}:
        raise ConfigurationError(f"{path}: [messaging] path_type should be dirq or directory")
    return QueueSettings(Path(place).absolute(), destination, path_type)


def _logfile(parser: configparser.ConfigParser) -> Path | None:
    text = parser.get("logging", "logfile", fallback="").strip()
    return Path(text) if text else None


def _level(parser: configparser.ConfigParser, path: Path) -> str:
    level = parser.get("logging", "level", fallback="INFO").strip().upper() or "INFO"
    if level not in LEVELS:
        raise ConfigurationError(f"{path}: [logging] level should be one of {', '.join(LEVELS)}")
    return "WARNING" if level == "WARN" else level


def _boolean(parser: configparser.ConfigParser, path: Path, section: str, option: str) -> bool:
    try:
        return parser.getboolean(section, option, fallback=False)
    except ValueError:
        raise ConfigurationError(f"{path}: [{section}] {option} should be true or false") from None
