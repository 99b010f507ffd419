"""Jobs: many files that the gateway reads in the background."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import AsyncGenerator, Callable, Generator, Iterable
from contextlib import aclosing, closing
from typing import Self

from quittance_client import _calls
from quittance_client._calls import ReadOptions
from quittance_client._events import FINAL_STATES, EventReader, JobEvent, Watch
from quittance_client._files import NamedFileInput, read_named_file
from quittance_client._sending import AsyncSender, Sender
from quittance_client.errors import APIConnectionError, ServerError
from quittance_client.models import (
    CacheControl,
    Counts,
    ExportFormat,
    FileResult,
    FileState,
    Job,
    JobState,
    Orientation,
    Split,
)

OnProgress = Callable[[Counts], object]


class _Handle:
    """A job with its last known state.

    Attributes:
        latest: Job as the gateway last described it.
    """

    def __init__(self, job: Job) -> None:
        self.latest = job

    @property
    def id(self) -> str:
        """ID of the job."""
        return self.latest.id

    @property
    def state(self) -> JobState:
        """Last known state: queued, running, done or cancelled."""
        return self.latest.state

    @property
    def counts(self) -> Counts:
        """Last known number of files in each state."""
        return self.latest.counts

    @property
    def files(self) -> list[FileState]:
        """Last known state of each file."""
        return self.latest.files

    def __repr__(self) -> str:
        counts = self.counts
        return f"<{type(self).__name__} {self.id} {self.state}, {counts.finished} of {counts.total} files finished>"


class JobHandle(_Handle):
    """A job at the gateway, from `client.jobs.create` or `client.jobs.get`.

    Attributes:
        latest: Job as the gateway last described it.
    """

    def __init__(self, jobs: Jobs, job: Job) -> None:
        super().__init__(job)
        self._jobs = jobs

    def refresh(self) -> Self:
        """Ask for the present state and return this handle."""
        self.latest = self._jobs.get(self.id).latest
        return self

    def wait(
        self, *, timeout_s: float | None = None, poll_s: float | None = None, on_progress: OnProgress | None = None
    ) -> Self:
        """Block until all files are finished and return this handle; see `Jobs.wait`."""
        self.latest = self._jobs.wait(self.id, timeout_s=timeout_s, poll_s=poll_s, on_progress=on_progress)
        return self

    def events(self) -> Generator[JobEvent, None, None]:
        """Yield events as they happen; see `Jobs.events`."""
        return self._jobs.events(self.id)

    def results(self) -> list[FileResult]:
        """Return the results of all files that are finished, in the order they were sent."""
        return self._jobs.results(self.id)

    def export(self, file_format: ExportFormat) -> bytes:
        """Return the results of all files that are finished as a file."""
        return self._jobs.export(self.id, file_format)

    def delete(self) -> None:
        """Cancel what is not read yet and delete the job with its results."""
        self._jobs.delete(self.id)


class Jobs:
    """Operations on jobs: `client.jobs`."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def create(
        self,
        files: Iterable[NamedFileInput],
        *,
        orientation: Orientation | None = None,
        split: Split | None = None,
        cache_control: CacheControl | None = None,
        webhook_url: str | None = None,
        idempotency_key: str | None = None,
        timeout_s: float | None = None,
    ) -> JobHandle:
        """Send files to be read in the background.

        Args:
            files: Pictures, documents, or zip archives of them: paths, bytes, open files, or pairs of name and file.
            orientation: `auto` finds turned pages, `upright` takes pages as they are.
            split: How to separate the receipts in a file, as in `Receipts.read_separately`; None to read each file as
                one receipt.
            cache_control: `no-store` keeps no receipt after the job, `no-cache` reads again what is cached.
            webhook_url: URL to which the gateway posts the job when it is done.
            idempotency_key: The same key with the same files returns the same job. Retries use a key in any case.
            timeout_s: Seconds for the upload, including retries; 600 if left out.

        Raises:
            OSError: If a file cannot be read from disk.
            QuittanceError: If the gateway does not accept the files.
        """
        call = _calls.create_job(
            [read_named_file(file, index) for index, file in enumerate(files)],
            ReadOptions(orientation, cache_control, timeout_s),
            split=split,
            webhook_url=webhook_url,
            idempotency_key=idempotency_key,
        )
        return JobHandle(self, self._sender.send(call))

    def get(self, job_id: str) -> JobHandle:
        """Return a job; raise `NotFoundError` if there is none."""
        return JobHandle(self, self._sender.send(_calls.get_job(job_id)))

    def wait(
        self,
        job_id: str,
        *,
        timeout_s: float | None = None,
        poll_s: float | None = None,
        on_progress: OnProgress | None = None,
    ) -> Job:
        """Block until all files of a job are finished and return the job.

        Args:
            job_id: ID of the job.
            timeout_s: Seconds to wait; without limit if left out.
            poll_s: Seconds between two polls; if left out, the gateway's event stream is followed.
            on_progress: Called with the counts at the start and whenever they change.

        Returns:
            The job. Its state is `done`, even if files failed, or `cancelled` if it was deleted meanwhile.

        Raises:
            JobTimeoutError: If the job is not finished in time.
            QuittanceError: If the gateway cannot be reached for longer than retries go on.
        """
        watch = Watch(job_id, timeout_s, poll_s, self._sender.session.retries)
        with closing(self._states(job_id, watch)) as states:
            for state in states:
                counts = state.counts if isinstance(state, Job) else state
                if watch.is_news(counts) and on_progress is not None:
                    on_progress(counts)
                if isinstance(state, Job) and state.state in FINAL_STATES:
                    return state
        raise AssertionError("unreachable: states end with an error or the job")

    def events(self, job_id: str) -> Generator[JobEvent, None, None]:
        """Yield the state of each file and each change, the counts, and at the end the whole job.

        Raises:
            APIConnectionError: If the stream ends before the job does. Call again to go on: a stream begins with the
                present state of all files.
        """
        with closing(self._stream(job_id)) as events:
            for event in events:
                if event is not None:
                    yield event

    def results(self, job_id: str) -> list[FileResult]:
        """Return the results of all files that are finished, in the order they were sent."""
        return self._sender.send(_calls.get_job_results(job_id))

    def export(self, job_id: str, file_format: ExportFormat) -> bytes:
        """Return the results of all files that are finished as a file; its formats are those of `Exports.create`."""
        return self._sender.send(_calls.export_job_results(job_id, file_format))

    def delete(self, job_id: str) -> None:
        """Cancel what is not read yet and delete the job with its results."""
        self._sender.send(_calls.delete_job(job_id))

    def _states(self, job_id: str, watch: Watch) -> Generator[Counts | Job, None, None]:
        """Yield what is known of a job, over and over, through failures that `watch` tolerates."""
        while True:
            try:
                if watch.should_poll():
                    job = self._sender.send(_calls.get_job(job_id, watch.call_timeout_s()))
                    watch.note_success()
                    yield job
                else:
                    with closing(self._stream(job_id)) as events:
                        for event in events:
                            watch.note_success()
                            if isinstance(event, Counts | Job):
                                yield event
                            if watch.should_poll():
                                break
                delay_s = watch.delay_after_poll()
            except (APIConnectionError, ServerError) as error:
                delay_s = watch.delay_after_failure(error)
            time.sleep(delay_s)

    def _stream(self, job_id: str) -> Generator[JobEvent | None, None, None]:
        """Yield events, and None for each line that completes none."""
        reader = EventReader()
        with self._sender.stream_lines(_calls.follow_job(job_id)) as lines:
            for line in lines:
                event = reader.read_line(line)
                yield event
                if isinstance(event, Job):
                    return
        raise APIConnectionError(f"The event stream ended before the job {job_id} did.")


class AsyncJobHandle(_Handle):
    """A job at the gateway, from `client.jobs.create` or `client.jobs.get`.

    Attributes:
        latest: Job as the gateway last described it.
    """

    def __init__(self, jobs: AsyncJobs, job: Job) -> None:
        super().__init__(job)
        self._jobs = jobs

    async def refresh(self) -> Self:
        """Ask for the present state and return this handle."""
        self.latest = (await self._jobs.get(self.id)).latest
        return self

    async def wait(
        self, *, timeout_s: float | None = None, poll_s: float | None = None, on_progress: OnProgress | None = None
    ) -> Self:
        """Wait until all files are finished and return this handle; see `AsyncJobs.wait`."""
        self.latest = await self._jobs.wait(self.id, timeout_s=timeout_s, poll_s=poll_s, on_progress=on_progress)
        return self

    def events(self) -> AsyncGenerator[JobEvent, None]:
        """Yield events as they happen; see `AsyncJobs.events`."""
        return self._jobs.events(self.id)

    async def results(self) -> list[FileResult]:
        """Return the results of all files that are finished, in the order they were sent."""
        return await self._jobs.results(self.id)

    async def export(self, file_format: ExportFormat) -> bytes:
        """Return the results of all files that are finished as a file."""
        return await self._jobs.export(self.id, file_format)

    async def delete(self) -> None:
        """Cancel what is not read yet and delete the job with its results."""
        await self._jobs.delete(self.id)


class AsyncJobs:
    """Operations on jobs: `client.jobs`."""

    def __init__(self, sender: AsyncSender) -> None:
        self._sender = sender

    async def create(
        self,
        files: Iterable[NamedFileInput],
        *,
        orientation: Orientation | None = None,
        split: Split | None = None,
        cache_control: CacheControl | None = None,
        webhook_url: str | None = None,
        idempotency_key: str | None = None,
        timeout_s: float | None = None,
    ) -> AsyncJobHandle:
        """Send files to be read in the background; see `Jobs.create`."""
        content = [await asyncio.to_thread(read_named_file, file, index) for index, file in enumerate(files)]
        call = _calls.create_job(
            content,
            ReadOptions(orientation, cache_control, timeout_s),
            split=split,
            webhook_url=webhook_url,
            idempotency_key=idempotency_key,
        )
        return AsyncJobHandle(self, await self._sender.send(call))

    async def get(self, job_id: str) -> AsyncJobHandle:
        """Return a job; raise `NotFoundError` if there is none."""
        return AsyncJobHandle(self, await self._sender.send(_calls.get_job(job_id)))

    async def wait(
        self,
        job_id: str,
        *,
        timeout_s: float | None = None,
        poll_s: float | None = None,
        on_progress: OnProgress | None = None,
    ) -> Job:
        """Wait until all files of a job are finished and return the job; see `Jobs.wait`.

        `on_progress` may be a coroutine function.
        """
        watch = Watch(job_id, timeout_s, poll_s, self._sender.session.retries)
        async with aclosing(self._states(job_id, watch)) as states:
            async for state in states:
                counts = state.counts if isinstance(state, Job) else state
                if watch.is_news(counts) and on_progress is not None:
                    result = on_progress(counts)
                    if inspect.isawaitable(result):
                        await result
                if isinstance(state, Job) and state.state in FINAL_STATES:
                    return state
        raise AssertionError("unreachable: states end with an error or the job")

    async def events(self, job_id: str) -> AsyncGenerator[JobEvent, None]:
        """Yield the state of each file and each change, the counts, and at the end the whole job; see `Jobs.events`."""
        async with aclosing(self._stream(job_id)) as events:
            async for event in events:
                if event is not None:
                    yield event

    async def results(self, job_id: str) -> list[FileResult]:
        """Return the results of all files that are finished, in the order they were sent."""
        return await self._sender.send(_calls.get_job_results(job_id))

    async def export(self, job_id: str, file_format: ExportFormat) -> bytes:
        """Return the results of all files that are finished as a file; its formats are those of `Exports.create`."""
        return await self._sender.send(_calls.export_job_results(job_id, file_format))

    async def delete(self, job_id: str) -> None:
        """Cancel what is not read yet and delete the job with its results."""
        await self._sender.send(_calls.delete_job(job_id))

    async def _states(self, job_id: str, watch: Watch) -> AsyncGenerator[Counts | Job, None]:
        """Yield what is known of a job, over and over, through failures that `watch` tolerates."""
        while True:
            try:
                if watch.should_poll():
                    job = await self._sender.send(_calls.get_job(job_id, watch.call_timeout_s()))
                    watch.note_success()
                    yield job
                else:
                    async with aclosing(self._stream(job_id)) as events:
                        async for event in events:
                            watch.note_success()
                            if isinstance(event, Counts | Job):
                                yield event
                            if watch.should_poll():
                                break
                delay_s = watch.delay_after_poll()
            except (APIConnectionError, ServerError) as error:
                delay_s = watch.delay_after_failure(error)
            await asyncio.sleep(delay_s)

    async def _stream(self, job_id: str) -> AsyncGenerator[JobEvent | None, None]:
        """Yield events, and None for each line that completes none."""
        reader = EventReader()
        async with self._sender.stream_lines(_calls.follow_job(job_id)) as lines:
            async for line in lines:
                event = reader.read_line(line)
                yield event
                if isinstance(event, Job):
                    return
        raise APIConnectionError(f"The event stream ended before the job {job_id} did.")
