"""Fixtures of the client's tests."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from tests.support.fake_gateway import Clock, FakeGateway, receipt


@pytest.fixture
def gateway() -> FakeGateway:
    return FakeGateway([receipt()])


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Replace the clock in the modules of the client that use it; the event loop keeps its own."""
    clock = Clock()

    async def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        await asyncio.sleep(0)

    fake_time = SimpleNamespace(monotonic=lambda: clock.now, sleep=clock.sleep)
    fake_asyncio = SimpleNamespace(sleep=sleep, to_thread=asyncio.to_thread)
    for module in ("_retries", "_events", "_sending", "_jobs"):
        monkeypatch.setattr(f"quittance_client.{module}.time", fake_time, raising=False)
    for module in ("_sending", "_jobs"):
        monkeypatch.setattr(f"quittance_client.{module}.asyncio", fake_asyncio)
    return clock


@pytest.fixture(autouse=True)
def _no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("QUITTANCE_API_KEY", raising=False)
