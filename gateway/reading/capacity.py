"""How many receipts are read at once: more are refused at once, instead of all being late."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

from shared.problems import ProblemError

_LONGEST_RETRY_S = 30
_WEIGHT = 0.2


class Admission:
    """Counts the receipts being read; those in the cache cost next to nothing and are not counted.

    Args:
        most: Receipts at once.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._reading = 0
        self._seconds = 0.0

    @contextmanager
    def enter(self) -> Iterator[None]:
        """Counts one receipt for as long as the block runs.

        Raises:
            ProblemError: 503 with `Retry-After`, as long as a receipt takes at present, if there are too many.
        """
        if self._reading >= self._most:
            raise self._overloaded()
        self._reading += 1
        begun = time.monotonic()
        try:
            yield
        finally:
            self._reading -= 1
            self._seconds += _WEIGHT * (time.monotonic() - begun - self._seconds)

    def _overloaded(self) -> ProblemError:
        retry_after_s = min(max(math.ceil(self._seconds), 1), _LONGEST_RETRY_S)
        return ProblemError(
            503,
            "overloaded",
            "The service is overloaded",
            f"{self._reading} receipts are being read, the most at a time. Try again in {retry_after_s} s.",
            headers={"Retry-After": str(retry_after_s)},
        )
