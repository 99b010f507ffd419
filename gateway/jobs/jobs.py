"""Jobs as the API offers them: create, find, follow, delete."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import Request

from gateway.background import run_in_background
from gateway.caller import Caller
from gateway.jobs.contracts import FileResult, FileState
from gateway.jobs.events import JobEvents
from gateway.jobs.intake.intake import Intake
from gateway.jobs.model import JobOptions, JobRecord, Outcome, Snapshot
from gateway.jobs.stores.job_store import JobStore, JobsUnavailableError
from gateway.jobs.worker import CHAIN_COUNT, Worker
from gateway.reading.receipts import Receipts
from gateway.settings import JobLimits
from gateway.storage.disk_space import DiskSpace
from shared.service.health import Health

_RESULTS_PER_BATCH = 20  # files whose receipts are in memory while results are sent
_EXPIRY_INTERVAL_S = 60.0
_MAX_STORING = 4  # files on their way into the store; each may be in memory

_log = logging.getLogger(__name__)


class Jobs:
    """Creates, finds and deletes jobs.

    Args:
        store: Stores jobs.
        worker: Reads the files of jobs.
        receipts: Knows the corrections of receipts.
        limits: Limits of one job.
        folder: Where to hold files while they arrive.
        space: The disk of that folder.
        ttl_s: Seconds after which a job is deleted.
        check_webhook_url: Raises a ProblemError for a URL that webhooks cannot go to.
    """

    def __init__(
        self,
        *,
        store: JobStore,
        worker: Worker,
        receipts: Receipts,
        limits: JobLimits,
        folder: Path,
        space: DiskSpace,
        ttl_s: float,
        check_webhook_url: Callable[[str], None],
    ) -> None:
        self._store = store
        self._worker = worker
        self._receipts = receipts
        self._limits = limits
        self._folder = folder
        self._space = space
        self._ttl_s = ttl_s
        self._check_webhook_url = check_webhook_url
        self._events = JobEvents(store)
        self._storing = asyncio.Semaphore(_MAX_STORING)

    async def create(self, request: Request, options: JobOptions) -> Snapshot:
        """Receive the files of a new job and queue them.

        Raises:
            ProblemError: See `Intake.receive`.
            JobsUnavailableError: If the job cannot be stored or queued, a `JobsFullError` if there is no space; nothing
                is stored then.
        """
        record = JobRecord.create(options, self._ttl_s)
        intake = Intake(
            self._store,
            record,
            limits=self._limits,
            folder=self._folder,
            space=self._space,
            check_webhook_url=self._check_webhook_url,
            storing=self._storing,
        )
        files = await intake.receive(request)
        queued = [file.index for file in files if file.state == "queued"]
        try:
            await self._worker.enqueue(record.id, _find_chain_starts(queued))
        except JobsUnavailableError:
            await self._store.delete(record.id)
            raise
        job = await self._store.find(record.id)
        if job is None:
            raise JobsUnavailableError("the job store lost a new job")
        return job

    async def find(self, job_id: str, caller: Caller) -> Snapshot | None:
        """Return the current state of a job of the caller, or None; raise `JobsUnavailableError`."""
        job = await self._store.find(job_id)
        return job if job is not None and caller.may_use(job.record.options.owner) else None

    async def delete(self, job_id: str, caller: Caller) -> bool:
        """Cancel and delete a job of the caller; return whether it existed. Raise `JobsUnavailableError`."""
        return await self.find(job_id, caller) is not None and await self._store.delete(job_id)

    async def follow(self, job_id: str, caller: Caller, health: Health) -> AsyncIterator[bytes] | None:
        """Return the stream of events of a job, or None if `find` does not find it; raise `JobsUnavailableError`."""
        job = await self.find(job_id, caller)
        return None if job is None else await self._events.follow(job_id, health)

    async def read_results(self, job: Snapshot) -> AsyncIterator[FileResult]:
        """Yield the results of the files that have finished, in the order of the job."""
        owner = job.record.options.owner
        finished = [file for file in job.files if file.state in ("done", "failed")]
        for start in range(0, len(finished), _RESULTS_PER_BATCH):
            batch = finished[start : start + _RESULTS_PER_BATCH]
            outcomes = await self._store.find_outcomes(job.record.id, [file.index for file in batch])
            if len(outcomes) != len(batch):
                return  # the job was deleted meanwhile
            for file, outcome in zip(batch, outcomes, strict=True):
                for result in _build_results(file, outcome):
                    yield await self._add_corrections(result, owner)

    @asynccontextmanager
    async def expire_in_background(self) -> AsyncIterator[None]:
        """Delete expired jobs while the block runs."""
        async with run_in_background(self._delete_expired_regularly(), name="expiry of jobs"):
            yield

    async def _add_corrections(self, result: FileResult, owner: str) -> FileResult:
        if result.receipt is None:
            return result
        receipt = await self._receipts.apply_own_corrections(result.receipt, owner)
        return result.model_copy(update={"receipt": receipt})

    async def _delete_expired_regularly(self) -> None:
        while True:
            try:
                await self._store.delete_expired()
            except JobsUnavailableError as error:
                _log.warning("Expired jobs could not be deleted", extra={"reason": str(error)})
            await asyncio.sleep(_EXPIRY_INTERVAL_S)


def _find_chain_starts(queued: list[int]) -> list[int]:
    """Return the first queued file of each chain; see `CHAIN_COUNT`."""
    starts: dict[int, int] = {}
    for index in queued:
        starts.setdefault(index % CHAIN_COUNT, index)
    return sorted(starts.values())


def _build_results(file: FileState, outcome: Outcome) -> list[FileResult]:
    if outcome.problem is not None:
        return [FileResult(index=file.index, name=file.name, state="failed", problem=outcome.problem)]
    has_several = len(outcome.receipts) > 1
    return [
        FileResult(
            index=file.index,
            name=file.name,
            state="done",
            page=receipt.pages[0].index if has_several else None,
            receipt=receipt,
        )
        for receipt in outcome.receipts
    ]
