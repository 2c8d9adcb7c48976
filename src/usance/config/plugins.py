"""The names of sources and messengers: what is installed, and what the names of cASO mean."""

from __future__ import annotations

import re
from importlib.metadata import entry_points
from typing import Final

from usance.config.rawfile import suggestion
from usance.model.errors import ConfigurationError

MESSENGERS: Final = "usance.messengers"
SOURCES: Final = "usance.sources"

# cASO 0.x and 1.x named classes, one of them misspelt: caso.messenger.noop.NoopMessenger,
# caso.messenger.ssm.SsmMessager, caso.messenger.ssm.SSMMessengerV02, caso.extract.nova.NovaExtractor.
_CLASS: Final = re.compile(r"caso\.(?:messenger|extract)\.(?P<module>\w+)[.:](?P<name>\w+)")

_NOT_YET: Final = {
    "prometheus": "energy records come with a later release; write extractor = nova",
    "logstash": "that messenger comes with a later release; write another one into messengers",
    "greendigit_cim": "that messenger comes with a later release; write another one into messengers",
}


SUCCESSORS: Final = {
    "ceilometer": (
        "gnocchi",
        "Ceilometer has no API of its own any more; its measurements live in Gnocchi, which is read instead",
    ),
}
"""What took the place of a source that is gone, and what to say of it."""


def plugin_names(group: str) -> list[str]:
    """Return the names that are installed in a group of entry points."""
    return sorted({point.name for point in entry_points(group=group)})


def translate(word: str) -> str:
    """Return today's name of a messenger or source that a configuration names by its class."""
    named = _CLASS.fullmatch(word)
    if named is None:
        return word
    second = named["module"] == "ssm" and named["name"].endswith(("V2", "V02"))
    return "ssmv2" if second else named["module"]


def check_plugin(group: str, name: str, place: str) -> None:
    """Raise ConfigurationError, with what to do, if no plug-in of that name is installed."""
    installed = plugin_names(group)
    if name in installed:
        return
    if name in _NOT_YET:
        raise ConfigurationError(f"{place}: there is no {name} yet", hint=_NOT_YET[name])
    hint = suggestion(name, installed) or "there are " + ", ".join(installed)
    raise ConfigurationError(f"{place}: there is no {name[:80]!r}", hint=hint)
