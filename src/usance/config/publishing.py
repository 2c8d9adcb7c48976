"""How messages are sent, read from options in text: [publish], [messenger_ams], or SSM's sender.cfg."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from usance.config.messenger_options import PUBLISH_OPTIONS, RECORD_TYPES
from usance.config.options import expectation
from usance.config.rawfile import suggestion
from usance.config.settings import PublishSettings, QueueSettings
from usance.model.errors import ConfigurationError

NAMES: Final = tuple(option.dest for option in PUBLISH_OPTIONS)

_OPTIONS: Final = {option.dest: option for option in PUBLISH_OPTIONS}


def publish_settings(
    options: Mapping[str, str], where: str, ssm: Mapping[str, str] | None = None
) -> PublishSettings:
    """Return how messages are sent; *options* are named as in [publish], *where* names them in messages.

    With *ssm*, the options of the messenger `ssm`, its queues come before those that *options* name.
    Whether files exist is seen when they are needed. Raises ConfigurationError for a value that
    can't be used.
    """
    read = _Reading(options, where)
    destinations = {
        kind: str(found)
        for kind in RECORD_TYPES
        if (found := read.line("destination" if kind == "cloud" else f"destination_{kind}"))
    }
    return PublishSettings(
        protocol=str(read.value("protocol")),
        hosts=_hosts(read),
        port=read.value("port"),
        authn_port=read.value("authn_port"),
        project=str(read.line("ams_project") or ""),
        token=read.line("token", only_ascii=True),
        certificate=_path(read, "certificate") or PublishSettings().certificate,
        key=_path(read, "key") or PublishSettings().key,
        capath=_path(read, "capath"),
        cafile=_path(read, "cafile"),
        server_cert=_path(read, "server_cert"),
        verify_server_cert=read.value("verify_server_cert"),
        check_crls=read.value("check_crls"),
        cipher=str(read.value("cipher")),
        use_ssl=read.value("use_ssl"),
        login=read.line("login"),
        passcode=read.line("passcode"),
        vhost=read.line("vhost"),
        destinations=destinations,
        queues=(*(_ssm_queues(ssm, destinations) if ssm is not None else ()), *_queues(read)),
        timeout_s=read.value("timeout"),
        retries=read.value("retries"),
        batch_size=read.value("batch_size"),
        max_bytes=read.value("max_bytes"),
        max_lock_s=read.value("max_lock"),
        warn_days=read.value("warn_days"),
    )


class _Reading:
    """Options in text, read by their definitions."""

    def __init__(self, options: Mapping[str, str], where: str) -> None:
        self._options = options
        self.where = where

    def value(self, name: str) -> Any:
        """Return a value as its option has it; its default if it is not set or empty."""
        option = _OPTIONS[name]
        text = self._options.get(name, "").strip()
        if not text:
            return option.default
        try:
            return option.type(text)
        except ValueError:
            shown = "" if option.secret else f" = {text[:80]!r}"
            choices = getattr(option.type, "choices", None)
            raise ConfigurationError(
                f"{self.where} {name}{shown} should be {expectation(option)}",
                hint=suggestion(text, choices) if choices else None,
            ) from None

    def text(self, name: str) -> str | None:
        """Return a text; what is written as empty is none, even where there is a default."""
        if name in self._options:
            return self._options[name].strip() or None
        default = _OPTIONS[name].default
        return None if default is None else str(default)

    def line(self, name: str, *, only_ascii: bool = False) -> str | None:
        """Return a text that goes into a header, where a line's end would begin another one."""
        text = self.text(name)
        if text is not None and not (text.isprintable() and (text.isascii() or not only_ascii)):
            what = (
                "more than printable ASCII" if only_ascii else "a line's end, or something else unprintable"
            )
            raise ConfigurationError(f"{self.where} {name} holds {what}", hint="write it anew, on one line")
        return text


def _hosts(read: _Reading) -> tuple[str, ...]:
    hosts = tuple(word.strip() for word in (read.text("host") or "").split(",") if word.strip())
    for host in hosts:
        name, colon, port = host.rpartition(":")
        bare = name if colon else host
        fine = port.isascii() and port.isdigit() and 0 < int(port) < 65536 if colon else True
        named = bare.isascii() and bare.isprintable() and not any(letter in bare for letter in "/@?# :[]")
        if not (fine and bare and named):
            raise ConfigurationError(
                f"{read.where} host = {host[:80]!r} should be the name of a host, or name:port",
                hint="without https://",
            )
    return hosts


def _path(read: _Reading, name: str) -> Path | None:
    text = read.text(name)
    if text is not None and "\0" in text:
        raise ConfigurationError(f"{read.where} {name} can't be a path")
    return None if text is None else Path(text).expanduser()


def _queues(read: _Reading) -> list[QueueSettings]:
    path_type = str(read.value("path_type"))
    return [
        queue_named(word.strip(), path_type, f"{read.where} queues")
        for word in (read.text("queues") or "").split(",")
        if word.strip()
    ]


def queue_named(word: str, path_type: str, where: str) -> QueueSettings:
    """Return the queue that a word `<path>=<destination>` names. Raises ConfigurationError."""
    path, _, destination = word.rpartition("=")
    fine = "\0" not in path and Path(path.strip()).name and destination.strip().isprintable()
    if not (fine and destination.strip()):
        raise ConfigurationError(
            f"{where}: {word[:80]!r} should be <path>=<destination>",
            hint="for instance /var/spool/apel/outgoing/storage=eu-egi-storage-accounting",
        )
    return QueueSettings(Path(path.strip()).expanduser().absolute(), destination.strip(), path_type)


def _ssm_queues(ssm: Mapping[str, str], destinations: Mapping[str, str]) -> list[QueueSettings]:
    """Return the queues that the messenger `ssm` writes, one for each type of record."""
    path = Path(ssm.get("output_path", "").strip() or "/var/spool/apel/outgoing/openstack").expanduser()
    if not path.name:
        raise ConfigurationError(
            f"[ssm] output_path = {path} can't be a queue", hint="name a directory below it"
        )
    types = RECORD_TYPES if ssm.get("queues", "split") == "split" else ("cloud",)
    return [
        QueueSettings(
            path if kind == "cloud" else path.with_name(f"{path.name}-{kind}"), destinations.get(kind)
        )
        for kind in types
    ]
