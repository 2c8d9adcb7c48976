"""What a messenger is: it takes one message of the outbox to where somebody reads it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from usance.ledger.values import Message
from usance.model.errors import DeliveryError


class RefusedError(DeliveryError):
    """The receiver will never take this message; the ones behind it may go on."""


class Messenger(Protocol):
    """One way to deliver messages; entry points of `usance.messengers` name such classes.

    A class takes a :class:`usance.config.settings.MessengerSettings` and raises ConfigurationError
    for options that make no sense. The outbox keeps a watermark and a state for each messenger. One
    that keeps connections has a method `close`, which is called when there is no more to deliver. One
    that is to be told less often than there are runs has a method `counted_until`: it takes the
    instant up to which a run counts, and returns that up to which this messenger is told.
    """

    name: str  # by which the outbox knows it; the same for all aliases of one messenger
    # The record format of each type that it can carry, among the entry points of `usance.records`.
    formats: Mapping[str, str]
    record_types: frozenset[str]  # what it is to carry
    max_records: int  # in one message
    max_bytes: int  # of one message

    def send(self, message: Message) -> None:
        """Hand over one message, durably.

        The same message sent again replaces itself, or carries an identity by which the receiver
        can tell. Raises DeliveryError if it may go later (nothing more is sent in this run), and
        RefusedError if it never will.
        """
        ...
