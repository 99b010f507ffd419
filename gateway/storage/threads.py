"""Threads for SQLite and files of the state directory, apart from all other work.

A disk that hangs holds up what needs it, but no reading of receipts; and slow computations never hold up state.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

from shared.service.health import WorkWatch

Result = TypeVar("Result")

_MAX_THREADS = 4

# Since when the threads have been at their work, for the health of the gateway.
state_watch = WorkWatch()
_threads = ThreadPoolExecutor(_MAX_THREADS, thread_name_prefix="state")


async def run_in_state_thread(function: Callable[..., Result], *arguments: object) -> Result:
    """Call a function that uses the state directory in a thread that does nothing else, and return its result."""
    context = copy_context()
    return await asyncio.get_running_loop().run_in_executor(_threads, context.run, _run_watched, function, arguments)


def _run_watched(function: Callable[..., Result], arguments: tuple[object, ...]) -> Result:
    work = object()
    state_watch.begin(work)
    try:
        return function(*arguments)
    finally:
        state_watch.end(work)
