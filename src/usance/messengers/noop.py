"""The messenger `noop`: it takes every message, and does nothing with it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import ClassVar

from usance.config.settings import MessengerSettings
from usance.ledger.values import Message
from usance.messengers.options import carried_types
from usance.records.wire import MAX_MESSAGE_BYTES

_log = logging.getLogger(__name__)


class NoopMessenger:
    """Takes messages to nowhere; what it took counts as delivered."""

    formats: ClassVar[Mapping[str, str]] = {
        "cloud": "cloud-v04",
        "ip": "ip-v02",
        "accelerator": "accelerator-v01",
        "storage": "storage-star",
        "energy": "energy-json",
    }

    def __init__(self, settings: MessengerSettings) -> None:
        self.name = "noop"
        self.record_types = carried_types(settings, self.formats.keys())
        self.max_records = 1000
        self.max_bytes = MAX_MESSAGE_BYTES

    def send(self, message: Message) -> None:
        """Log the message."""
        _log.info(
            "noop: %d %s records of project %s", message.record_count, message.record_type, message.project_id
        )
