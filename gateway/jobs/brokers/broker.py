"""How files to read reach a worker: brokers of taskiq that lend a message, and lend it anew if the worker is gone.

taskiq's own broker over Redis streams looks for what dead workers left behind only when something new arrives, and
lends what a living worker has been at for long to a second one. Here a worker tells again and again what it has in
hand; what it does not tell of any more goes to another one within the lease.
"""

from __future__ import annotations

import asyncio
import logging
from abc import abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress

from taskiq import AckableMessage, AsyncBroker

_RENEWALS = 3  # within one lease

_log = logging.getLogger(__name__)


class LendingBroker(AsyncBroker):
    """A broker whose messages are lent for `lease_s` seconds at a time, for as long as this process has them in hand.

    Messages are lent one by one, and so only to workers that have nothing to do; the oldest first.
    """

    def __init__(self, lease_s: float) -> None:
        super().__init__()
        self.lease_s = lease_s
        self._held: set[str] = set()

    @abstractmethod
    async def lend(self) -> tuple[str, bytes] | None:
        """Takes the oldest message that nobody has in hand, as its id and bytes; waits a moment if there is none."""

    @abstractmethod
    async def renew(self, held: list[str]) -> None:
        """Begins the lease of these messages anew."""

    @abstractmethod
    async def settle(self, message_id: str) -> None:
        """Forgets a message: what it asked for is done."""

    @abstractmethod
    async def give_back(self, held: list[str]) -> None:
        """Lets others have these messages at once."""

    async def listen(self) -> AsyncGenerator[AckableMessage, None]:
        """Yields messages for as long as somebody asks for the next."""
        renewing = asyncio.create_task(self._renew_again_and_again(), name="leases of files of jobs")
        try:
            while True:
                lent = await self.lend()
                if lent is not None:
                    message_id, data = lent
                    self._held.add(message_id)
                    yield AckableMessage(data=data, ack=self._settler(message_id))
        finally:
            renewing.cancel()
            with suppress(asyncio.CancelledError):
                await renewing

    async def return_all(self) -> None:
        """Gives back what this process has in hand; before it ends."""
        held, self._held = list(self._held), set()
        if held:
            await self.give_back(held)

    def _settler(self, message_id: str) -> Callable[[], Awaitable[None]]:
        async def settle() -> None:
            await self.settle(message_id)
            self._held.discard(message_id)

        return settle

    async def _renew_again_and_again(self) -> None:
        while True:
            await asyncio.sleep(self.lease_s / _RENEWALS)
            try:
                if self._held:
                    await self.renew(list(self._held))
            except Exception:  # at worst a file is read twice
                _log.warning("The files in hand could not be told of", exc_info=True)
