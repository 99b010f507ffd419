"""What keeps calls from making a stage's trouble worse: a budget for retries, and a circuit breaker.

Both are a few lines. No retry library has a budget. The one maintained breaker for asyncio, purgatory, lets all callers
through at once when it tries again, and counts a caller who hangs up as a failure.
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Literal

from gateway.stages.problems import StageDownError, stage_down_problem
from shared.problems import ProblemError
from shared.service.deadline import Deadline

_MAX_RETRY_SHARE = 0.2
_MIN_RETRIES = 3


class CallGuard:
    """Decides whether and when a stage may be called.

    Args:
        stage: Name of the stage, for problems.
    """

    def __init__(self, stage: str) -> None:
        self._stage = stage
        self._budget = RetryBudget()
        self._breaker = Breaker()

    @asynccontextmanager
    async def attempt(self, retry: int, deadline: Deadline) -> AsyncIterator[bool]:
        """Pause before a retry, yield whether the attempt may be made, and learn from how the block ends.

        Args:
            retry: 0 for the first attempt of a call.
            deadline: Of the call; a retry that would start after it is refused.

        Raises:
            StageDownError: If the breaker is open.
        """
        with self._budget.attempt(is_retry=retry > 0) as in_budget:
            if retry:
                pause_s = retry_pause_s(retry)
                if not in_budget or pause_s >= deadline.remaining():
                    yield False
                    return
                await asyncio.sleep(pause_s)
            wait_s = self._breaker.admit()
            if wait_s is not None:
                raise stage_down_problem(self._stage, "does not answer", retry_after=str(wait_s))
            try:
                yield True
            except StageDownError:
                self._breaker.record_failure()
                raise
            # Any other problem shows that the stage is alive: it refused, or ran out of time.
            except ProblemError:
                self._breaker.record_success()
                raise
            self._breaker.record_success()

    def record_success(self) -> None:
        """Close the breaker, because the stage answered outside of a call."""
        self._breaker.record_success()


class RetryBudget:
    """Limits retries so that they cannot become the load, as Envoy does.

    At any time, a fifth of the attempts in progress may be retries, or three.
    """

    def __init__(self) -> None:
        self._attempts = 0
        self._retries = 0

    @contextmanager
    def attempt(self, *, is_retry: bool) -> Iterator[bool]:
        """Count an attempt for as long as the block runs; yield whether it is within the budget."""
        self._attempts += 1
        granted = not is_retry or self._retries < max(_MIN_RETRIES, _MAX_RETRY_SHARE * self._attempts)
        counted = is_retry and granted
        self._retries += counted
        try:
            yield granted
        finally:
            self._attempts -= 1
            self._retries -= counted


class Breaker:
    """Refuses calls after several failures in a row, then lets one at a time through to see whether it is over.

    Args:
        threshold: Failures in a row that open the breaker.
        open_s: Seconds until the first trial, and between trials.
        clock: Seconds, monotonic.
    """

    def __init__(self, *, threshold: int = 5, open_s: float = 1.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._threshold = threshold
        self._open_s = open_s
        self._clock = clock
        self._failures = 0
        self._next_trial = 0.0

    @property
    def state(self) -> Literal["closed", "open"]:
        """Whether calls are let through. Only the success of a trial closes the breaker, not the trial itself."""
        return "open" if self._failures >= self._threshold else "closed"

    def admit(self) -> int | None:
        """Admit a call and return None, or return the seconds after which to try again."""
        now = self._clock()
        if self.state == "closed":
            return None
        if now >= self._next_trial:
            # This call is the trial; the others keep waiting.
            self._next_trial = now + self._open_s
            return None
        return max(math.ceil(self._next_trial - now), 1)

    def record_success(self) -> None:
        """Note that the stage answered, even if it refused the request."""
        self._failures = 0

    def record_failure(self) -> None:
        """Note that the stage did not answer, or said that it is down."""
        self._failures += 1
        if self._failures == self._threshold:
            self._next_trial = self._clock() + self._open_s


def retry_pause_s(retry: int) -> float:
    """Return the seconds to wait before the first (1), second, ... retry: longer each time, with random jitter."""
    return random.uniform(0.05, 0.15) * 2.0 ** (retry - 1)  # noqa: S311 - not a secret
