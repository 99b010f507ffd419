"""A limit on the receipts read at once: further ones are refused immediately, instead of all being late."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

from shared.problems import ProblemError

_MAX_RETRY_AFTER_S = 30
# Weight of the latest receipt in the moving average of reading times.
_AVERAGE_WEIGHT = 0.2


class Capacity:
    """Counts the receipts being read; those in the cache cost next to nothing and are not counted.

    Args:
        max_receipts: Maximum number of receipts at once.
    """

    def __init__(self, max_receipts: int) -> None:
        self._max_receipts = max_receipts
        self._receipts = 0
        self._average_s = 0.0

    @contextmanager
    def occupy(self) -> Iterator[None]:
        """Count one receipt for as long as the block runs.

        Raises:
            ProblemError: 503 if there are too many, with the time that a receipt takes at present as `Retry-After`.
        """
        if self._receipts >= self._max_receipts:
            raise self._overloaded_problem()
        self._receipts += 1
        start = time.monotonic()
        try:
            yield
        finally:
            self._receipts -= 1
            self._average_s += _AVERAGE_WEIGHT * (time.monotonic() - start - self._average_s)

    def _overloaded_problem(self) -> ProblemError:
        retry_after_s = min(max(math.ceil(self._average_s), 1), _MAX_RETRY_AFTER_S)
        return ProblemError(
            503,
            "overloaded",
            "The service is overloaded",
            f"{self._receipts} receipts are being read, which is the maximum. Try again in {retry_after_s} s.",
            headers={"Retry-After": str(retry_after_s)},
        )
