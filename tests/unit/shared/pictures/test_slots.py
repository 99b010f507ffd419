"""Turns of callers who wait for a slot."""

from __future__ import annotations

import asyncio

import pytest

from shared.pictures.slots import FairSlots, is_within_share
from shared.problems import ProblemError


async def line_up(slots: FairSlots, callers: str, order: list[str]) -> list[asyncio.Task[None]]:
    async def wait(caller: str) -> None:
        await slots.acquire(caller)
        order.append(caller)

    tasks = []
    for caller in callers:
        tasks.append(asyncio.create_task(wait(caller)))
        await asyncio.sleep(0)
    return tasks


async def drain(slots: FairSlots, order: list[str], count: int) -> None:
    for _ in range(count):
        slots.release(order[-1])
        await asyncio.sleep(0)


async def test_callers_take_turns() -> None:
    slots, order = FairSlots(1, 20), ["a"]
    await slots.acquire("a")
    tasks = await line_up(slots, "aaaabbc", order)
    await drain(slots, order, len(tasks))
    assert "".join(order) == "a" + "bcabaaa"


async def test_a_caller_without_a_slot_comes_before_one_that_has_some() -> None:
    slots, order = FairSlots(2, 20), ["a"]
    await slots.acquire("a")
    await slots.acquire("a")
    await line_up(slots, "aab", order)
    await drain(slots, order, 1)
    assert order[-1] == "b"


async def test_one_caller_cannot_take_all_places() -> None:
    slots, order = FairSlots(1, 8), ["a"]
    await slots.acquire("a")
    tasks = await line_up(slots, "a" * 8, order)
    refused = [task for task in tasks if task.done() and isinstance(task.exception(), ProblemError)]
    assert len(refused) == 4
    (other,) = await line_up(slots, "b", order)
    assert not other.done()
    for task in tasks:
        task.cancel()


async def test_canceled_callers_leave_the_line() -> None:
    slots, order = FairSlots(1, 8), ["a"]
    await slots.acquire("a")
    tasks = await line_up(slots, "bc", order)
    tasks[0].cancel()
    await asyncio.sleep(0)
    slots.release("a")
    tasks[1].cancel()  # after its turn came
    with pytest.raises(asyncio.CancelledError):
        await tasks[1]
    await asyncio.wait_for(slots.acquire("d"), 1)


@pytest.mark.parametrize(("limit", "allowed"), [(1, 1), (2, 1), (4, 2), (16, 8)])
def test_the_share_of_a_single_caller(limit: int, allowed: int) -> None:
    own = 0
    while is_within_share(own, own, limit, 1):
        own += 1
    assert own == allowed
