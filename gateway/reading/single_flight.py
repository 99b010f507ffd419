"""One computation for all who ask for the same thing at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from shared.service.deadline import Deadline

Result = TypeVar("Result")


@dataclass
class _Flight(Generic[Result]):
    task: asyncio.Task[Result]
    deadline: Deadline
    waiting: int = 0


class SingleFlight(Generic[Result]):
    """Joins concurrent calls with the same key into one computation.

    The computation belongs to nobody in particular: it goes on while anybody waits for it, whoever asked first, and is
    cancelled with the last one who waits. Its failure is everybody's failure. Its deadline is that of the one who has
    most time. Nothing is kept afterwards.
    """

    def __init__(self) -> None:
        self._flights: dict[str, _Flight[Result]] = {}

    def __len__(self) -> int:
        """The number of computations under way."""
        return len(self._flights)

    async def run(self, key: str, compute: Callable[[Deadline], Awaitable[Result]], deadline: Deadline) -> Result:
        """Gives the result of the computation under way for the key, or starts one.

        Args:
            key: What is asked for.
            compute: Is given the deadline of the computation, which is put off while it runs if others join.
            deadline: Of this caller; whoever does not want to wait longer has to see to that.
        """
        flight = self._flights.get(key)
        if flight is None or flight.deadline.remaining() <= 0:  # one out of time is about to fail
            shared = deadline.copy()
            flight = _Flight(asyncio.ensure_future(_call(compute, shared)), shared)
            self._flights[key] = flight
            flight.task.add_done_callback(lambda _: self._forget(key, flight))
        flight.deadline.extend_to(deadline)
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


async def _call(compute: Callable[[Deadline], Awaitable[Result]], deadline: Deadline) -> Result:
    return await compute(deadline)
