"""Finding messengers and record formats by the names in a configuration, of every generation."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final, cast

from usance.config.foreign import one_line
from usance.config.installed import installed
from usance.config.plugins import MESSENGERS, caso_messenger, check_plugin, translate
from usance.config.settings import MessengerSettings
from usance.messengers.caso_plugin import CasoMessenger
from usance.messengers.messenger import Messenger
from usance.model.errors import ConfigurationError
from usance.records.format import RecordFormat

FORMATS: Final = "usance.records"


def find_messenger(settings: MessengerSettings) -> Messenger:
    """Return the messenger that a configuration names.

    Raises ConfigurationError for a name that nobody provides, and for options that make no sense.
    """
    name = translate(settings.name.strip())
    check_plugin(MESSENGERS, name, "messengers")
    foreign = caso_messenger(name)
    if foreign is not None:
        return cast("Messenger", CasoMessenger(settings, foreign))
    point = next(iter(installed(MESSENGERS).select(name=name)))
    try:
        make = point.load()
    except Exception as error:
        raise ConfigurationError(
            f"the messenger {name} ({point.value}) can't be loaded: {one_line(error)}",
            hint="ask those who wrote it, or take it out of messengers",
        ) from error
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


@lru_cache(maxsize=64)  # formats have no state
def find_format(name: str) -> RecordFormat[Any]:
    """Return the record format of a name. Raises ConfigurationError if nobody provides it."""
    found = installed(FORMATS).select(name=name)
    if not found:
        raise ConfigurationError(f"There is no record format {name!r}", hint="reinstall usance")
    return cast("RecordFormat[Any]", next(iter(found)).load()())
