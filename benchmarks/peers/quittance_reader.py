"""Quittance embedded in a process: the gateway with the three services inside, from bytes to fields, nothing cached."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Sequence
from importlib.metadata import version
from typing import Any, TypeVar

from quittance.evaluation.chain import start_chain

Result = TypeVar("Result")


class Reader:
    """Reads receipts with the embedded client.

    Args:
        cores: How many the process has; it finds that out itself.
    """

    def __init__(self, cores: int) -> None:
        del cores
        self._loop = asyncio.new_event_loop()
        self._stack = contextlib.AsyncExitStack()
        self._chain = self._run(self._stack.enter_async_context(start_chain()))
        self.version = f"Quittance {version('quittance')}"

    def read(self, picture: bytes) -> list[Any]:
        """The lines of a receipt; its fields are found, too."""
        receipt = self._run(self._chain.client.read(picture))
        return [[line.quad, line.text] for line in receipt.lines]

    def read_all(self, pictures: Sequence[bytes], clients: int) -> None:
        """Read pictures, so many at once."""

        async def client(waiting: list[bytes]) -> None:
            while waiting:
                await self._chain.client.read(waiting.pop(0))

        async def together() -> None:
            waiting = list(pictures)
            await asyncio.gather(*(client(waiting) for _ in range(clients)))

        self._run(together())

    def close(self) -> None:
        """End the chain."""
        self._run(self._stack.aclose())

    def _run(self, task: Coroutine[Any, Any, Result]) -> Result:
        return self._loop.run_until_complete(task)
