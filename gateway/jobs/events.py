"""Server-sent events of a job: first its current state, then every change until it is done."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event

from gateway.jobs.contracts import Counts
from gateway.jobs.model import Snapshot
from gateway.jobs.stores.job_store import JobStore
from shared.contracts import Contract
from shared.service.health import Health

_POLL_INTERVAL_S = 0.3
_KEEPALIVE_S = 10.0  # proxies close connections that are idle for long


async def stream_events(store: JobStore, snapshot: Snapshot, health: Health) -> AsyncIterator[bytes]:
    """Yield `file` (a FileState) for each file and change, `progress` (Counts), and finally `done` (a Job).

    The stream of a deleted job ends with a `done` event whose job is `cancelled`. When this process drains, the stream
    ends without `done`; a client that reconnects gets the current state again.

    Args:
        store: Where to look for changes.
        snapshot: The current state of the job.
        health: Whether this process is draining.
    """
    files = {file.index: file for file in snapshot.files}
    changed, revision, last_sent = snapshot.files, snapshot.revision, 0.0
    while not health.is_draining:
        for file in changed:
            files[file.index] = file
            yield _format_event("file", file)
        counts = Counts.of(list(files.values()))
        if changed:
            yield _format_event("progress", counts)
            last_sent = time.monotonic()
        elif time.monotonic() - last_sent > _KEEPALIVE_S:
            yield KEEPALIVE_COMMENT
            last_sent = time.monotonic()
        if counts.queued == counts.running == 0:
            break
        await asyncio.sleep(_POLL_INTERVAL_S)
        changes = await store.find_changes(snapshot.record.id, revision)
        if changes is None:
            yield _format_event("done", snapshot.to_job().model_copy(update={"state": "cancelled", "counts": counts}))
            return
        revision, changed = changes
    else:
        return
    final = await store.find(snapshot.record.id)
    if final is not None:
        yield _format_event("done", final.to_job())


def _format_event(name: str, content: Contract) -> bytes:
    return format_sse_event(event=name, data_str=content.model_dump_json())
