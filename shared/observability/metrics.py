"""Prometheus metrics of one application, each with its own registry so that several can share a process.

Names and labels are an interface that dashboards and alerts depend on. `docs/operations.md` lists them.
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
    """Metrics of one batcher; made by `ServiceMetrics.batch_metrics`.

    Args:
        name: Name of the batcher.
        queue_length: Items waiting.
        sizes: Items per batch.
        waits: Seconds that items waited.
    """

    def __init__(self, name: str, queue_length: Gauge, sizes: Histogram, waits: Histogram) -> None:
        self._queue_length = queue_length.labels(name)
        self._sizes = sizes.labels(name)
        self._waits = waits.labels(name)

    def set_queue_length(self, count: int) -> None:
        """Set how many items are waiting."""
        self._queue_length.set(count)

    def count_batch(self, waits_s: Sequence[float]) -> None:
        """Count a batch, given the seconds that each of its items waited."""
        self._sizes.observe(len(waits_s))
        for wait_s in waits_s:
            self._waits.observe(wait_s)


class ServiceMetrics:
    """All metrics of one application.

    Args:
        service: Name of the application.

    Attributes:
        service: Name of the application, the label `service` of its metrics.
        registry: Registry to which a service may add its own metrics; `render` adds the label `service`.
    """

    def __init__(self, service: str) -> None:
        self.registry = CollectorRegistry()
        self.service = service
        self._process = ProcessCollector(registry=None)
        self._included: list[ServiceMetrics] = []
        self._requests = Counter(
            "quittance_requests", "Requests answered.", ["method", "route", "status"], registry=self.registry
        )
        self._latency = Histogram(
            "quittance_request_seconds",
            "Time from the first byte of a request to the last byte of its response.",
            ["method", "route"],
            buckets=LATENCIES_S,
            registry=self.registry,
        )
        self._in_flight = Gauge("quittance_requests_in_flight", "Requests being answered.", registry=self.registry)
        self._ready = Gauge("quittance_ready", "1 if the service accepts work, otherwise 0.", registry=self.registry)
        self._queue_length = Gauge(
            "quittance_queue_length", "Items waiting for a batch.", ["batcher"], registry=self.registry
        )
        self._batch_sizes = Histogram(
            "quittance_batch_items", "Items per batch.", ["batcher"], buckets=_BATCH_SIZES, registry=self.registry
        )
        self._queue_waits = Histogram(
            "quittance_queue_wait_seconds",
            "Time that an item waited for its batch.",
            ["batcher"],
            buckets=LATENCIES_S,
            registry=self.registry,
        )

    def count_request_start(self) -> None:
        """Count a request that started."""
        self._in_flight.inc()

    def count_request_end(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request that ended; `route` is the template of its path, so that there are few of them."""
        self._in_flight.dec()
        method = method if method in _METHODS else "other"
        self._requests.labels(method, route, str(status)).inc()
        self._latency.labels(method, route).observe(seconds)

    def report_ready(self, is_ready: Callable[[], bool]) -> None:
        """Call `is_ready` for the metric `quittance_ready` whenever the metrics are rendered."""
        self._ready.set_function(is_ready)

    def batch_metrics(self, name: str) -> BatchMetrics:
        """Return the metrics of the batcher with that name."""
        return BatchMetrics(name, self._queue_length, self._batch_sizes, self._queue_waits)

    def include(self, other: ServiceMetrics) -> None:
        """Render the metrics of an application inside this one's process as well."""
        self._included.append(other)

    def render(self) -> bytes:
        """Return all metrics in the text format of Prometheus."""
        return generate_latest(_Merged([self, *self._included], self._process))


class _Merged(Collector):
    """Metrics of several applications: each name once, as the format requires, with the label `service`."""

    def __init__(self, parts: Sequence[ServiceMetrics], process: Collector) -> None:
        self._parts = parts
        self._process = process

    def collect(self) -> Iterable[Metric]:
        """Yield the metrics of the applications by name, then those of the process."""
        merged: dict[str, Metric] = {}
        for part in self._parts:
            for metric in part.registry.collect():
                one = merged.setdefault(metric.name, Metric(metric.name, metric.documentation, metric.type))
                for sample in metric.samples:
                    if not sample.name.endswith("_created"):  # would double the series, and nothing uses them
                        one.add_sample(sample.name, {"service": part.service} | sample.labels, sample.value)
        yield from merged.values()
        yield from self._process.collect()
