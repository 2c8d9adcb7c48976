"""Messengers that somebody wrote for cASO (4 and 5), which are entry points of `caso.messenger`.

cASO makes an object of the class without arguments, and calls `push` with a list of records. The
messenger's options are its own: it has registered them on oslo.config's global CONF, which is given
the same configuration files. What it does with a record that it gets twice is its own affair, too.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint
from typing import Any, ClassVar

import msgspec

from usance.config.foreign import fill_conf, load_foreign, one_line
from usance.config.settings import MessengerSettings
from usance.ledger.values import Message
from usance.messengers.caso_records import OldContractError, Records, caso_record
from usance.messengers.options import carried_types, positive_integer
from usance.model.errors import ConfigurationError, DeliveryError
from usance.records.context import CLOUD_TYPE

LOG = logging.getLogger(__name__)


class CasoMessenger:
    """Pushes each message to a messenger written for cASO, `max_size` records in each.

    A push that raises is tried again in the next run, with the same records; one that returns took
    them. There is no limit to how long it may take.
    """

    formats: ClassVar[Mapping[str, str]] = {
        "cloud": "cloud-json",
        "ip": "ip-json",
        "accelerator": "accelerator-json",
        "storage": "storage-json",
        "energy": "energy-json",
    }

    def __init__(self, settings: MessengerSettings, point: EntryPoint) -> None:
        self.name = point.name
        self.record_types = carried_types(settings, self.formats.keys())
        self.max_records = positive_integer(settings, "max_size", 1000)
        self.max_bytes = 4 * 1024 * 1024
        self._push = _made(point, settings)

    def send(self, message: Message) -> None:
        """Push the records of a message. Raises DeliveryError with what the messenger's own code raised."""
        lines = [msgspec.json.decode(line) for line in message.body.splitlines()]
        records = Records(caso_record(message.record_type, line, CLOUD_TYPE) for line in lines)
        try:
            self._push(records)
        except OldContractError as error:
            raise DeliveryError(
                f"The messenger {self.name} is written for cASO 3 or older, whose records came by id",
                hint="cASO 4 and 5 give a list: ask those who wrote it for a version for these",
            ) from error
        except (Exception, SystemExit) as error:  # whatever code does that is not ours
            LOG.debug("the messenger %s failed", self.name, exc_info=True)
            raise DeliveryError(f"The messenger {self.name} failed: {one_line(error)}") from error


def _made(point: EntryPoint, settings: MessengerSettings) -> Callable[[Records], object]:
    """Make the messenger as cASO does, and return what takes its records."""
    cls = load_foreign(point)
    name = f"the messenger {point.name} ({point.value})"
    if not callable(cls) or not _takes(cls, 0):
        raise ConfigurationError(
            f"{name} can't be made without arguments, as cASO 4 and 5 make theirs",
            hint="ask those who wrote it for a version for cASO 5, or for usance.messengers",
        )
    fill_conf(settings.files)
    try:
        made = cls()
    except (Exception, SystemExit) as error:  # whatever code does that is not ours
        raise ConfigurationError(
            f"{name} can't be made: {one_line(error)}", hint="are its options in the configuration file?"
        ) from error
    push: Any = getattr(made, "push", None)
    if not callable(push) or not _takes(push, 1):
        raise ConfigurationError(
            f"{name} has no push(records), which cASO 4 and 5 call",
            hint="ask those who wrote it for a version for cASO 5, or for usance.messengers",
        )
    taking: Callable[[Records], object] = push
    return taking


def _takes(function: Callable[..., Any], arguments: int) -> bool:
    """Tell whether something can be called with so many arguments."""
    try:
        inspect.signature(function).bind(*range(arguments))
    except TypeError:
        return False
    except ValueError:  # it has no signature that Python could tell
        return True
    return True
