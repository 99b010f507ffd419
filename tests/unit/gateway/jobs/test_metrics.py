"""The length of the job queue as a metric."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator

import pytest
from taskiq import AckableMessage, BrokerMessage

from gateway.jobs import metrics as module
from gateway.jobs.brokers.broker import LendingBroker
from gateway.jobs.metrics import JobMetrics, watch_queue


class CountingBroker(LendingBroker):
    """A queue of a given length, or one that is unavailable."""

    length: int | None = 3

    async def count(self) -> int:
        if self.length is None:
            raise ConnectionError("down")
        return self.length

    async def kick(self, message: BrokerMessage) -> None:
        raise NotImplementedError

    async def listen(self) -> AsyncGenerator[AckableMessage, None]:
        raise NotImplementedError
        yield

    async def lend(self) -> tuple[str, bytes] | None:
        raise NotImplementedError

    async def renew(self, message_ids: list[str]) -> None:
        raise NotImplementedError

    async def settle(self, message_id: str) -> None:
        raise NotImplementedError

    async def give_back(self, message_ids: list[str]) -> None:
        raise NotImplementedError


async def wait_for_length(metrics: JobMetrics, expected: float) -> None:
    async with asyncio.timeout(5):
        while True:
            shown = metrics.registry.get_sample_value("quittance_job_queue_length")
            assert shown is not None
            if shown == expected or (math.isnan(shown) and math.isnan(expected)):
                return
            await asyncio.sleep(0.005)


async def test_shows_the_length_and_that_it_is_unknown(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "_INTERVAL_S", 0.001)
    broker, metrics = CountingBroker(lease_s=1.0), JobMetrics()
    async with watch_queue(broker, metrics):
        await wait_for_length(metrics, 3)
        broker.length = None
        await wait_for_length(metrics, math.nan)
        await asyncio.sleep(0.02)
        # One warning, not one per attempt.
        assert [record.message for record in caplog.records] == ["The length of the job queue is unknown"]
        broker.length = 5
        await wait_for_length(metrics, 5)
