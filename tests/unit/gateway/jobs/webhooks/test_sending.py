"""Which webhooks are sent at once."""

from __future__ import annotations

import asyncio

from gateway.jobs.model import DueWebhook
from gateway.jobs.webhooks import sending
from gateway.jobs.webhooks.sending import Sending


class Receivers:
    """Receivers that answer when they are told to."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.may_answer = asyncio.Event()

    async def send(self, due: DueWebhook) -> None:
        self.started.append(due.job_id)
        await self.may_answer.wait()


def due(number: int, host: str = "a.example") -> DueWebhook:
    return DueWebhook(str(number), f"https://{host}/hook", 1)


async def test_few_webhooks_go_to_one_host_at_once() -> None:
    receivers, attempts = Receivers(), Sending()
    delays = [attempts.start(due(number), receivers.send) for number in range(200)]
    assert delays[:4] == [0, 0, 0, 0]
    assert all(delay > 0 for delay in delays[4:])
    assert delays[-1] > 5 * delays[4]  # they do not all come back at the same time
    assert attempts.start(due(1000, "b.example"), receivers.send) == 0
    await asyncio.sleep(0)
    assert receivers.started == ["0", "1", "2", "3", "1000"]
    receivers.may_answer.set()
    await asyncio.sleep(0.01)
    assert attempts.start(due(1001), receivers.send) == 0
    await attempts.stop()


async def test_waits_for_room() -> None:
    receivers, attempts = Receivers(), Sending()
    for number in range(sending._MAX_AT_ONCE):
        assert attempts.start(due(number, f"{number}.example"), receivers.send) == 0
    waiting = asyncio.create_task(attempts.wait_for_room())
    await asyncio.sleep(0.05)
    assert not waiting.done()
    receivers.may_answer.set()
    await asyncio.wait_for(waiting, 5)
    await attempts.stop()


async def test_stopping_cancels_what_is_in_progress() -> None:
    receivers, attempts = Receivers(), Sending()
    attempts.start(due(1), receivers.send)
    await asyncio.sleep(0)
    await asyncio.wait_for(attempts.stop(), 5)
    assert receivers.started == ["1"]
