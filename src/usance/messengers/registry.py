"""Finding messengers and record formats by the names in a configuration, of every generation."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from importlib.metadata import entry_points
from typing import Any, Final, cast

from usance.config.settings import MessengerSettings
from usance.messengers.messenger import Messenger
from usance.model.errors import ConfigurationError
from usance.records.format import RecordFormat

MESSENGERS: Final = "usance.messengers"
FORMATS: Final = "usance.records"

# cASO 1.x named messengers by the paths of their classes, and one of them with a spelling of its
# own: caso.messenger.noop.NoopMessenger, caso.messenger.ssm.SsmMessager,
# caso.messenger.ssm.SSMMessengerV02, caso.messenger.logstash.LogstashMessenger ...
_CLASS_PATH: Final = re.compile(r"caso\.messenger\.(?P<module>\w+)[.:](?P<cls>\w+)")
_SECOND_VERSION: Final = re.compile(r"V0?2$")
_NOT_YET: Final = frozenset({"logstash", "greendigit_cim"})


def messenger_name(configured: str) -> str:
    """Return the entry point that a configured name means: it may be a class path of cASO 1.x."""
    name = configured.strip()
    path = _CLASS_PATH.fullmatch(name)
    if path is None:
        return name
    if path["module"] == "ssm" and _SECOND_VERSION.search(path["cls"]):
        return "ssmv2"
    return path["module"]


def find_messenger(settings: MessengerSettings) -> Messenger:
    """Return the messenger that a configuration names.

    Raises ConfigurationError for a name that nobody provides, and for options that make no sense.
    """
    name = messenger_name(settings.name)
    found = entry_points(group=MESSENGERS, name=name)
    if not found:
        known = ", ".join(sorted(entry_points(group=MESSENGERS).names))
        if name in _NOT_YET:
            raise ConfigurationError(
                f"The messenger {name} does not come with this release", hint=f"there are {known}"
            )
        raise ConfigurationError(f"There is no messenger {settings.name!r}", hint=f"there are {known}")
    make = next(iter(found)).load()
    return cast("Messenger", make(settings))


def find_messengers(settings: Iterable[MessengerSettings]) -> list[Messenger]:
    """Return the configured messengers, in their order. Raises ConfigurationError if one stands twice."""
    messengers = [find_messenger(one) for one in settings]
    names = [messenger.name for messenger in messengers]
    for name in names:
        if names.count(name) > 1:
            raise ConfigurationError(
                f"The messenger {name} is configured twice (perhaps under two names)", hint="name it once"
            )
    return messengers


@lru_cache(maxsize=64)  # reading entry points takes milliseconds, and formats have no state
def find_format(name: str) -> RecordFormat[Any]:
    """Return the record format of a name. Raises ConfigurationError if nobody provides it."""
    found = entry_points(group=FORMATS, name=name)
    if not found:
        raise ConfigurationError(f"There is no record format {name!r}", hint="reinstall usance")
    return cast("RecordFormat[Any]", next(iter(found)).load()())
