"""What the collector is told: read from [collector], the section of a cloud, and RABBITMQ_URL."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from usance.config.reader import OptionReader
from usance.config.settings import BrokerSettings, CollectorSettings, Settings
from usance.config.transport import read_address, split_addresses
from usance.model.errors import ConfigurationError

COLLECTOR: Final = "collector"
ENVIRONMENT: Final = "RABBITMQ_URL"
"""The variable that comes before the file, as with Almanach 3.x."""

_LONGEST_NAME: Final = 255  # of a queue, an exchange or a routing key (AMQP 0-9-1, short strings)


def read_collector(reader: OptionReader) -> CollectorSettings:
    """Return what the collector is told. Raises ConfigurationError."""
    cafile, certfile, keyfile = (_file(reader, name) for name in ("cafile", "certfile", "keyfile"))
    if (certfile is None) != (keyfile is None):
        raise ConfigurationError(
            f"{reader.place('certfile', COLLECTOR)} and keyfile belong together", hint="write both, or none"
        )
    tls = reader.value("tls", COLLECTOR) or cafile is not None or certfile is not None
    batch_size = reader.value("batch_size", COLLECTOR)
    topics, priorities = _names(reader, "topics"), _names(reader, "priorities")
    queues = _names(reader, "queues")
    if not (queues or topics):
        raise ConfigurationError(
            f"{reader.place('topics', COLLECTOR)} is empty", hint="write topics = almanach"
        )
    if topics and not priorities:
        raise ConfigurationError(
            f"{reader.place('priorities', COLLECTOR)} is empty", hint="write priorities = info"
        )
    return CollectorSettings(
        brokers=_brokers(reader, tls=tls),
        cafile=cafile,
        certfile=certfile,
        keyfile=keyfile,
        routing_keys=tuple(f"{topic}.{priority}" for topic in topics for priority in priorities),
        rare_keys=tuple(f"{topic}.{priority}" for topic in topics for priority in priorities[1:]),
        queues=queues,
        exchanges=_names(reader, "exchanges"),
        queue_type=reader.text("queue_type", COLLECTOR),
        durable=reader.value("durable", COLLECTOR),
        heartbeat_s=reader.value("heartbeat", COLLECTOR),
        batch_size=batch_size,
        batch_ms=reader.value("batch_ms", COLLECTOR),
        prefetch=min(reader.value("prefetch", COLLECTOR) or 2 * batch_size, 65_535),
        max_message=reader.value("max_message", COLLECTOR),
        parked_limit=reader.value("parked_limit", COLLECTOR),
        parked_bytes=reader.value("parked_bytes", COLLECTOR),
        leave_after_s=reader.value("leave_after", COLLECTOR),
        take_stock=reader.value("take_stock", COLLECTOR),
        events_file=_file(reader, "events_file"),
        listen=_listen(reader),
    )


def _brokers(reader: OptionReader, *, tls: bool) -> tuple[BrokerSettings, ...]:
    place = reader.place("transport_url", COLLECTOR)
    words: Sequence[str] = reader.value("transport_url", COLLECTOR)
    environment = reader.environ.get(ENVIRONMENT, "").strip()
    if environment and not reader.is_given("transport_url", COLLECTOR):
        place, words = f"the environment variable {ENVIRONMENT}", environment.split(",")
    addresses = split_addresses(words)
    return tuple(dict.fromkeys(read_address(one, place, tls=tls) for one in addresses))


def _names(reader: OptionReader, option: str) -> tuple[str, ...]:
    names = reader.words(option, COLLECTOR)
    for name in names:
        if len(name.encode()) > _LONGEST_NAME - 16 or not name.isprintable():
            raise ConfigurationError(
                f"{reader.place(option, COLLECTOR)}: {name[:40]!r} can't be a name on a broker",
                hint="it is too long, or holds something unprintable",
            )
    return names


def _file(reader: OptionReader, option: str) -> Path | None:
    text = reader.text(option, COLLECTOR)
    if text is None:
        return None
    if "\0" in text:
        raise ConfigurationError(f"{reader.place(option, COLLECTOR)} can't be a path")
    return Path(text).expanduser()


def _listen(reader: OptionReader) -> tuple[str, int] | None:
    text = reader.text("listen", COLLECTOR)
    if text is None:
        return None
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (host and port.isascii() and port.isdigit() and int(port) < 65_536):
        raise ConfigurationError(
            f"{reader.place('listen', COLLECTOR)} = {text[:80]!r} should be <host>:<port>",
            hint="for instance 127.0.0.1:9114",
        )
    return host, int(port)


def check_told_apart(clouds: Sequence[Settings]) -> None:
    """Raise ConfigurationError if a cloud has no broker, or two have the same queue.

    A message does not say which cloud it is of: the queue does.
    """
    owners: dict[tuple[str, int, str, str], str] = {}
    for one in clouds:
        cloud_id, collector = one.cloud.cloud_id, one.collector
        if not collector.brokers:
            section = (
                f"[cloud_{one.name}] collector.transport_url" if one.name else "[collector] transport_url"
            )
            raise ConfigurationError(
                f"{section} is not set: where are the notifications?",
                hint="write transport_url = rabbit://<user>:<password>@<host>:5672/ as the services have it",
            )
        for broker in collector.brokers:
            for host in broker.hosts:
                for queue in collector.queue_names:
                    owner = owners.setdefault((host.host, host.port, broker.virtual_host, queue), cloud_id)
                    if owner != cloud_id:
                        raise ConfigurationError(
                            f"the clouds {owner} and {cloud_id} have one queue, {queue} of {broker}",
                            hint="write collector.transport_url into the section of each, with a virtual "
                            "host of its own, or collector.topics",
                        )
