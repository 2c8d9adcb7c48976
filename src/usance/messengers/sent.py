"""The messengers `ams` and `stomp`: from the outbox straight to where APEL receives, without a queue on disk.

Their options are those of [publish]; what stands in [messenger_ams] or [messenger_stomp] comes first.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import ClassVar, Final

from usance.config.publishing import NAMES, publish_settings
from usance.config.rawfile import suggestion
from usance.config.settings import MessengerSettings, PublishSettings
from usance.ledger.values import Message
from usance.messengers.messenger import RefusedError
from usance.messengers.options import carried_types, positive_integer
from usance.messengers.ssm import DEFAULT_MAX_SIZE, SsmMessenger, queue_name
from usance.model.errors import ConfigurationError, DeliveryError
from usance.records.wire import MAX_MESSAGE_BYTES
from usance.sending.courier import Settled
from usance.sending.parts import Letter
from usance.sending.sender import Sender

LOG = logging.getLogger(__name__)

_OWN: Final = frozenset({"max_size"})


class AmsMessenger:
    """Publishes each message to the topic of its record type, `max_size` records in each.

    Types of records without a destination are not carried, and so don't pile up in the outbox.
    """

    protocol: ClassVar[str] = "AMS"
    formats: ClassVar[Mapping[str, str]] = SsmMessenger.formats

    def __init__(self, settings: MessengerSettings) -> None:
        self.name = self.protocol.lower()
        self.max_records = positive_integer(settings, "max_size", DEFAULT_MAX_SIZE)
        self.max_bytes = MAX_MESSAGE_BYTES
        self.settings = _settings(self.name, settings, self.protocol)
        able = self.formats.keys() & self.settings.destinations.keys()
        for missing in sorted(settings.record_types & self.formats.keys() - able):
            raise ConfigurationError(
                f"the messenger {self.name} has no destination for {missing} records",
                hint=f"set destination_{missing} in [publish]",
            )
        self.record_types = carried_types(settings, able)
        self._open: tuple[asyncio.Runner, Sender] | None = None

    def send(self, message: Message) -> None:
        """Sign and send a message, and return once it is acknowledged.

        Its name is the one that it would have in SSM's queue. Certificates are read with the first
        message of a run: one that has ended holds back this messenger only.
        """
        destination = self.settings.destinations.get(message.record_type)
        if destination is None:  # it was staged while there was one
            raise RefusedError(f"there is no destination for {message.record_type} records any more")
        runner, sender = self._opened()
        letter = Letter(queue_name(message), message.body)
        settled = runner.run(_deliver(sender, letter, destination))
        if settled.refused:
            raise RefusedError("; ".join(f"{one.letter.name}: {one.reason}" for one in settled.refused))

    def _opened(self) -> tuple[asyncio.Runner, Sender]:
        if self._open is None:
            try:
                sender = Sender(self.settings)
            except ConfigurationError as error:
                raise DeliveryError(error.message, hint=error.hint) from error
            for line in sender.warnings:
                LOG.warning("%s", line)
            self._open = asyncio.Runner(), sender
        return self._open

    def close(self) -> None:
        """Close the connection; the next message opens it again."""
        if self._open is not None:
            (runner, sender), self._open = self._open, None
            with runner:
                runner.run(sender.transport.aclose())


class StompMessenger(AmsMessenger):
    """Sends each message to the queue or topic of its record type at a STOMP broker."""

    protocol: ClassVar[str] = "STOMP"


async def _deliver(sender: Sender, letter: Letter, destination: str) -> Settled:
    found = [one async for one in sender.courier.deliver([letter], destination)]
    return found[0]


def _settings(name: str, settings: MessengerSettings, protocol: str) -> PublishSettings:
    where = f"[messenger_{name}]"
    for option in settings.options:
        if option not in {*NAMES, *_OWN}:
            raise ConfigurationError(
                f"{where}: there is no option {option[:80]!r}", hint=suggestion(option, [*NAMES, *_OWN])
            )
    found = publish_settings({**settings.options, "protocol": protocol}, where)
    if not found.hosts:
        raise ConfigurationError(f"the messenger {name} needs a host", hint="write host = ... into [publish]")
    return found
