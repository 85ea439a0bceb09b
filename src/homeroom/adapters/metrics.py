"""What a node counts, in the form that Prometheus reads: the one module that knows its library.

Labels have few values, all of them ours: a path is that of the route, never what a client wrote; a key is not a label
at all. So the metrics hold nothing of anybody, and their number does not grow with use.
"""

from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)

from homeroom.cohorts.live import Status

__all__ = ["CONTENT_TYPE", "NAMES", "Metrics"]

# Twice the series, for what nobody asks.
disable_created_metrics()  # type: ignore[no-untyped-call]

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
NAMES: Final = {
    "homeroom_requests_total": "requests by route and status",
    "homeroom_request_seconds": "how long requests took, by route",
    "homeroom_requests_under_way": "requests that are being answered",
    "homeroom_events_accepted_total": "events that were acknowledged",
    "homeroom_events_refused_total": "events that were refused one by one, in batches that were read",
    "homeroom_batches_total": "batches by outcome: accepted, repeat, or why they were refused",
    "homeroom_body_bytes_total": "bytes of bodies as they came, before decompression",
    "homeroom_refused_keys_total": "requests whose key or token opened nothing",
    "homeroom_limited_total": "requests that were told to come later, by what they were over",
    "homeroom_up": "1 while the node is ready, 0 while it is not",
    "homeroom_epoch": "number of the last control change",
    "homeroom_erased_events_cut": "events of people who are erased that came since the start and were cut, all tenants",
}
"""Every metric and what it counts."""


class Metrics:
    """Counts requests and batches; a registry of its own, so that two nodes in one process do not mix."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._answers: dict[tuple[str, int], tuple[Counter, Histogram]] = {}
        self._outcomes: dict[str, Counter] = {}
        self._requests = self._counter("homeroom_requests_total", "route", "status")
        self._seconds = Histogram(
            "homeroom_request_seconds",
            NAMES["homeroom_request_seconds"],
            ["route"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.under_way = self._gauge("homeroom_requests_under_way")
        self._accepted = self._counter("homeroom_events_accepted_total")
        self._refused = self._counter("homeroom_events_refused_total")
        self._batches = self._counter("homeroom_batches_total", "outcome")
        self._bytes = self._counter("homeroom_body_bytes_total")
        self._keys = self._counter("homeroom_refused_keys_total")
        self._limited = self._counter("homeroom_limited_total", "over")
        self._up = self._gauge("homeroom_up")
        self._epoch = self._gauge("homeroom_epoch")
        self._cut = self._gauge("homeroom_erased_events_cut")

    def _counter(self, name: str, *labels: str) -> Counter:
        return Counter(name.removesuffix("_total"), NAMES[name], labels, registry=self._registry)

    def _gauge(self, name: str) -> Gauge:
        return Gauge(name, NAMES[name], registry=self._registry)

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count an answer."""
        # Looking labels up costs as much as counting: there are few, and they are kept.
        kept = self._answers.get((route, status))
        if kept is None:
            kept = self._requests.labels(route, str(status)), self._seconds.labels(route)
            self._answers[route, status] = kept
        kept[0].inc()
        kept[1].observe(seconds)

    def batch(self, outcome: str, accepted: int = 0, refused: int = 0) -> None:
        """Count a batch and its events."""
        kept = self._outcomes.get(outcome)
        if kept is None:
            kept = self._outcomes[outcome] = self._batches.labels(outcome)
        kept.inc()
        if accepted:
            self._accepted.inc(accepted)
        if refused:
            self._refused.inc(refused)

    def body(self, size_bytes: int) -> None:
        """Count a body."""
        self._bytes.inc(size_bytes)

    def key_refused(self) -> None:
        """Count a key that opened nothing."""
        self._keys.inc()

    def limited(self, over: str) -> None:
        """Count a request that came too soon."""
        self._limited.labels(over).inc()

    def page(self, status: Status) -> bytes:
        """Return all metrics as text, with how the node is now."""
        self._up.set(1 if status.is_ready else 0)
        self._epoch.set(status.epoch)
        self._cut.set(status.cut_events)
        return generate_latest(self._registry)
