"""Places for work, given to waiting callers in turn."""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque

from shared.problems import ProblemError

_RETRY_AFTER_S = 2
# A caller may wait this many times in the room that is left, so that there is some left for the next caller.
_SHARE = 1


def is_within_share(own: int, total: int, limit: int, share: int) -> bool:
    """Return whether a caller with `own` of the `total` taken places, of `limit`, may take another.

    Switches share their buffers so: Choudhury and Hahne, Dynamic queue length thresholds, 1998.

    Args:
        own: Places that the caller has taken.
        total: Places that all callers have taken.
        limit: Number of places.
        share: How many times the room that is left a caller may take.
    """
    return own < share * (limit - total)


class FairSlots:
    """Limits how much runs at once.

    A slot that becomes free goes to the waiting caller with the fewest slots, then to the one whose last turn was
    longest ago. The requests of one caller are served in order.

    Args:
        count: Number of slots.
        max_waiting: Maximum number of waiting requests; one caller may have at most half of them.
    """

    def __init__(self, count: int, max_waiting: int) -> None:
        self._free = count
        self._max_waiting = max_waiting
        self._held: Counter[str] = Counter()
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    async def acquire(self, caller: str) -> None:
        """Wait for a slot.

        Args:
            caller: Whom to count the slot for.

        Raises:
            ProblemError: 503 `overloaded` if too many are waiting.
        """
        if self._free > 0 and not self._waiting:
            self._take(caller)
            return
        total = sum(map(len, self._waiting.values()))
        if not is_within_share(len(self._waiting.get(caller, ())), total, self._max_waiting, _SHARE):
            raise _overloaded_problem()
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue = self._waiting.setdefault(caller, deque())
        queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.release(caller)
            else:
                queue.remove(turn)
                if not queue:
                    del self._waiting[caller]
            raise

    def release(self, caller: str) -> None:
        """Give a slot back."""
        self._free += 1
        self._held[caller] -= 1
        if not self._held[caller]:
            del self._held[caller]
        if caller in self._waiting:
            self._waiting.move_to_end(caller)
        if self._waiting:
            # The first of equals is the one whose last turn was longest ago.
            following = min(self._waiting, key=lambda waiting: self._held[waiting])
            queue = self._waiting[following]
            queue.popleft().set_result(None)
            self._take(following)
            if not queue:
                del self._waiting[following]

    def _take(self, caller: str) -> None:
        self._free -= 1
        self._held[caller] += 1


def _overloaded_problem() -> ProblemError:
    return ProblemError(
        503,
        "overloaded",
        "The service is overloaded",
        f"Too many pictures and documents are waiting to be decoded. Try again in {_RETRY_AFTER_S} s.",
        headers={"Retry-After": str(_RETRY_AFTER_S)},
    )
