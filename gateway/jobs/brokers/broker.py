"""Queues of files to read: brokers for taskiq that lend a message, and lend it again if the worker dies.

taskiq's own broker for Redis streams looks for the messages of dead workers only when a new message arrives, and lends
a message that a worker has had for long to a second one. Here a worker renews the leases of its messages while it is
alive; a message whose lease ends goes to another worker.
"""

from __future__ import annotations

import asyncio
import logging
from abc import abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Callable

from taskiq import AckableMessage, AsyncBroker

from gateway.background import run_in_background

_RENEWALS_PER_LEASE = 3

_log = logging.getLogger(__name__)


class LendingBroker(AsyncBroker):
    """A broker that lends messages for `lease_s` seconds and renews the leases of those this process works on.

    Messages are lent one by one, so only to workers that are idle; the oldest first.
    """

    def __init__(self, lease_s: float) -> None:
        super().__init__()
        self.lease_s = lease_s
        self._held: set[str] = set()

    @abstractmethod
    async def lend(self) -> tuple[str, bytes] | None:
        """Take the oldest free message and return its ID and bytes; wait a moment if there is none."""

    @abstractmethod
    async def count(self) -> int:
        """Return how many messages are in the queue, lent ones included."""

    @abstractmethod
    async def renew(self, message_ids: list[str]) -> None:
        """Extend the leases of messages to their full length."""

    @abstractmethod
    async def settle(self, message_id: str) -> None:
        """Delete a message whose work is done."""

    @abstractmethod
    async def give_back(self, message_ids: list[str]) -> None:
        """End the leases of messages, so that others get them at once."""

    async def listen(self) -> AsyncGenerator[AckableMessage, None]:
        """Yield messages, and renew their leases meanwhile."""
        async with run_in_background(self._renew_regularly(), name="leases of job files"):
            while True:
                lent = await self.lend()
                if lent is not None:
                    message_id, data = lent
                    self._held.add(message_id)
                    yield AckableMessage(data=data, ack=self._build_ack(message_id))

    async def give_back_all(self) -> None:
        """Give back all messages that this process has; called before it ends."""
        held, self._held = list(self._held), set()
        if held:
            await self.give_back(held)

    def _build_ack(self, message_id: str) -> Callable[[], Awaitable[None]]:
        async def ack() -> None:
            await self.settle(message_id)
            self._held.discard(message_id)

        return ack

    async def _renew_regularly(self) -> None:
        while True:
            await asyncio.sleep(self.lease_s / _RENEWALS_PER_LEASE)
            try:
                if self._held:
                    await self.renew(list(self._held))
            except Exception:  # at worst a file is read twice
                _log.warning("Leases of job files could not be renewed", exc_info=True)
