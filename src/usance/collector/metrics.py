"""What a collector counts, for Prometheus."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_CLOUD: Final = ("cloud",)
_QUEUE: Final = ("cloud", "broker", "queue")


class Metrics:
    """The counters of one process; types of events are no labels where anybody can invent them."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()

        def counter(name: str, text: str, labels: tuple[str, ...] = _CLOUD) -> Counter:
            return Counter(f"usance_collector_{name}", text, labels, registry=self.registry)

        def gauge(name: str, text: str, labels: tuple[str, ...] = _CLOUD) -> Gauge:
            return Gauge(f"usance_collector_{name}", text, labels, registry=self.registry)

        self.received = counter("messages", "Messages that a broker gave us.", _QUEUE)
        self.repeated = counter("redelivered_messages", "Of these, such as it gave out before.", _QUEUE)
        self.acknowledged = counter("messages_acknowledged", "Messages that are committed and acknowledged.")
        self.understood = counter("events", "Events that were understood.", ("cloud", "event_type"))
        self.stored = counter("observations_stored", "Observations that were new to the ledger.")
        self.duplicates = counter("observations_duplicate", "Observations that the ledger had already.")
        self.parked = counter("messages_parked", "Messages that were parked for the first time.")
        self.dropped = counter("parked_dropped", "Parked messages that went because there were too many.")
        self.ignored = counter("events_ignored", "Events of types that nothing is made of.")
        self.batches = Histogram(
            "usance_collector_batch_seconds",
            "From the moment at which a batch is complete until it is committed.",
            _CLOUD,
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.lag = gauge("lag_seconds", "Age of the newest event of the last batch, when it was committed.")
        self.depth = gauge("queue_messages", "Messages that wait on the broker.", _QUEUE)
        self.connected = gauge("broker_connected", "1 while connected.", ("cloud", "broker"))
        self.connections = counter("broker_connections", "Connections that were made.", ("cloud", "broker"))
