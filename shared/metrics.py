"""Prometheus metrics of one application, each with a registry of its own so that several can share a process."""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

_LATENCIES_S = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)
_BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class BatchMetrics:
    """What a batcher tells about itself."""

    def __init__(self, name: str, queue_length: Gauge, sizes: Histogram, waits: Histogram) -> None:
        """Binds the metrics to the batcher of that name; made by `ServiceMetrics.batcher`."""
        self._queue_length = queue_length.labels(name)
        self._sizes = sizes.labels(name)
        self._waits = waits.labels(name)

    def queued(self, items: int) -> None:
        """Sets how many items wait."""
        self._queue_length.set(items)

    def batch(self, waits_s: Sequence[float]) -> None:
        """Counts a batch, given the seconds that each of its items waited."""
        self._sizes.observe(len(waits_s))
        for wait_s in waits_s:
            self._waits.observe(wait_s)


class ServiceMetrics:
    """All metrics of one application."""

    def __init__(self) -> None:
        """Registers the metrics in a new registry: `registry`, to which a service may add its own."""
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._requests = Counter(
            "quittance_requests", "Requests answered.", ["method", "route", "status"], registry=self.registry
        )
        self._latency = Histogram(
            "quittance_request_seconds",
            "Time from the first byte of a request to the last of its answer.",
            ["method", "route"],
            buckets=_LATENCIES_S,
            registry=self.registry,
        )
        self._in_flight = Gauge("quittance_requests_in_flight", "Requests being answered.", registry=self.registry)
        self._queue_length = Gauge(
            "quittance_queue_length", "Items that wait for a batch.", ["batcher"], registry=self.registry
        )
        self._batch_sizes = Histogram(
            "quittance_batch_items", "Items a batch.", ["batcher"], buckets=_BATCH_SIZES, registry=self.registry
        )
        self._queue_waits = Histogram(
            "quittance_queue_wait_seconds",
            "Time an item waited for its batch.",
            ["batcher"],
            buckets=_LATENCIES_S,
            registry=self.registry,
        )

    def request_began(self) -> None:
        """Counts a request in."""
        self._in_flight.inc()

    def request_ended(self, method: str, route: str, status: int, seconds: float) -> None:
        """Counts a request out; `route` is its template, so that there are few of them."""
        self._in_flight.dec()
        method = method if method in _METHODS else "other"
        self._requests.labels(method, route, str(status)).inc()
        self._latency.labels(method, route).observe(seconds)

    def batcher(self, name: str) -> BatchMetrics:
        """Gives the metrics of the batcher of that name."""
        return BatchMetrics(name, self._queue_length, self._batch_sizes, self._queue_waits)

    def exposition(self) -> bytes:
        """Renders everything in the text format of Prometheus."""
        return generate_latest(self.registry)
