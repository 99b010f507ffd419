"""The retry budget and the circuit breaker."""

from __future__ import annotations

from contextlib import ExitStack

from gateway.stages.resilience import Breaker, RetryBudget, retry_pause_s
from tests.support.clock import FakeClock


def test_breaker_opens_admits_one_trial_at_a_time_and_closes() -> None:
    clock = FakeClock()
    breaker = Breaker(threshold=3, open_s=2.0, clock=clock)
    breaker.record_failure()
    breaker.record_failure()
    breaker.record_success()
    for _ in range(3):
        assert breaker.admit() is None
        breaker.record_failure()
    assert breaker.state == "open"
    assert breaker.admit() == 2
    clock.now = 1.5
    assert breaker.admit() == 1
    clock.now = 2.0
    # The trial.
    assert breaker.admit() is None
    assert breaker.admit() == 2
    breaker.record_failure()
    clock.now = 4.0
    assert breaker.admit() is None
    breaker.record_success()
    assert breaker.state == "closed"
    assert breaker.admit() is None


def test_retries_are_three_or_a_fifth_of_the_attempts() -> None:
    budget = RetryBudget()

    def count_granted(first_attempts: int) -> int:
        with ExitStack() as stack:
            for _ in range(first_attempts):
                assert stack.enter_context(budget.attempt(is_retry=False))
            granted = 0
            while stack.enter_context(budget.attempt(is_retry=True)):
                granted += 1
            return granted

    assert [count_granted(attempts) for attempts in (0, 11, 80, 0)] == [3, 3, 21, 3]


def test_pauses_grow_and_vary() -> None:
    assert 0.05 <= retry_pause_s(1) <= 0.15
    assert 0.1 <= retry_pause_s(2) <= 0.3
    assert len({retry_pause_s(1) for _ in range(10)}) == 10
