"""Prometheus metrics of one application, each with a registry of its own so that several can share a process.

Names and labels are an interface: dashboards and alerts hold on to them. `docs/operations.md` lists them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

LATENCIES_S = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)
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
    """All metrics of one application.

    Attributes:
        service: Name of the application.
        registry: Where a service may register more of them; the label `service` is added when they are shown.
    """

    def __init__(self, service: str) -> None:
        """Registers the metrics of the application of that name in a new registry."""
        self.registry = CollectorRegistry()
        self.service = service
        self._process = ProcessCollector(registry=None)
        self._inside: list[ServiceMetrics] = []
        self._requests = Counter(
            "quittance_requests", "Requests answered.", ["method", "route", "status"], registry=self.registry
        )
        self._latency = Histogram(
            "quittance_request_seconds",
            "Time from the first byte of a request to the last of its answer.",
            ["method", "route"],
            buckets=LATENCIES_S,
            registry=self.registry,
        )
        self._in_flight = Gauge("quittance_requests_in_flight", "Requests being answered.", registry=self.registry)
        self._ready = Gauge("quittance_ready", "1 if the service takes work, else 0.", registry=self.registry)
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
            buckets=LATENCIES_S,
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

    def show_ready(self, ready: Callable[[], bool]) -> None:
        """Asks `ready`, whenever the metrics are shown, whether the service takes work."""
        self._ready.set_function(ready)

    def batcher(self, name: str) -> BatchMetrics:
        """Gives the metrics of the batcher of that name."""
        return BatchMetrics(name, self._queue_length, self._batch_sizes, self._queue_waits)

    def include(self, other: ServiceMetrics) -> None:
        """Shows the metrics of an application inside this one's process, which nobody else can ask for them."""
        self._inside.append(other)

    def exposition(self) -> bytes:
        """Renders everything in the text format of Prometheus."""
        return generate_latest(_Together([self, *self._inside], self._process))


class _Together(Collector):
    """The metrics of several applications: each name once, as the format asks, samples told apart by `service`."""

    def __init__(self, parts: Sequence[ServiceMetrics], process: Collector) -> None:
        self._parts = parts
        self._process = process

    def collect(self) -> Iterable[Metric]:
        """The metrics by name, then what is of the process as a whole."""
        merged: dict[str, Metric] = {}
        for part in self._parts:
            for metric in part.registry.collect():
                one = merged.setdefault(metric.name, Metric(metric.name, metric.documentation, metric.type))
                for sample in metric.samples:
                    if not sample.name.endswith("_created"):  # as many series again, of which nobody makes use
                        one.add_sample(sample.name, {"service": part.service} | sample.labels, sample.value)
        yield from merged.values()
        yield from self._process.collect()
