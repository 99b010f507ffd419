"""Dynamic batching: items of many requests are computed together, and each caller gets its own results.

One asyncio task forms the batches, one thread computes them. A batch is formed when a group has `max_batch` items, or
when its oldest item has waited `max_wait_ms`. Among the groups that are due, the one with the oldest item comes first,
so none starves. An item whose caller has gone, or whose deadline has passed, is dropped before it is computed.
"""

from __future__ import annotations

import asyncio
import logging
import math
import queue
import threading
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import Generic, Self, TypeVar

from shared.inference.priority import lower_thread_priority
from shared.observability.metrics import BatchMetrics
from shared.problems import ProblemError
from shared.service.deadline import Deadline, deadline_problem
from shared.service.request_context import current_deadline

Item = TypeVar("Item")
Result = TypeVar("Result")

_log = logging.getLogger(__name__)

_MAX_RETRY_AFTER_S = 30
_RESTART_RETRY_AFTER_S = 5
# Weight of the latest batch in the average time per item.
_SMOOTHING = 0.2
_ABANDONED = RuntimeError("The caller has gone.")


class QueueFullError(ProblemError):
    """So many items are waiting that another would wait too long: 503 with `Retry-After`.

    Args:
        retry_after_s: Seconds after which there is likely to be room.
    """

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(
            503,
            "overloaded",
            "The service is overloaded",
            f"The queue is full. Try again in {retry_after_s} s.",
            headers={"Retry-After": str(retry_after_s)},
        )


class WorkerDiedError(ProblemError):
    """The worker thread ended unexpectedly: 503 until the service is restarted.

    Args:
        name: Name of the batcher.
    """

    def __init__(self, name: str) -> None:
        super().__init__(
            503,
            "worker-died",
            "The service lost its worker",
            f"The worker of the {name} died. The service must be restarted; try again in a moment.",
            headers={"Retry-After": str(_RESTART_RETRY_AFTER_S)},
        )


class BatcherClosedError(ProblemError):
    """The service is shutting down or has not started: 503.

    Args:
        name: Name of the batcher.
    """

    def __init__(self, name: str) -> None:
        super().__init__(
            503,
            "draining",
            "The service is shutting down",
            f"The {name} accepts no new work. Try again in a moment.",
            headers={"Retry-After": str(_RESTART_RETRY_AFTER_S)},
        )


@dataclass(eq=False, slots=True)
class _Entry(Generic[Item, Result]):
    """An item and its caller; it is waiting while it is in the deque of its group."""

    item: Item
    group: Hashable
    future: asyncio.Future[Result]
    since: float
    deadline: Deadline | None


@dataclass(eq=False, slots=True)
class _Batch(Generic[Item, Result]):
    entries: list[_Entry[Item, Result]]
    done: asyncio.Future[list[Result | Exception]]
    since: float = field(default_factory=monotonic)


class DynamicBatcher(Generic[Item, Result]):
    """Groups the items of concurrent callers into batches for one worker thread.

    If a batch raises an exception, its items are computed again one by one, so that only the item at fault fails. A
    BaseException that is not an Exception (for example SystemExit) ends the worker: all waiting callers get a
    WorkerDiedError at once, and `is_alive` becomes false. Call all methods in the event loop in which `start` ran.

    Args:
        process: Computes a batch in the worker thread. It returns one result per item, in order; an Exception in place
            of a result goes only to the caller of that item.
        max_batch: Maximum number of items per batch.
        max_wait_ms: Maximum milliseconds that an item waits for others while the worker is idle.
        max_queue: Maximum number of waiting items.
        group: Key of an item; only items with the same key share a batch.
        name: Name for messages, logs and metrics.
        metrics: Metrics of queue length, waits and batch sizes.
    """

    def __init__(
        self,
        process: Callable[[list[Item]], Sequence[Result | Exception]],
        *,
        max_batch: int,
        max_wait_ms: float,
        max_queue: int,
        group: Callable[[Item], Hashable] = lambda _: None,
        name: str,
        metrics: BatchMetrics | None = None,
    ) -> None:
        self._process = process
        self._max_batch = max_batch
        self._max_wait_s = max_wait_ms / 1000
        self._max_queue = max_queue
        self._group = group
        self._name = name
        self._metrics = metrics
        self._waiting: dict[Hashable, deque[_Entry[Item, Result]]] = {}
        self._queue_length = 0
        self._running: _Batch[Item, Result] | None = None
        self._jobs: queue.SimpleQueue[_Batch[Item, Result] | None] = queue.SimpleQueue()
        self._changed = asyncio.Event()
        self._is_closing = True
        self._is_dead = False
        self._seconds_per_item = 0.0
        self._thread: threading.Thread | None = None
        self._dispatcher: asyncio.Task[None] | None = None

    @property
    def is_alive(self) -> bool:
        """Whether items are accepted: started, not closed, and the worker is running."""
        return not self._is_closing and not self._is_dead and self._thread is not None and self._thread.is_alive()

    @property
    def busy_s(self) -> float:
        """For how many seconds the worker has been computing the current batch; 0 if it is idle."""
        return 0.0 if self._running is None else monotonic() - self._running.since

    @property
    def queue_length(self) -> int:
        """Number of waiting items, without those being computed."""
        return self._queue_length

    async def start(self) -> None:
        """Start the worker thread and the task that feeds it."""
        if self._thread is not None:
            raise RuntimeError(f"The batcher of the {self._name} was already started.")
        self._is_closing = False
        loop = asyncio.get_running_loop()
        # A daemon, so that a network that never returns cannot keep the process from ending.
        self._thread = threading.Thread(target=self._work, args=(loop,), name=f"batch-{self._name}", daemon=True)
        self._thread.start()
        self._dispatcher = asyncio.create_task(self._dispatch(), name=f"batch-{self._name}")
        self._dispatcher.add_done_callback(self._on_dispatcher_end)

    async def aclose(self, timeout_s: float = 5.0) -> None:
        """Reject new items, compute those that are waiting, and stop; items not done within the timeout fail."""
        self._is_closing = True
        self._changed.set()
        if self._dispatcher is not None:
            # It ends by itself once nothing is waiting.
            await asyncio.wait({self._dispatcher}, timeout=timeout_s)
            self._dispatcher.cancel()
        self._jobs.put(None)
        self._fail_all(BatcherClosedError)

    async def __aenter__(self) -> Self:
        """Start the batcher."""
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the batcher."""
        await self.aclose()

    async def submit(self, item: Item) -> Result:
        """Wait for the result of one item.

        Raises:
            QueueFullError: If too many items are waiting.
            WorkerDiedError: If the worker is gone.
            BatcherClosedError: If the batcher is closed.
            Exception: Any error raised by computing the item.
        """
        (future,) = self._enqueue([item])
        return await future

    async def submit_many(self, items: Sequence[Item]) -> list[Result]:
        """Wait for the results of several items, in order; they may be computed in several batches.

        Either all items are accepted or none. More than `max_queue` items are accepted if nothing else is waiting,
        because they would never fit otherwise.

        Raises:
            Exception: As `submit`, for the first item that fails; the other items are dropped.
        """
        futures = self._enqueue(items)
        try:
            return await asyncio.gather(*futures)
        finally:
            for future in futures:
                future.cancel()

    def _enqueue(self, items: Sequence[Item]) -> list[asyncio.Future[Result]]:
        if self._is_dead:
            raise WorkerDiedError(self._name)
        if self._is_closing:
            raise BatcherClosedError(self._name)
        if self._queue_length and self._queue_length + len(items) > self._max_queue:
            raise QueueFullError(self._retry_after_s())
        loop, now = asyncio.get_running_loop(), monotonic()
        groups = [self._group(item) for item in items]
        hash(tuple(groups))  # fail before anything is queued if a key is not hashable
        deadline = current_deadline()
        entries = [_Entry(*pair, loop.create_future(), now, deadline) for pair in zip(items, groups, strict=True)]
        for entry in entries:
            self._waiting.setdefault(entry.group, deque()).append(entry)
            entry.future.add_done_callback(partial(self._drop_cancelled, entry))
        self._change_queue_length(len(entries))
        self._changed.set()
        return [entry.future for entry in entries]

    def _drop_cancelled(self, entry: _Entry[Item, Result], future: asyncio.Future[Result]) -> None:
        """Remove an item from the queue when its caller has gone."""
        group = self._waiting.get(entry.group)
        if future.cancelled() and group is not None and entry in group:
            group.remove(entry)
            if not group:
                del self._waiting[entry.group]
            self._change_queue_length(-1)

    def _change_queue_length(self, change: int) -> None:
        self._queue_length += change
        if self._metrics:
            self._metrics.set_queue_length(self._queue_length)

    def _retry_after_s(self) -> int:
        return min(max(math.ceil(self._queue_length * self._seconds_per_item), 1), _MAX_RETRY_AFTER_S)

    async def _dispatch(self) -> None:
        """Form batches while the batcher is open or items are waiting, and hand them to the worker one by one."""
        while self._queue_length or not self._is_closing:
            self._changed.clear()
            due_in_s, group = self._find_next_group()
            if group is None or due_in_s > 0:
                with suppress(TimeoutError):
                    async with asyncio.timeout(None if group is None else due_in_s):
                        await self._changed.wait()
                continue
            batch = self._take_batch(group)
            if batch.entries:
                await self._run(batch)

    def _find_next_group(self) -> tuple[float, deque[_Entry[Item, Result]] | None]:
        """Return the group to compute next and the seconds until it is due."""
        now = monotonic()
        best: tuple[float, float, deque[_Entry[Item, Result]]] | None = None
        for entries in self._waiting.values():
            since = entries[0].since
            is_full = self._is_closing or len(entries) >= self._max_batch
            due_in_s = 0.0 if is_full else max(since + self._max_wait_s - now, 0.0)
            if best is None or (due_in_s, since) < best[:2]:
                best = (due_in_s, since, entries)
        return (0.0, None) if best is None else (best[0], best[2])

    def _take_batch(self, group: deque[_Entry[Item, Result]]) -> _Batch[Item, Result]:
        entries = [group.popleft() for _ in range(min(len(group), self._max_batch))]
        if not group:
            del self._waiting[entries[0].group]
        self._change_queue_length(-len(entries))
        entries = [entry for entry in entries if not _fail_if_expired(entry)]
        if self._metrics and entries:
            now = monotonic()
            self._metrics.count_batch([now - entry.since for entry in entries])
        return _Batch(entries, asyncio.get_running_loop().create_future())

    async def _run(self, batch: _Batch[Item, Result]) -> None:
        start = monotonic()
        self._running = batch
        self._jobs.put(batch)
        results = await batch.done
        self._running = None
        for entry, result in zip(batch.entries, results, strict=True):
            if entry.future.done():
                continue
            if isinstance(result, Exception):
                entry.future.set_exception(result)
            else:
                entry.future.set_result(result)
        latest = (monotonic() - start) / len(batch.entries)
        self._seconds_per_item += _SMOOTHING * (latest - self._seconds_per_item)

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        """Compute batches in the worker thread until told to stop."""
        lower_thread_priority()
        try:
            while (batch := self._jobs.get()) is not None:
                results = self._compute(batch.entries)
                loop.call_soon_threadsafe(_settle, batch.done, results)
        except BaseException as error:  # the thread ends in any case, and the callers must know
            _log.critical("Worker died", exc_info=error, extra={"batcher": self._name})
            with suppress(RuntimeError):  # if the loop is closed, no caller is waiting
                loop.call_soon_threadsafe(self._die)

    def _compute(self, entries: list[_Entry[Item, Result]]) -> list[Result | Exception]:
        try:
            return self._process_checked([entry.item for entry in entries])
        except Exception as error:
            if len(entries) == 1:
                return [error]
            _log.warning(
                "Batch failed, computing its items one by one",
                extra={"batcher": self._name, "items": len(entries), "error": type(error).__name__},
            )
        # Callers that have gone need no result. `cancelled` only reads a flag, which is safe in this thread.
        return [_ABANDONED if entry.future.cancelled() else self._compute([entry])[0] for entry in entries]

    def _process_checked(self, items: list[Item]) -> list[Result | Exception]:
        results = list(self._process(items))
        if len(results) != len(items):
            raise RuntimeError(f"The {self._name} returned {len(results)} results for {len(items)} items.")
        return results

    def _on_dispatcher_end(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            _log.critical("Dispatcher failed", exc_info=error, extra={"batcher": self._name})
            self._die()

    def _die(self) -> None:
        self._is_dead = True
        if self._dispatcher is not None:
            self._dispatcher.cancel()
        self._fail_all(WorkerDiedError)

    def _fail_all(self, error: Callable[[str], ProblemError]) -> None:
        waiting = [entry for group in self._waiting.values() for entry in group]
        running = self._running.entries if self._running else []
        self._running = None
        self._waiting.clear()
        self._change_queue_length(-self._queue_length)
        for entry in [*running, *waiting]:
            if not entry.future.done():
                entry.future.set_exception(error(self._name))


def _fail_if_expired(entry: _Entry[Item, Result]) -> bool:
    """Fail an item whose deadline has passed, shortly before its request ends; return whether it has passed."""
    if entry.deadline is None or entry.deadline.remaining() > 0:
        return False
    if not entry.future.done():
        entry.future.set_exception(deadline_problem(entry.deadline.seconds))
    return True


def _settle(future: asyncio.Future[Result], result: Result) -> None:
    if not future.done():
        future.set_result(result)
