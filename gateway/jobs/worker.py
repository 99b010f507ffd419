"""The worker, which reads the files of jobs, a few at a time, next to the requests that this process answers.

A file is read at least once, and only the first outcome is stored. The queue lends the files of a killed worker to
another one.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from asgi_correlation_id import correlation_id
from taskiq import AcknowledgeType, Context, TaskiqDepends
from taskiq.exceptions import TaskiqError
from taskiq.kicker import AsyncKicker
from taskiq.receiver import Receiver

from gateway.background import cancel_and_wait
from gateway.jobs.brokers.broker import LendingBroker
from gateway.jobs.model import JobOptions, Outcome, Work
from gateway.jobs.stores.job_store import JobStore, JobsUnavailableError
from gateway.reading.read_request import ReadRequest
from gateway.reading.receipts import Receipts
from gateway.storage.cache_control import Caching
from shared.contracts import Receipt
from shared.problem_responses import describe_problem
from shared.problems import ProblemError, internal_problem
from shared.service.request_context import use_caller

# The files of a job form this many chains: file i is followed by file i + CHAIN_COUNT, which is queued when file i is
# finished. So a job has at most this many files in the queue, and does not hold up the jobs behind it.
CHAIN_COUNT = 32
_MAX_ATTEMPTS = 5  # a file that may have killed its worker this often is not read again
_MAX_TIMEOUTS = 3
_MIN_PAUSE_S, _MAX_PAUSE_S = 1.0, 30.0
_TASK_NAME = "quittance:read_file"
_OVERLOADED_STATUSES = frozenset({429, 503})
_TIMEOUT_STATUS = 504
_CALLER = "jobs"

_log = logging.getLogger(__name__)


class Worker:
    """Puts files into the queue, takes them out and reads them.

    Args:
        store: Stores files and their outcomes.
        broker: The queue.
        receipts: Reads receipts.
        concurrency: Maximum number of files read at once by this process; 0 to leave them to other processes.
        timeout_s: Timeout per receipt, in seconds.
    """

    def __init__(
        self, *, store: JobStore, broker: LendingBroker, receipts: Receipts, concurrency: int, timeout_s: float
    ) -> None:
        self._store = store
        self._broker = broker
        self._receipts = receipts
        self._concurrency = concurrency
        self._timeout_s = timeout_s
        self._reading: set[asyncio.Task[None]] = set()

        # A function, because taskiq renames what it registers, and methods cannot be renamed.
        async def read_file(job_id: str, index: int, context: Annotated[Context, TaskiqDepends()]) -> None:
            await self._handle_message(job_id, index, context)

        broker.register_task(read_file, task_name=_TASK_NAME)
        self._read_file: AsyncKicker[[str, int], None] = AsyncKicker(_TASK_NAME, broker, labels={})

    async def enqueue(self, job_id: str, indices: list[int]) -> None:
        """Put files into the queue; raise `JobsUnavailableError`."""
        try:
            for index in indices:
                await self._read_file.kiq(job_id, index)
        except (TaskiqError, OSError) as error:
            raise JobsUnavailableError.from_error(error) from error

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Read files while the block runs; files that are not finished at its end go back into the queue."""
        if self._concurrency < 1:
            yield
            return
        task = asyncio.create_task(self._listen(), name="files of jobs")
        try:
            yield
        finally:
            await cancel_and_wait(task)
            await cancel_and_wait(*self._reading)  # taskiq leaves them running
            try:
                await self._broker.give_back_all()
            except Exception:  # they are lent again when their leases end
                _log.warning("Unfinished job files could not be given back", exc_info=True)

    async def _listen(self) -> None:
        backoff = _Backoff()
        self._broker.is_worker_process = True
        while True:
            receiver = Receiver(
                self._broker, max_async_tasks=self._concurrency, max_prefetch=0, ack_type=AcknowledgeType.MANUAL
            )
            try:
                await receiver.listen(asyncio.Event())
            except Exception:  # Redis is down or the disk is full: the files wait in the queue
                _log.warning("Job queue unavailable", exc_info=True)
            await backoff.wait()
            # The next receiver would otherwise exceed the concurrency.
            if self._reading:
                await asyncio.wait(self._reading)

    async def _handle_message(self, job_id: str, index: int, context: Context) -> None:
        """Read the file that a message of the queue names, and acknowledge the message when that is done."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - taskiq handles every message in a task
        self._reading.add(task)
        correlation_id.set(job_id)
        backoff = _Backoff()
        try:
            while True:
                try:
                    # All jobs together are one caller, so that they leave places for others.
                    with use_caller(_CALLER):
                        await self._process_file(job_id, index)
                    await context.ack()
                    return
                except Exception:  # the job store or the queue is unavailable; there is no caller to report it to
                    _log.warning("Job file delayed", extra={"index": index}, exc_info=True)
                    await backoff.wait()
        except asyncio.CancelledError:
            return  # this process ends; the message is given back
        finally:
            self._reading.discard(task)

    async def _process_file(self, job_id: str, index: int) -> None:
        work = await self._store.start_file(job_id, index)
        if work is not None:
            outcome = await self._read_with_retries(job_id, work)
            if outcome is not None:
                await self._store.finish_file(job_id, index, outcome)
        following = await self._store.find_next_queued(job_id, index, CHAIN_COUNT)
        if following is not None:
            await self.enqueue(job_id, [following])

    async def _read_with_retries(self, job_id: str, work: Work) -> Outcome | None:
        """Read a file, waiting as long as the stages are overloaded; return None if the job was deleted meanwhile."""
        if work.data is None:
            return Outcome(problem=describe_problem(_file_lost_problem(), path=None))
        if work.attempt > _MAX_ATTEMPTS:
            return Outcome(problem=describe_problem(_file_given_up_problem(), path=None))
        request = await ReadRequest.create(
            work.data,
            timeout_s=self._timeout_s,
            orientation=work.options.orientation,
            caching=Caching.parse(work.options.cache_control),
            owner=work.options.owner,
        )
        backoff, timeouts = _Backoff(), 0
        while True:
            try:
                return Outcome(await self._read_receipts(request.restart(self._timeout_s), work.options))
            except ProblemError as error:
                timeouts += error.status == _TIMEOUT_STATUS
                may_retry = error.status == _TIMEOUT_STATUS and timeouts < _MAX_TIMEOUTS
                if not may_retry and error.status not in _OVERLOADED_STATUSES:
                    return Outcome(problem=describe_problem(error, path=None))
                await backoff.wait(min_s=_get_retry_after_s(error))
            except Exception:
                _log.exception("Unexpected error")
                return Outcome(problem=describe_problem(internal_problem(), path=None))
            if not await self._store.exists(job_id):
                return None

    async def _read_receipts(self, request: ReadRequest, options: JobOptions) -> list[Receipt]:
        if options.split is not None:
            return await self._receipts.read_separately(request, options.split)
        return [await self._receipts.read(request)]


class _Backoff:
    """Waits longer each time, with some jitter."""

    def __init__(self) -> None:
        self._seconds = _MIN_PAUSE_S

    async def wait(self, min_s: float = 0.0) -> None:
        jitter = random.uniform(0.75, 1.25)  # noqa: S311 - not for cryptography
        await asyncio.sleep(max(min_s, self._seconds) * jitter)
        self._seconds = min(self._seconds * 2, _MAX_PAUSE_S)


def _get_retry_after_s(error: ProblemError) -> float:
    value = (error.headers or {}).get("Retry-After", "")
    return min(float(value), _MAX_PAUSE_S) if value.isdecimal() else 0.0


def _file_lost_problem() -> ProblemError:
    return ProblemError(
        500,
        "file-lost",
        "The file was lost",
        "The file is no longer in the job store. Send it again, and report this to the operator of the service.",
    )


def _file_given_up_problem() -> ProblemError:
    return ProblemError(
        500,
        "file-given-up",
        "The file could not be read",
        f"The process that read the file ended unexpectedly in each of {_MAX_ATTEMPTS} attempts. Send another copy, or "
        "report this to the operator of the service.",
    )
