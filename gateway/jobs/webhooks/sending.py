"""Webhooks in progress: many at once, but few to one host."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from gateway.background import cancel_and_wait
from gateway.jobs.model import DueWebhook

_MAX_AT_ONCE = 64
_MAX_PER_HOST = 4
# A webhook whose host is busy is due again after a pause, which grows with the number of webhooks that wait for the
# host: about as many per second come back, however many there are.
_MIN_PAUSE_S, _MAX_PAUSE_S = 0.5, 60.0
_BACK_PER_S = 20


class Sending:
    """Runs the attempts at webhooks, up to 64 at once and up to 4 per host."""

    def __init__(self) -> None:
        """Begin without any."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._per_host = Counter[str]()
        self._postponed = Counter[str]()

    async def wait_for_room(self) -> None:
        """Wait until another attempt may start."""
        while len(self._tasks) >= _MAX_AT_ONCE:
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)

    def start(self, due: DueWebhook, send: Callable[[DueWebhook], Awaitable[None]]) -> float:
        """Start an attempt in the background.

        Returns:
            0 if it was started; otherwise, the seconds after which its host may have room.
        """
        host = urlsplit(due.url).hostname or ""
        if self._per_host[host] >= _MAX_PER_HOST:
            self._postponed[host] += 1
            return min(_MIN_PAUSE_S + self._postponed[host] / _BACK_PER_S, _MAX_PAUSE_S)
        self._postponed[host] = max(self._postponed[host] - 1, 0)
        self._per_host[host] += 1
        task = asyncio.create_task(self._run(host, due, send))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return 0.0

    async def stop(self) -> None:
        """Cancel all attempts; they are due again when their leases end."""
        await cancel_and_wait(*self._tasks)

    async def _run(self, host: str, due: DueWebhook, send: Callable[[DueWebhook], Awaitable[None]]) -> None:
        try:
            await send(due)
        finally:
            self._per_host[host] -= 1
            if not self._per_host[host]:  # forget hosts that are idle
                del self._per_host[host]
                self._postponed.pop(host, None)
