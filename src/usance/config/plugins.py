"""The names of sources and messengers: what is installed, and what the names of cASO mean."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.metadata import EntryPoint
from typing import Final

from usance.config.installed import installed
from usance.config.rawfile import suggestion
from usance.model.errors import ConfigurationError

MESSENGERS: Final = "usance.messengers"
SOURCES: Final = "usance.sources"

CASO_MESSENGERS: Final = "caso.messenger"
"""Where messengers written for cASO are registered."""

OLD_CLASSES: Final = {
    "caso.messenger.noop.NoopMessenger": "noop",
    "caso.messenger.ssm.SsmMessager": "ssm",  # so it was spelt, up to 1.4
    "caso.messenger.ssm.SsmMessenger": "ssm",
    "caso.messenger.ssm.SSMMessenger": "ssm",
    "caso.messenger.ssm.SSMMessengerV02": "ssmv2",
    "caso.messenger.ssm.SSMMessengerV04": "ssm",
    "caso.messenger.logstash.LogstashMessenger": "logstash",
    "caso.messenger.greendigit_cim.GreenDIGITEnergyMessenger": "greendigit_cim",
}
"""The classes of all messengers that cASO ever released: up to 1.4 they were named so, by default, too."""

_CLASS: Final = re.compile(r"caso\.(?:messenger|extract)\.(?P<module>\w+)[.:](?P<name>\w+)")
_WROTE_V02: Final = frozenset({"caso.messenger.ssm.SsmMessager", "caso.messenger.ssm.SsmMessenger"})

SUCCESSORS: Final = {
    "ceilometer": (
        "gnocchi",
        "Ceilometer has no API of its own any more; its measurements live in Gnocchi, which is read instead",
    ),
}
"""What took the place of a source that is gone, and what to say of it."""


def plugin_names(group: str) -> list[str]:
    """Return the names that are installed in a group of entry points."""
    return sorted(installed(group).names)


def translate(word: str) -> str:
    """Return today's name of a messenger or source that a configuration names by its class."""
    found = OLD_CLASSES.get(word.replace(":", "."))
    if found is not None:
        return found
    named = _CLASS.fullmatch(word)
    return word if named is None else named["module"]


def old_classes(words: Sequence[str]) -> str | None:
    """Return what to say of names among which are classes of cASO's; None where there are none."""
    names = list(dict.fromkeys(translate(word) for word in words))
    if all(translate(word) == word for word in words):
        return None
    said = f"classes of cASO were named so up to 1.4; write messengers = {', '.join(names)}"
    if any(word.replace(":", ".") in _WROTE_V02 for word in words):
        said += " (ssmv2 for records v0.2, as that class wrote them; APEL takes both)"
    return said


def check_plugin(group: str, name: str, place: str) -> None:
    """Raise ConfigurationError, with what to do, if no plug-in of that name is installed."""
    known = plugin_names(group)
    if group == MESSENGERS:
        known += [one for one in caso_messenger_names() if one not in known]
    if name in known:
        return
    hint = suggestion(name, known) or "there are " + ", ".join(known)
    raise ConfigurationError(f"{place}: there is no {name[:80]!r}", hint=hint)


def caso_messenger_names() -> list[str]:
    """Return the names of the messengers that somebody else has written for cASO."""
    return sorted({one.name for one in installed(CASO_MESSENGERS) if not _of_caso_itself(one)})


def caso_messenger(name: str) -> EntryPoint | None:
    """Return the entry point of a messenger that was written for cASO; None if ours has the name."""
    if name in plugin_names(MESSENGERS):
        return None
    found = installed(CASO_MESSENGERS).select(name=name)
    return next((one for one in found if not _of_caso_itself(one)), None)


def _of_caso_itself(point: EntryPoint) -> bool:
    """Tell whether cASO brings it along: where it is installed, too, its messengers are not meant."""
    return point.module.partition(".")[0] == "caso"
