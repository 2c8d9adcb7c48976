"""Reading the options of a messenger's section; what makes no sense is one clear sentence."""

from __future__ import annotations

import logging
from collections.abc import Set as AbstractSet

from usance.config.settings import MessengerSettings
from usance.model.errors import ConfigurationError

LOG = logging.getLogger(__name__)


def positive_integer(
    settings: MessengerSettings, option: str, default: int, most: int = 1_000_000_000
) -> int:
    """Return an option that must be a whole number from 1 to *most*."""
    text = settings.options.get(option, "").strip()
    if not text:
        return default
    fine = text.isascii() and text.isdigit() and len(text) <= len(str(most))
    if not fine or not 1 <= int(text) <= most:
        raise ConfigurationError(
            f"{option} of the messenger {settings.name} is {text[:80]!r}",
            hint=f"give a whole number from 1 to {most}",
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

    What it can't is said, and left out. ConfigurationError if nothing remains: cASO would then send
    everything.
    """
    wanted = settings.record_types
    if not wanted:
        return frozenset(able)
    unable = ", ".join(sorted(wanted - able))
    if wanted.isdisjoint(able):
        raise ConfigurationError(
            f"record_types of the messenger {settings.name} names what it does not carry ({unable})",
            hint="it carries " + ", ".join(sorted(able)) if able else None,
        )
    if unable:
        LOG.warning("record_types: the messenger %s does not carry %s", settings.name, unable)
    return wanted & able
