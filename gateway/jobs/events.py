"""Server-sent events of jobs: first the current state, then every change until the job is done.

However many streams follow a job, its changes are looked up and written once, and all jobs are looked up together.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event

from gateway.jobs.contracts import Counts, FileState
from gateway.jobs.model import Snapshot
from gateway.jobs.stores.job_store import JobStore, JobsUnavailableError
from shared.contracts import Contract
from shared.service.health import Health

_POLL_INTERVAL_S = 0.3
_KEEPALIVE_S = 10.0  # proxies close connections that are idle for long

_log = logging.getLogger(__name__)

# Events to send, and None at the end of the stream.
_Stream = asyncio.Queue[bytes | None]


class _Feed:
    """The streams that follow one job, and its state as far as they were told."""

    def __init__(self) -> None:
        self.streams: set[_Stream] = set()
        self.snapshot: Snapshot | None = None
        self.files: dict[int, FileState] = {}
        self.revision = 0

    def show(self, snapshot: Snapshot) -> None:
        """Begin with a state of the job, unless a later one is known."""
        if self.snapshot is None:
            self.snapshot, self.revision = snapshot, snapshot.revision
            self.files = {file.index: file for file in snapshot.files}

    @property
    def counts(self) -> Counts:
        return Counts.of(list(self.files.values()))

    def publish(self, events: bytes) -> None:
        for stream in self.streams:
            stream.put_nowait(events)

    def end(self) -> None:
        for stream in self.streams:
            stream.put_nowait(None)


class JobEvents:
    """Follows jobs for all streams of this process.

    Args:
        store: Where to look for changes.
    """

    def __init__(self, store: JobStore) -> None:
        self._store = store
        self._feeds: dict[str, _Feed] = {}
        self._task: asyncio.Task[None] | None = None

    async def follow(self, job_id: str, health: Health) -> AsyncIterator[bytes] | None:
        """Return the stream of a job: `file` (a FileState) per file and change, `progress` (Counts), `done` (a Job).

        The stream of a deleted job ends with a `done` event whose job is `cancelled`. When this process drains, the
        stream ends without `done`; a client that reconnects gets the current state again.

        Args:
            job_id: The ID of the job.
            health: Whether this process is draining.

        Returns:
            The stream, or None if there is no such job.

        Raises:
            JobsUnavailableError: If the job cannot be looked up.
        """
        if await self._store.find(job_id) is None:
            return None
        return self._stream(job_id, health)

    async def _stream(self, job_id: str, health: Health) -> AsyncIterator[bytes]:
        with self._join(job_id, health) as (feed, stream):
            # After joining, so that no change is missed; what is published meanwhile is repeated.
            snapshot = await self._store.find(job_id)
            if snapshot is None or health.is_draining:
                return
            feed.show(snapshot)
            counts = Counts.of(snapshot.files)
            yield b"".join(_format_event("file", file) for file in snapshot.files) + _format_event("progress", counts)
            if _is_finished(counts):
                yield _format_event("done", snapshot.to_job())
                return
            while True:
                try:
                    async with asyncio.timeout(_KEEPALIVE_S):
                        events = await stream.get()
                except TimeoutError:
                    yield KEEPALIVE_COMMENT
                    continue
                if events is None:
                    return
                yield events

    @contextmanager
    def _join(self, job_id: str, health: Health) -> Iterator[tuple[_Feed, _Stream]]:
        feed = self._feeds.setdefault(job_id, _Feed())
        stream: _Stream = asyncio.Queue()
        feed.streams.add(stream)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._watch(health), name="events of jobs")
        try:
            yield feed, stream
        finally:
            feed.streams.discard(stream)
            if not feed.streams and self._feeds.get(job_id) is feed:
                del self._feeds[job_id]

    async def _watch(self, health: Health) -> None:
        """Publish changes while anyone follows a job."""
        while self._feeds and not health.is_draining:
            await asyncio.sleep(_POLL_INTERVAL_S)
            try:
                await self._publish_changes()
            except JobsUnavailableError as error:
                _log.warning("Changes of jobs not looked up", extra={"reason": str(error)})
        for feed in self._feeds.values():
            feed.end()

    async def _publish_changes(self) -> None:
        feeds = {job_id: feed for job_id, feed in self._feeds.items() if feed.snapshot is not None}
        if not feeds:
            return
        revisions = await self._store.find_revisions(list(feeds))
        for job_id, feed in feeds.items():
            if revisions.get(job_id) != feed.revision:
                await self._publish(job_id, feed)

    async def _publish(self, job_id: str, feed: _Feed) -> None:
        changes = await self._store.find_changes(job_id, feed.revision)
        if changes is None:
            self._end_deleted(job_id, feed)
            return
        feed.revision, changed = changes
        feed.files |= {file.index: file for file in changed}
        counts = feed.counts
        feed.publish(b"".join(_format_event("file", file) for file in changed) + _format_event("progress", counts))
        if _is_finished(counts):
            final = await self._store.find(job_id)
            if final is not None:
                feed.publish(_format_event("done", final.to_job()))
            self._end(job_id, feed)

    def _end_deleted(self, job_id: str, feed: _Feed) -> None:
        if feed.snapshot is not None:
            job = feed.snapshot.to_job().model_copy(update={"state": "cancelled", "counts": feed.counts})
            feed.publish(_format_event("done", job))
        self._end(job_id, feed)

    def _end(self, job_id: str, feed: _Feed) -> None:
        feed.end()
        # Who joins from now on begins with the final state.
        if self._feeds.get(job_id) is feed:
            del self._feeds[job_id]


def _is_finished(counts: Counts) -> bool:
    return counts.queued == counts.running == 0


def _format_event(name: str, content: Contract) -> bytes:
    return format_sse_event(event=name, data_str=content.model_dump_json())
