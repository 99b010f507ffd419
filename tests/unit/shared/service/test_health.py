"""Liveness and readiness of parts that make no progress."""

from __future__ import annotations

import pytest

from shared.problems import ProblemError
from shared.service.health import STUCK_S, Health, WorkWatch


def test_a_stuck_part_ends_liveness_and_readiness() -> None:
    health, busy_s = Health(), 0.0
    health.watch("decoder", lambda: busy_s)
    health.start()
    health.mark_ready("toy-1")
    assert health.require_alive().status == "ok"
    busy_s = STUCK_S + 1
    with pytest.raises(ProblemError, match="stuck") as caught:
        health.require_alive()
    assert caught.value.status == 503
    assert "decoder" in caught.value.detail
    assert health.broken_parts == ["decoder"]  # the server ends the process
    assert not health.is_ready


def test_the_oldest_work_counts() -> None:
    watch = WorkWatch()
    assert watch.busy_s() == 0
    watch.begin("a")
    watch.begin("b")
    oldest = watch.busy_s()
    watch.end("a")
    watch.end("a")
    assert 0 <= watch.busy_s() <= oldest + 60
    watch.end("b")
    assert watch.busy_s() == 0
