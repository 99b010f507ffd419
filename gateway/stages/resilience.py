"""What keeps a stage that is in trouble from being asked too much: a budget for retries, and a breaker.

Both are own code, a few lines each. Of the retry libraries none has a budget. The one well-kept breaker for asyncio,
purgatory, lets all callers through at once when it tries again, and takes a caller who hangs up for a failure.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

_SHARE = 0.2
_LEAST = 3


class RetryBudget:
    """Lets so few calls be tried again that retries cannot become the load (as Envoy does).

    At a time, a fifth of the calls under way may be retries, or three.
    """

    def __init__(self) -> None:
        self._calls = 0
        self._retries = 0

    @contextmanager
    def call(self) -> Iterator[None]:
        """Counts a call, its retries included, for as long as the block runs."""
        self._calls += 1
        try:
            yield
        finally:
            self._calls -= 1

    @contextmanager
    def retry(self) -> Iterator[bool]:
        """Counts a retry for as long as the block runs; gives whether it may be made."""
        granted = self._retries < max(_LEAST, _SHARE * self._calls)
        self._retries += granted
        try:
            yield granted
        finally:
            self._retries -= granted


def pause_before(retry: int) -> float:
    """Seconds to wait before the first (1), second, ... retry: longer each time, and not the same for all."""
    return random.uniform(0.05, 0.15) * 2.0 ** (retry - 1)  # noqa: S311 - only spreads


class Breaker:
    """Refuses calls at once after several failed in a row; then lets one through at a time to see whether it is over.

    Args:
        threshold: Failures in a row that open it.
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
        """Whether calls are let through; a trial does not close it, its success does."""
        return "open" if self._failures >= self._threshold else "closed"

    def admit(self) -> int | None:
        """Lets a call through (None), or tells in how many seconds to try again."""
        now = self._clock()
        if self.state == "closed":
            return None
        if now >= self._next_trial:
            self._next_trial = now + self._open_s  # the trial is this call; the others wait on
            return None
        return max(math.ceil(self._next_trial - now), 1)

    def succeeded(self) -> None:
        """Tells that the stage answered, be it with a refusal."""
        self._failures = 0

    def failed(self) -> None:
        """Tells that the stage did not answer, or said that it cannot."""
        self._failures += 1
        if self._failures == self._threshold:
            self._next_trial = self._clock() + self._open_s
