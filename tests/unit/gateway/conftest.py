"""Fixtures for all tests of the gateway."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.settings import GatewaySettings
from tests.support.gateway import Gateway, run_gateway


@pytest.fixture(autouse=True)
def _isolated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Run each test in an empty folder and without the settings of the person who runs it."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("QUITTANCE_"):
            monkeypatch.delenv(name)


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    """A gateway with default settings, in front of stand-ins."""
    async with run_gateway(GatewaySettings()) as running:
        yield running
