"""One computation for all who ask for the same thing at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

Result = TypeVar("Result")


@dataclass
class _Flight(Generic[Result]):
    task: asyncio.Task[Result]
    waiting: int = 0


class SingleFlight(Generic[Result]):
    """Joins concurrent calls with the same key into one computation.

    The computation belongs to nobody in particular: it goes on while anybody waits for it, whoever asked first, and is
    cancelled with the last one who waits. Its failure is everybody's failure. Nothing is kept afterwards.
    """

    def __init__(self) -> None:
        self._flights: dict[str, _Flight[Result]] = {}

    def __len__(self) -> int:
        """The number of computations under way."""
        return len(self._flights)

    async def run(self, key: str, compute: Callable[[], Awaitable[Result]]) -> Result:
        """Gives the result of the computation under way for the key, or starts one."""
        flight = self._flights.get(key)
        if flight is None:
            flight = _Flight(asyncio.ensure_future(_call(compute)))
            self._flights[key] = flight
            flight.task.add_done_callback(lambda _: self._forget(key, flight))
        flight.waiting += 1
        try:
            # Shielded: one who hangs up must not take the result from the others.
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if flight.waiting == 0 and not flight.task.done():
                self._forget(key, flight)  # at once, so that nobody joins a computation that is being cancelled
                flight.task.cancel()

    def _forget(self, key: str, flight: _Flight[Result]) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]


async def _call(compute: Callable[[], Awaitable[Result]]) -> Result:
    return await compute()
