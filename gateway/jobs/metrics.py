"""Metrics of jobs, shown at `/metrics` with those of every service."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry, Gauge

from gateway.background import run_in_background
from gateway.jobs.brokers.broker import LendingBroker

# More often than Prometheus looks.
_INTERVAL_S = 5.0

_log = logging.getLogger(__name__)


class JobMetrics:
    """Shows how many files of jobs can be read at once.

    Attributes:
        registry: Holds these metrics; part of the application's registry.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._queue_length = Gauge(
            "quittance_job_queue_length",
            "Files of jobs in the queue, being read or ready to be; the same for all gateways that share it.",
            registry=self.registry,
        )

    def show_queue_length(self, length: float) -> None:
        """Show the length of the queue; NaN if it is unknown."""
        self._queue_length.set(length)


@asynccontextmanager
async def watch_queue(broker: LendingBroker, metrics: JobMetrics) -> AsyncIterator[None]:
    """Show the length of a queue while the block runs."""
    async with run_in_background(_watch_regularly(broker, metrics), name="length of the job queue"):
        yield


async def _watch_regularly(broker: LendingBroker, metrics: JobMetrics) -> None:
    is_known = True
    while True:
        try:
            metrics.show_queue_length(await broker.count())
            is_known = True
        except Exception:  # Redis or the database is unavailable
            metrics.show_queue_length(math.nan)
            if is_known:
                _log.warning("The length of the job queue is unknown", exc_info=True)
            is_known = False
        await asyncio.sleep(_INTERVAL_S)
