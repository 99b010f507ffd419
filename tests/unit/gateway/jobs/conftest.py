"""Fixtures for tests of jobs."""

from __future__ import annotations

import pytest

from gateway.jobs import worker


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_MIN_PAUSE_S", 0.01)
