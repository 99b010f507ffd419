"""Quittance in one process: the gateway with the three services, from bytes to fields, with nothing cached."""

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
        cores: Ignored; Quittance finds out how many cores the process has.
    """

    def __init__(self, cores: int) -> None:
        del cores
        self._loop = asyncio.new_event_loop()
        self._stack = contextlib.AsyncExitStack()
        self._chain = self._run(self._stack.enter_async_context(start_chain()))
        self.version = f"Quittance {version('quittance')}"

    def read(self, picture: bytes) -> list[Any]:
        """Return the quads and texts of a receipt; its fields are read too."""
        receipt = self._run(self._chain.client.receipts.read(picture))
        return [[line.quad, line.text] for line in receipt.lines]

    def read_all(self, pictures: Sequence[bytes], clients: int) -> None:
        """Read pictures with several concurrent clients."""

        async def client(waiting: list[bytes]) -> None:
            while waiting:
                await self._chain.client.receipts.read(waiting.pop(0))

        async def run_clients() -> None:
            waiting = list(pictures)
            await asyncio.gather(*(client(waiting) for _ in range(clients)))

        self._run(run_clients())

    def close(self) -> None:
        """Stop the chain."""
        self._run(self._stack.aclose())

    def _run(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        return self._loop.run_until_complete(coroutine)
