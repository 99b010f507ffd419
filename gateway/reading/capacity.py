"""A limit on the receipts and documents in progress: further ones are refused at once, instead of all being late."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from shared.pictures.slots import is_within_share
from shared.problems import ProblemError
from shared.service.request_context import current_caller

_MAX_RETRY_AFTER_S = 30
_SHARE = 7
# Weight of the latest receipt in the moving average of reading times.
_AVERAGE_WEIGHT = 0.2


class Capacity:
    """Counts the receipts being read and the documents being rendered; what is cached costs next to nothing.

    One caller may take all places but one in eight, which is left for the next caller.

    Args:
        max_receipts: Maximum number of receipts and documents at once.
    """

    def __init__(self, max_receipts: int) -> None:
        self._max_receipts = max_receipts
        self._receipts = 0
        self._by_caller: Counter[str] = Counter()
        self._average_s = 0.0

    @contextmanager
    def occupy(self) -> Iterator[None]:
        """Count one receipt or document of the current caller for as long as the block runs.

        Raises:
            ProblemError: 503 if there are too many, with the time that a receipt takes at present as `Retry-After`.
        """
        caller = current_caller()
        if not is_within_share(self._by_caller[caller], self._receipts, self._max_receipts, _SHARE):
            raise self._overloaded_problem()
        self._receipts += 1
        self._by_caller[caller] += 1
        start = time.monotonic()
        try:
            yield
        finally:
            self._receipts -= 1
            self._by_caller[caller] -= 1
            if not self._by_caller[caller]:
                del self._by_caller[caller]
            self._average_s += _AVERAGE_WEIGHT * (time.monotonic() - start - self._average_s)

    def _overloaded_problem(self) -> ProblemError:
        retry_after_s = min(max(math.ceil(self._average_s), 1), _MAX_RETRY_AFTER_S)
        return ProblemError(
            503,
            "overloaded",
            "The service is overloaded",
            f"{self._receipts} receipts are being read; there is no room for another. Try again in {retry_after_s} s.",
            headers={"Retry-After": str(retry_after_s)},
        )
