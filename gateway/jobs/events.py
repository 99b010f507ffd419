"""Server-sent events of a job: first what is, then what changes, until the job is done."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable

from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event

from gateway.jobs.contracts import Counts
from gateway.jobs.model import JobStore, Snapshot
from shared.contracts import Contract

_LOOK_S = 0.3
_SILENCE_S = 10.0  # proxies close what says nothing for long


async def job_events(store: JobStore, snapshot: Snapshot, ending: Callable[[], bool]) -> AsyncIterator[bytes]:
    """Yields `file` (a FileState) for each file and each change, `progress` (Counts), and at last `done` (a Job).

    A job that is deleted ends with the state `cancelled`. The stream ends without `done` when this process does; who
    asks again gets the present state anew.

    Args:
        store: Where to look for changes.
        snapshot: The job now.
        ending: Whether this process is about to end.
    """
    files = {file.index: file for file in snapshot.files}
    changed, revision, told = snapshot.files, snapshot.revision, 0.0
    while not ending():
        for file in changed:
            files[file.index] = file
            yield _event("file", file)
        counts = Counts.of(list(files.values()))
        if changed:
            yield _event("progress", counts)
            told = time.monotonic()
        elif time.monotonic() - told > _SILENCE_S:
            yield KEEPALIVE_COMMENT
            told = time.monotonic()
        if counts.queued == counts.running == 0:
            break
        await asyncio.sleep(_LOOK_S)
        changes = await store.changes(snapshot.record.id, revision)
        if changes is None:
            yield _event("done", snapshot.job().model_copy(update={"state": "cancelled", "counts": counts}))
            return
        revision, changed = changes
    else:
        return
    last = await store.get(snapshot.record.id)
    if last is not None:
        yield _event("done", last.job())


def _event(name: str, content: Contract) -> bytes:
    return format_sse_event(event=name, data_str=content.model_dump_json())
