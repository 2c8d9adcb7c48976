"""What the API counts of itself, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.process_collector import ProcessCollector

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)  # seconds


class Metrics:
    """The counters of one application, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._requests = Counter(
            "usance_api_requests",
            "Requests that were answered.",
            ("route", "method", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "usance_api_request_seconds",
            "Seconds from a request's header to the end of its answer.",
            ("route",),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._under_way = Gauge(
            "usance_api_requests_under_way", "Requests that are being answered.", registry=self.registry
        )
        self._tokens = Counter(
            "usance_api_tokens",
            "Tokens that callers showed: valid, invalid, or not to be found out; and who told it.",
            ("how", "result"),
            registry=self.registry,
        )
        self._limited = Counter(
            "usance_api_limited",
            "Requests that were refused by a limit.",
            ("limit",),
            registry=self.registry,
        )

    def watch(self, name: str, text: str, value: Callable[[], float]) -> None:
        """Show a value that is asked for at each scrape."""
        Gauge(name, text, registry=self.registry).set_function(value)

    def began(self) -> None:
        """Note that a request came."""
        self._under_way.inc()

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Note how a request was answered."""
        self._under_way.dec()
        self._requests.labels(route, method, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def token(self, how: str, result: str) -> None:
        """Note a token.

        *how* is "private key", "keystone" or "cache"; *result* is "valid", "invalid" or "unknown".
        """
        self._tokens.labels(how, result).inc()

    def limited(self, limit: str) -> None:
        """Note that a limit refused a request: "rate", "failures", "time", "size"."""
        self._limited.labels(limit).inc()

    def text(self) -> bytes:
        """Return all of it in Prometheus' text format."""
        return generate_latest(self.registry)
