"""Many who ask for the same at once, and the deadline of what is computed for them."""

from __future__ import annotations

import asyncio

import pytest

from gateway.reading.single_flight import SingleFlight
from shared.service.deadline import Deadline


async def test_calls_at_once_share_a_computation_and_its_failure() -> None:
    flights: SingleFlight[int] = SingleFlight()
    calls = 0

    async def fail(_: Deadline) -> int:
        nonlocal calls
        calls += 1
        await asyncio.sleep(0.01)
        raise ValueError("no")

    results = await asyncio.gather(*(flights.run("a", fail, Deadline(60)) for _ in range(5)), return_exceptions=True)
    assert [type(result) for result in results] == [ValueError] * 5
    assert calls == 1
    assert len(flights) == 0

    async def succeed(_: Deadline) -> int:
        return 7

    assert await flights.run("a", succeed, Deadline(60)) == 7


async def test_a_computation_ends_with_the_last_who_waits_for_it() -> None:
    flights: SingleFlight[int] = SingleFlight()
    ended: list[str] = []

    async def compute(_: Deadline) -> int:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise
        return 1

    callers = [asyncio.create_task(flights.run("a", compute, Deadline(60))) for _ in range(2)]
    await asyncio.sleep(0.01)
    callers[0].cancel()
    await asyncio.sleep(0.01)
    assert ended == []
    callers[1].cancel()
    await asyncio.sleep(0.01)
    assert ended == ["cancelled"]
    assert len(flights) == 0


async def test_the_deadline_is_that_of_who_has_most_time() -> None:
    flights: SingleFlight[float] = SingleFlight()

    async def compute(deadline: Deadline) -> float:
        await asyncio.sleep(0.02)
        return deadline.seconds

    short, long = Deadline(0.01), Deadline(5)
    results = await asyncio.gather(*(flights.run("a", compute, deadline) for deadline in (short, long, Deadline(1))))
    assert results == [5, 5, 5]
    assert short.seconds == pytest.approx(0.01)  # the callers' own stay as they are
