"""Reading the options of a messenger's section; what makes no sense is one clear sentence."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from usance.config.settings import MessengerSettings
from usance.model.errors import ConfigurationError


def positive_integer(settings: MessengerSettings, option: str, default: int) -> int:
    """Return an option that must be a whole number of at least 1."""
    text = settings.options.get(option, "").strip()
    if not text:
        return default
    if not (text.isascii() and text.isdigit()) or int(text) < 1:
        raise ConfigurationError(
            f"{option} of the messenger {settings.name} is {text!r}", hint="give a whole number of at least 1"
        )
    return int(text)


def choice(settings: MessengerSettings, option: str, choices: tuple[str, ...]) -> str:
    """Return an option that must be one of a few words; the first one is the default."""
    text = settings.options.get(option, "").strip() or choices[0]
    if text not in choices:
        raise ConfigurationError(
            f"{option} of the messenger {settings.name} is {text!r}", hint=f"give one of {', '.join(choices)}"
        )
    return text


def carried_types(settings: MessengerSettings, able: AbstractSet[str]) -> frozenset[str]:
    """Return the record types that a messenger is to carry, of those that it can.

    Words that name no type are left out, as cASO does; but where nothing remains, nothing is
    carried (cASO would then send everything).
    """
    return frozenset(settings.record_types & able) if settings.record_types else frozenset(able)
