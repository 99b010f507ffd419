"""What all stages share: an event loop that outlives the calls, and failures that stay with their document."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, TypeVar

from bulk.documents import Document
from shared.problems import ProblemError
from shared.service.batching import DynamicBatcher

Item = TypeVar("Item")
Result = TypeVar("Result")
Entered = TypeVar("Entered")

# Batchers refuse more than is waiting elsewhere; here, all that waits is the block that was just received.
_NO_LIMIT = 10**9
_OVERLOADED = 503

_log = logging.getLogger(__name__)


class StageBrokenError(RuntimeError):
    """A stage can no longer work, whatever the document."""


class Stage:
    """Base of the stages. Ray creates one in each actor and calls it with one block after the other."""

    def __init__(self) -> None:
        # Processes that decode, and threads that run networks, belong to a loop and are kept between the calls.
        self._runner = asyncio.Runner()
        self._resources = AsyncExitStack()

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine in the loop of the stage."""
        return self._runner.run(work)

    def keep_open(self, resource: AbstractAsyncContextManager[Entered]) -> Entered:
        """Enter a context for as long as the stage exists."""
        return self.run(self.enter(resource))

    def close(self) -> None:
        """Leave all contexts and end the loop; Ray ends actors without that."""
        self.run(self._resources.aclose())
        self._runner.close()

    async def enter(self, resource: AbstractAsyncContextManager[Entered]) -> Entered:
        """Do the same as `keep_open` inside the loop."""
        return await self._resources.enter_async_context(resource)

    async def process_all(self, documents: Iterable[tuple[Document, Callable[[], Awaitable[None]]]]) -> None:
        """Process documents at once; what goes wrong with one is noted there, and the others go on.

        Raises:
            StageBrokenError: If the stage itself no longer works.
        """
        await asyncio.gather(*(_process(document, work) for document, work in documents if document.fault is None))


def create_batcher(
    name: str,
    process: Callable[[list[Item]], Sequence[Result | Exception]],
    *,
    max_batch: int,
    group: Callable[[Item], Hashable] = lambda _: None,
) -> DynamicBatcher[Item, Result]:
    """Create a batcher, as in the services: an item that makes a batch fail is computed alone."""
    return DynamicBatcher(process, max_batch=max_batch, max_wait_ms=0.0, max_queue=_NO_LIMIT, group=group, name=name)


async def _process(document: Document, work: Callable[[], Awaitable[None]]) -> None:
    try:
        await work()
    except ProblemError as problem:
        if problem.status == _OVERLOADED:
            raise StageBrokenError(str(problem)) from problem
        document.fail(problem)
    except Exception as error:
        _log.exception("Document failed", extra={"source": document.source, "member": document.member})
        document.fail(
            ProblemError(
                500,
                "internal-error",
                "Something went wrong",
                f"{type(error).__name__} in this version of Quittance. The logs of Ray have the details; report it.",
            )
        )
