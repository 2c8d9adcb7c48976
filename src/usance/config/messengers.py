"""Reading what is configured of messengers, each from its own sections."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec
from oslo_config import cfg

from usance.config.energy_options import CIM_OPTIONS
from usance.config.foreign import foreign_options, load_foreign
from usance.config.messenger_options import (
    FILE_OPTIONS,
    LOGSTASH_OPTIONS,
    MESSENGER_OPTIONS,
    PUBLISH_OPTIONS,
    RECORD_TYPES,
    SSM_OPTIONS,
)
from usance.config.plugins import MESSENGERS, caso_messenger, check_plugin, old_classes, translate
from usance.config.publishing import publish_settings
from usance.config.rawfile import suggestion
from usance.config.reader import OptionReader
from usance.config.settings import MessengerSettings, PublishSettings
from usance.model.errors import ConfigurationError

Warn = Callable[[str], None]
"""Takes a sentence about what is odd."""

_SECTION_OF: Final = {"ssm": "ssm", "ssmv2": "ssm", "ssmv4": "ssm", "ams": "publish", "stomp": "publish",
                      "greendigit_cim": "greendigit_cim", "logstash": "logstash"}  # fmt: skip
_OPTIONS_OF: Final[dict[str, list[cfg.Opt]]] = {
    "ssm": SSM_OPTIONS,
    "messenger_file": FILE_OPTIONS,
    "logstash": LOGSTASH_OPTIONS,
    "publish": PUBLISH_OPTIONS,
    "greendigit_cim": CIM_OPTIONS,
}


def read_messengers(reader: OptionReader, warn: Warn) -> tuple[MessengerSettings, ...]:
    """Return what is configured of each messenger, in their order; *warn* is told what is odd.

    Raises ConfigurationError for one that nobody provides, and for options that can't be used.
    """
    words = reader.words("messengers")
    names = dict.fromkeys(translate(word) for word in words)
    place = reader.place("messengers")
    said = old_classes(words)
    if said is not None:
        warn(f"{place}: {said}")
    for name in names:
        check_plugin(MESSENGERS, name, place)
    foreign = {name: point for name in names if (point := caso_messenger(name))}
    for point in foreign.values():
        load_foreign(point)
    if foreign:
        reader.foreign = foreign_options()
    if not names:
        raise ConfigurationError(
            f"{place} is empty, so that nothing would deliver the records",
            hint="write messengers = ssm, or noop if nothing should",
        )
    if not reader.is_written("messengers"):
        warn("messengers is not set: records are kept in the ledger, and nothing delivers them (noop)")
    files = reader.raw.paths
    found = (_messenger(reader, name, warn) for name in names)
    return tuple(msgspec.structs.replace(one, files=files) if one.name in foreign else one for one in found)


def _messenger(reader: OptionReader, name: str, warn: Warn) -> MessengerSettings:
    own = f"messenger_{name}"
    reader.register_late(own, MESSENGER_OPTIONS)
    options: dict[str, str] = {}
    for section in dict.fromkeys((_SECTION_OF.get(name, own), own)):
        defined = _OPTIONS_OF.get(section, [])
        # What stands in the messenger's own section is its own affair.
        own_keys = [key for key in reader.raw.names(section) if section == own and key != "record_types"]
        reader.register_late(section, defined)
        reader.register_late(section, [cfg.StrOpt(key, secret=True) for key in own_keys])
        for key in dict.fromkeys(
            (*(option.dest for option in defined), *(key.replace("-", "_") for key in own_keys))
        ):
            value = reader.value(key, section)
            if value is not None:
                options[key] = str(value)
    return MessengerSettings(name, options, _record_types(reader, own, warn))


def read_publish(reader: OptionReader) -> PublishSettings:
    """Return how messages are sent. Raises ConfigurationError for options that can't be used."""
    values = {name: reader.value(name, "publish") for name in reader.options("publish")}
    ssm = _messenger(reader, "ssm", lambda _message: None).options
    return publish_settings(
        {name: str(value) for name, value in values.items() if value is not None}, "[publish]", ssm
    )


def _record_types(reader: OptionReader, group: str, warn: Warn) -> frozenset[str]:
    words = reader.words("record_types", group)
    place = reader.place("record_types", group)
    known = frozenset(words) & frozenset(RECORD_TYPES)
    unknown = [word for word in words if word not in known]
    if unknown and not known:
        raise ConfigurationError(
            f"{place} names no type of record", hint="there are " + ", ".join(RECORD_TYPES)
        )
    for word in unknown:
        hint = suggestion(word, RECORD_TYPES)
        warn(f"{place}: there is no type {word[:80]!r}" + (f"; {hint}" if hint else ""))
    return known
