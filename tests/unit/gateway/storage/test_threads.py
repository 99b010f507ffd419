"""Threads for the state directory."""

from __future__ import annotations

import asyncio
import threading

from gateway.storage.threads import run_in_state_thread, state_watch


async def test_state_is_read_while_all_other_threads_are_busy() -> None:
    release = threading.Event()
    busy = [asyncio.create_task(asyncio.to_thread(release.wait, 30)) for _ in range(64)]
    await asyncio.sleep(0)
    try:
        name = await asyncio.wait_for(run_in_state_thread(lambda: threading.current_thread().name), 10)
        assert name.startswith("state")
    finally:
        release.set()
        await asyncio.gather(*busy)


async def test_a_thread_that_hangs_is_noticed() -> None:
    release = threading.Event()
    hanging = asyncio.create_task(run_in_state_thread(release.wait, 30))
    for _ in range(500):
        if state_watch.busy_s() > 0:
            break
        await asyncio.sleep(0.01)
    assert state_watch.busy_s() > 0
    release.set()
    assert await hanging
    assert state_watch.busy_s() == 0
