"""Jobs as the API gives them: made, looked at, followed, forgotten."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from fastapi import Request

from gateway.jobs.contracts import FileResult, FileState, Job
from gateway.jobs.events import job_events
from gateway.jobs.intake.intake import Intake
from gateway.jobs.model import JobOptions, JobRecord, JobStore, JobsUnavailableError, Outcome
from gateway.jobs.worker import CHAINS, Worker
from gateway.reading.receipts import Receipts
from gateway.settings import JobLimits

_OUTCOMES_AT_ONCE = 20  # receipts in memory while results are sent
_TIDY_S = 60.0

_log = logging.getLogger(__name__)


class Jobs:
    """Makes jobs and finds them.

    Args:
        store: Keeps them.
        worker: Reads their files.
        receipts: Knows what people corrected.
        limits: What one may hold.
        folder: Where files lie while they arrive.
        ttl_s: Seconds after which a job is forgotten.
        check_webhook: Raises a ProblemError for a URL that may not be told anything.
    """

    def __init__(
        self,
        *,
        store: JobStore,
        worker: Worker,
        receipts: Receipts,
        limits: JobLimits,
        folder: Path,
        ttl_s: float,
        check_webhook: Callable[[str], None],
    ) -> None:
        self._store = store
        self._worker = worker
        self._receipts = receipts
        self._limits = limits
        self._folder = folder
        self._ttl_s = ttl_s
        self._check_webhook = check_webhook

    async def create(self, request: Request, options: JobOptions) -> Job:
        """Takes a job in and puts it into the queue.

        Raises:
            ProblemError: See `Intake.take`.
            JobsUnavailableError: If it cannot be kept; it is then forgotten.
        """
        record = JobRecord.new(options, self._ttl_s)
        intake = Intake(
            self._store, record, limits=self._limits, folder=self._folder, check_webhook=self._check_webhook
        )
        files = await intake.take(request)
        queued = [file.index for file in files if file.state == "queued"]
        try:
            await self._worker.enqueue(record.id, _first_of_chains(queued))
        except JobsUnavailableError:
            await self._store.delete(record.id)
            raise
        job = await self.get(record.id)
        if job is None:
            raise JobsUnavailableError("what keeps the jobs lost one")
        return job

    async def get(self, job_id: str) -> Job | None:
        """Gives a job as it is now, or None; raises `JobsUnavailableError`."""
        snapshot = await self._store.get(job_id)
        return None if snapshot is None else snapshot.job()

    async def delete(self, job_id: str) -> bool:
        """Cancels and forgets a job; gives whether there was one. Raises `JobsUnavailableError`."""
        return await self._store.delete(job_id)

    async def events(self, job_id: str, ending: Callable[[], bool]) -> AsyncIterator[bytes] | None:
        """Gives the events of a job, or None if there is no such job; raises `JobsUnavailableError`."""
        snapshot = await self._store.get(job_id)
        return None if snapshot is None else job_events(self._store, snapshot, ending)

    async def results(self, job: Job) -> AsyncIterator[FileResult]:
        """Yields what came of the files of a job that are finished by now, in their order."""
        finished = [file for file in job.files if file.state in ("done", "failed")]
        for start in range(0, len(finished), _OUTCOMES_AT_ONCE):
            batch = finished[start : start + _OUTCOMES_AT_ONCE]
            outcomes = await self._store.outcomes(job.id, [file.index for file in batch])
            if len(outcomes) != len(batch):
                return  # forgotten meanwhile
            for file, outcome in zip(batch, outcomes, strict=True):
                for row in _rows(file, outcome):
                    yield await self._with_corrections(row)

    async def _with_corrections(self, row: FileResult) -> FileResult:
        if row.receipt is None:
            return row
        corrections = await self._receipts.corrections(row.receipt.id)
        return row.model_copy(update={"receipt": row.receipt.model_copy(update={"corrections": corrections})})

    @asynccontextmanager
    async def tidied(self) -> AsyncIterator[None]:
        """Forgets, while the block runs, the jobs whose time is over."""
        task = asyncio.create_task(self._tidy(), name="jobs that expire")
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _tidy(self) -> None:
        while True:
            try:
                await self._store.expire()
            except JobsUnavailableError as error:
                _log.warning("Jobs whose time is over cannot be forgotten now", extra={"reason": str(error)})
            await asyncio.sleep(_TIDY_S)


def _first_of_chains(queued: list[int]) -> list[int]:
    """The files that are put into the queue at once: of each chain the first that is to be read."""
    first: dict[int, int] = {}
    for index in queued:
        first.setdefault(index % CHAINS, index)
    return sorted(first.values())


def _rows(file: FileState, outcome: Outcome) -> list[FileResult]:
    if outcome.problem is not None:
        return [FileResult(index=file.index, name=file.name, state="failed", problem=outcome.problem)]
    split = len(outcome.receipts) > 1
    return [
        FileResult(index=file.index, name=file.name, state="done", page=page if split else None, receipt=receipt)
        for page, receipt in enumerate(outcome.receipts)
    ]
