"""Reads the files of jobs, a few at a time, beside the requests that this process answers.

A file is read at least once, and its result kept exactly once: of whoever finishes it first. A worker that is killed
leaves its files in the queue, which lends them to another one.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Annotated

from asgi_correlation_id import correlation_id
from taskiq import AcknowledgeType, Context, TaskiqDepends
from taskiq.exceptions import TaskiqError
from taskiq.kicker import AsyncKicker
from taskiq.receiver import Receiver

from gateway.jobs.brokers.broker import LendingBroker
from gateway.jobs.model import JobOptions, JobStore, JobsUnavailableError, Outcome, Work
from gateway.reading.receipts import Receipts
from gateway.reading.shared_reading import Caching
from shared.contracts import Receipt
from shared.problems import ProblemError, problem_of, unforeseen_problem

# So many files of one job are in the queue at once, and each that is done brings the next. So a job of thousands lets
# others through, and still keeps this many readers busy.
CHAINS = 32
_MOST_ATTEMPTS = 5  # a file that ended its worker so often is not given to another
_MOST_TIMEOUTS = 3
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 30.0
_TASK = "quittance:read_file"
_OVERLOADED = frozenset({429, 503})
_TIMED_OUT = 504

_log = logging.getLogger(__name__)


class Worker:
    """Puts files into the queue and reads those that come out of it.

    Args:
        store: Keeps files and what came of them.
        broker: The queue.
        receipts: Reads.
        concurrency: Most files read at once by this process; 0 for a process that leaves that to others.
    """

    def __init__(self, *, store: JobStore, broker: LendingBroker, receipts: Receipts, concurrency: int) -> None:
        self._store = store
        self._broker = broker
        self._receipts = receipts
        self._concurrency = concurrency
        self._reading: set[asyncio.Task[None]] = set()

        async def read_file(job_id: str, index: int, context: Annotated[Context, TaskiqDepends()]) -> None:
            await self._read_file_of_message(job_id, index, context)

        broker.register_task(read_file, task_name=_TASK)
        self._read_file: AsyncKicker[[str, int], None] = AsyncKicker(_TASK, broker, labels={})

    async def enqueue(self, job_id: str, indices: list[int]) -> None:
        """Puts files into the queue; raises `JobsUnavailableError`."""
        try:
            for index in indices:
                await self._read_file.kiq(job_id, index)
        except (TaskiqError, OSError) as error:
            raise JobsUnavailableError(f"{type(error).__name__}: {error}") from error

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Reads files while the block runs; what is not finished by its end goes back into the queue."""
        if self._concurrency < 1:
            yield
            return
        task = asyncio.create_task(self._work(), name="files of jobs")
        try:
            yield
        finally:
            await _cancelled(task)
            await _cancelled(*self._reading)  # taskiq leaves them running
            try:
                await self._broker.return_all()
            except Exception:  # they are lent again once the lease is over
                _log.warning("The files in hand could not be given back", exc_info=True)

    async def _work(self) -> None:
        pause = _Pause()
        self._broker.is_worker_process = True
        while True:
            receiver = Receiver(
                self._broker, max_async_tasks=self._concurrency, max_prefetch=0, ack_type=AcknowledgeType.MANUAL
            )
            try:
                await receiver.listen(asyncio.Event())
            except Exception:  # Redis is gone, the disk is full: files wait until it is well again
                _log.warning("The queue of jobs cannot be asked", exc_info=True)
            await pause()
            if self._reading:  # never more at once than were asked for
                await asyncio.wait(self._reading)

    async def _read_file_of_message(self, job_id: str, index: int, context: Context) -> None:
        """What a message of the queue asks for; it stays there until this is done."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - taskiq runs every message in a task
        self._reading.add(task)
        correlation_id.set(job_id)
        pause = _Pause()
        try:
            while True:
                try:
                    await self._read(job_id, index)
                    await context.ack()
                    return
                except Exception:  # what keeps the jobs is gone for now; there is nobody else to tell
                    _log.warning("A file of a job has to wait", extra={"index": index}, exc_info=True)
                    await pause()
        except asyncio.CancelledError:
            return  # this process ends; the message is given back
        finally:
            self._reading.discard(task)

    async def _read(self, job_id: str, index: int) -> None:
        work = await self._store.start(job_id, index)
        if work is not None:
            outcome = await self._outcome(job_id, work)
            if outcome is not None:
                await self._store.finish(job_id, index, outcome)
        following = await self._store.next_waiting(job_id, index, CHAINS)
        if following is not None:
            await self.enqueue(job_id, [following])

    async def _outcome(self, job_id: str, work: Work) -> Outcome | None:
        """Reads a file, however long the stages have too much to do; None if the job is no more."""
        if work.data is None:
            return Outcome(problem=problem_of(_lost(), path=None))
        if work.attempt > _MOST_ATTEMPTS:
            return Outcome(problem=problem_of(_given_up(), path=None))
        pause, timeouts = _Pause(), 0
        while True:
            try:
                return Outcome(await self._receipts_in(work.data, work.options))
            except ProblemError as error:
                timeouts += error.status == _TIMED_OUT
                if error.status not in _OVERLOADED and not (error.status == _TIMED_OUT and timeouts < _MOST_TIMEOUTS):
                    return Outcome(problem=problem_of(error, path=None))
                await pause(at_least_s=_retry_after_s(error))
            except Exception:
                _log.exception("unforeseen error")
                return Outcome(problem=problem_of(unforeseen_problem(), path=None))
            if not await self._store.exists(job_id):
                return None

    async def _receipts_in(self, data: bytes, options: JobOptions) -> list[Receipt]:
        caching = Caching.asked_by(options.cache_control)
        if options.split:
            return await self._receipts.read_pages(data, options.orientation, caching)
        return [await self._receipts.read(data, options.orientation, caching)]


class _Pause:
    """Waits, each time longer, and not everybody equally long."""

    def __init__(self) -> None:
        self._seconds = _FIRST_PAUSE_S

    async def __call__(self, at_least_s: float = 0.0) -> None:
        await asyncio.sleep(max(at_least_s, self._seconds) * random.uniform(0.75, 1.25))  # noqa: S311 - only spreads
        self._seconds = min(self._seconds * 2, _LONGEST_PAUSE_S)


async def _cancelled(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError):
            await task


def _retry_after_s(error: ProblemError) -> float:
    told = (error.headers or {}).get("Retry-After", "")
    return min(float(told), _LONGEST_PAUSE_S) if told.isdecimal() else 0.0


def _lost() -> ProblemError:
    return ProblemError(
        500,
        "file-lost",
        "The file was lost",
        "It is no longer where files of jobs are kept. Send it again, and tell whoever runs this service.",
    )


def _given_up() -> ProblemError:
    return ProblemError(
        500,
        "file-given-up",
        "The file was given up",
        f"Its reading was begun {_MOST_ATTEMPTS} times and never came to an end, as the process that read it ended "
        "each time. Send another copy, or tell whoever runs this service.",
    )
