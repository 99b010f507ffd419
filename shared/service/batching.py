"""Dynamic batching: items of many requests are computed together, and each caller gets its own result.

One asyncio task forms the batches, one thread computes them. A batch is formed when a group has `max_batch` items, or
when its oldest item has waited `max_wait_ms`; among the groups that are due, the one with the oldest item comes first,
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
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Generic, Self, TypeVar

from shared.problems import ProblemError
from shared.service.deadline import Deadline, current_deadline, deadline_exceeded
from shared.service.metrics import BatchMetrics

Item = TypeVar("Item")
Result = TypeVar("Result")

_log = logging.getLogger(__name__)
_LONGEST_RETRY_S = 30
_NOT_WANTED = RuntimeError("The caller went away.")


class QueueFullError(ProblemError):
    """So many items wait that one more would wait too long: 503 with `Retry-After`."""

    def __init__(self, retry_after_s: int) -> None:
        """Tells after how many seconds there is likely to be room."""
        super().__init__(
            503,
            "overloaded",
            "The service is overloaded",
            f"The queue is full. Try again in {retry_after_s} s.",
            headers={"Retry-After": str(retry_after_s)},
        )


class WorkerDiedError(ProblemError):
    """The thread that computes is gone: 503 until the service has been started anew."""

    def __init__(self, name: str) -> None:
        """Names the batcher whose worker died."""
        super().__init__(
            503,
            "worker-died",
            "The service lost its worker",
            f"The worker of the {name} died. The service has to be started anew; try again in a moment.",
            headers={"Retry-After": "5"},
        )


class BatcherClosedError(ProblemError):
    """The service is shutting down or has not begun: 503."""

    def __init__(self, name: str) -> None:
        """Names the batcher that is closed."""
        super().__init__(
            503,
            "draining",
            "The service is shutting down",
            f"The {name} takes no new work. Try again in a moment.",
            headers={"Retry-After": "5"},
        )


@dataclass(eq=False, slots=True)
class _Entry(Generic[Item, Result]):
    """An item on its way: waiting as long as it is in a group's deque."""

    item: Item
    group: Hashable
    future: asyncio.Future[Result]
    since: float
    deadline: Deadline | None


@dataclass(eq=False, slots=True)
class _Batch(Generic[Item, Result]):
    entries: list[_Entry[Item, Result]]
    done: asyncio.Future[list[Result | Exception]]


class DynamicBatcher(Generic[Item, Result]):
    """Groups the items of concurrent callers into batches for one worker thread.

    A batch that raises is computed again item by item, so that only the item at fault fails. An error that is no
    Exception (SystemExit, for one) ends the worker: everyone who waits gets WorkerDiedError at once, and `alive` turns
    false. Every method belongs to the event loop that `start` ran in.
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
        """Sets the batcher up; `start` starts it.

        Args:
            process: Computes a batch in the worker thread. It returns one result an item, in order; an Exception in
                place of a result goes to that item's caller alone.
            max_batch: Most items a batch.
            max_wait_ms: Longest time, in milliseconds, that an item waits for company while the worker is idle.
            max_queue: Most items waiting.
            group: Key of an item; only items with the same key share a batch.
            name: For messages, logs and metrics.
            metrics: Where the queue's length, waits and batch sizes are counted.
        """
        self._process = process
        self._max_batch = max_batch
        self._max_wait_s = max_wait_ms / 1000
        self._max_queue = max_queue
        self._group = group
        self._name = name
        self._metrics = metrics
        self._waiting: dict[Hashable, deque[_Entry[Item, Result]]] = {}
        self._queued = 0
        self._running: _Batch[Item, Result] | None = None
        self._jobs: queue.SimpleQueue[_Batch[Item, Result] | None] = queue.SimpleQueue()
        self._changed = asyncio.Event()
        self._closing = True
        self._died = False
        self._seconds_per_item = 0.0
        self._thread: threading.Thread | None = None
        self._dispatcher: asyncio.Task[None] | None = None

    @property
    def alive(self) -> bool:
        """Whether items are taken: started, not closed, and the worker lives."""
        return not self._closing and not self._died and self._thread is not None and self._thread.is_alive()

    @property
    def queued(self) -> int:
        """Items waiting, those being computed not counted."""
        return self._queued

    async def start(self) -> None:
        """Starts the worker thread and the task that feeds it."""
        if self._thread is not None:
            raise RuntimeError(f"The batcher of the {self._name} was started before.")
        self._closing = False
        loop = asyncio.get_running_loop()
        # A daemon, so that a network that never returns cannot keep the process from ending.
        self._thread = threading.Thread(target=self._work, args=(loop,), name=f"batch-{self._name}", daemon=True)
        self._thread.start()
        self._dispatcher = asyncio.create_task(self._dispatch(), name=f"batch-{self._name}")
        self._dispatcher.add_done_callback(self._dispatcher_ended)

    async def aclose(self, timeout_s: float = 5.0) -> None:
        """Takes no more items, computes those that wait, and stops; who is not done after the time given, fails."""
        self._closing = True
        self._changed.set()
        if self._dispatcher is not None:
            await asyncio.wait({self._dispatcher}, timeout=timeout_s)  # it ends by itself once nothing waits
            self._dispatcher.cancel()
        self._jobs.put(None)
        self._fail_all(BatcherClosedError)

    async def __aenter__(self) -> Self:
        """Starts the batcher."""
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Closes the batcher."""
        await self.aclose()

    async def submit(self, item: Item) -> Result:
        """Waits for the result of one item.

        Raises:
            QueueFullError: Too many items wait.
            WorkerDiedError: The worker is gone.
            BatcherClosedError: The batcher is closed.
            Exception: Whatever computing the item raised.
        """
        (future,) = self._enqueue([item])
        return await future

    async def submit_many(self, items: Sequence[Item]) -> list[Result]:
        """Waits for the results of several items, in their order; they may be computed in several batches.

        The items are taken all or none. More than `max_queue` of them are taken if nothing else waits, because they
        could never be taken otherwise.

        Raises:
            Exception: As `submit`; the first item that failed speaks for all, the rest are dropped.
        """
        futures = self._enqueue(items)
        try:
            return await asyncio.gather(*futures)
        finally:
            for future in futures:
                future.cancel()

    def _enqueue(self, items: Sequence[Item]) -> list[asyncio.Future[Result]]:
        if self._died:
            raise WorkerDiedError(self._name)
        if self._closing:
            raise BatcherClosedError(self._name)
        if self._queued and self._queued + len(items) > self._max_queue:
            raise QueueFullError(self._retry_after_s())
        loop, now = asyncio.get_running_loop(), monotonic()
        groups = [self._group(item) for item in items]
        hash(tuple(groups))  # a key that is none fails here, before anything is queued
        deadline = current_deadline()
        entries = [_Entry(*pair, loop.create_future(), now, deadline) for pair in zip(items, groups, strict=True)]
        for entry in entries:
            self._waiting.setdefault(entry.group, deque()).append(entry)
            entry.future.add_done_callback(partial(self._drop, entry))
        self._count(len(entries))
        self._changed.set()
        return [entry.future for entry in entries]

    def _drop(self, entry: _Entry[Item, Result], future: asyncio.Future[Result]) -> None:
        """Takes an item out of the queue when its caller goes away."""
        group = self._waiting.get(entry.group)
        if future.cancelled() and group is not None and entry in group:
            group.remove(entry)
            if not group:
                del self._waiting[entry.group]
            self._count(-1)

    def _count(self, change: int) -> None:
        self._queued += change
        if self._metrics:
            self._metrics.queued(self._queued)

    def _retry_after_s(self) -> int:
        return min(max(math.ceil(self._queued * self._seconds_per_item), 1), _LONGEST_RETRY_S)

    async def _dispatch(self) -> None:
        """Forms batches as long as the batcher is open or items wait, and hands each to the worker in turn."""
        while self._queued or not self._closing:
            self._changed.clear()
            due_in_s, group = self._next_group()
            if group is None or due_in_s > 0:
                with suppress(TimeoutError):
                    async with asyncio.timeout(None if group is None else due_in_s):
                        await self._changed.wait()
                continue
            batch = self._take(group)
            if batch.entries:
                await self._run(batch)

    def _next_group(self) -> tuple[float, deque[_Entry[Item, Result]] | None]:
        """Finds the group to compute next and the seconds until it is due."""
        now = monotonic()
        best: tuple[float, float, deque[_Entry[Item, Result]]] | None = None
        for entries in self._waiting.values():
            since = entries[0].since
            full = self._closing or len(entries) >= self._max_batch
            due_in_s = 0.0 if full else max(since + self._max_wait_s - now, 0.0)
            if best is None or (due_in_s, since) < best[:2]:
                best = (due_in_s, since, entries)
        return (0.0, None) if best is None else (best[0], best[2])

    def _take(self, group: deque[_Entry[Item, Result]]) -> _Batch[Item, Result]:
        entries = [group.popleft() for _ in range(min(len(group), self._max_batch))]
        if not group:
            del self._waiting[entries[0].group]
        self._count(-len(entries))
        entries = [entry for entry in entries if not _expired(entry)]
        if self._metrics and entries:
            now = monotonic()
            self._metrics.batch([now - entry.since for entry in entries])
        return _Batch(entries, asyncio.get_running_loop().create_future())

    async def _run(self, batch: _Batch[Item, Result]) -> None:
        begun = monotonic()
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
        latest = (monotonic() - begun) / len(batch.entries)
        self._seconds_per_item += 0.2 * (latest - self._seconds_per_item)

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        """The worker thread: computes batches until told to stop."""
        try:
            while (batch := self._jobs.get()) is not None:
                results = self._compute(batch.entries)
                loop.call_soon_threadsafe(_settle, batch.done, results)
        except BaseException as error:  # the thread ends whatever it is, and the waiters must hear of it
            _log.critical("the worker died", exc_info=error, extra={"batcher": self._name})
            with suppress(RuntimeError):  # the loop may be closed: then nobody waits
                loop.call_soon_threadsafe(self._die)

    def _compute(self, entries: list[_Entry[Item, Result]]) -> list[Result | Exception]:
        try:
            return self._checked([entry.item for entry in entries])
        except Exception as error:
            if len(entries) == 1:
                return [error]
            _log.warning(
                "a batch failed, its items are computed one by one",
                extra={"batcher": self._name, "items": len(entries), "error": type(error).__name__},
            )
        # Whoever went away meanwhile needs no result; `cancelled` only reads a flag, which is safe from here.
        return [_NOT_WANTED if entry.future.cancelled() else self._compute([entry])[0] for entry in entries]

    def _checked(self, items: list[Item]) -> list[Result | Exception]:
        results = list(self._process(items))
        if len(results) != len(items):
            raise RuntimeError(f"The {self._name} gave {len(results)} results for {len(items)} items.")
        return results

    def _dispatcher_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            _log.critical("batches are no longer formed", exc_info=error, extra={"batcher": self._name})
            self._die()

    def _die(self) -> None:
        self._died = True
        if self._dispatcher is not None:
            self._dispatcher.cancel()
        self._fail_all(WorkerDiedError)

    def _fail_all(self, error: Callable[[str], ProblemError]) -> None:
        waiting = [entry for group in self._waiting.values() for entry in group]
        running = self._running.entries if self._running else []
        self._running = None
        self._waiting.clear()
        self._count(-self._queued)
        for entry in [*running, *waiting]:
            if not entry.future.done():
                entry.future.set_exception(error(self._name))


def _expired(entry: _Entry[Item, Result]) -> bool:
    """Fails an item whose caller has no time left: its request is about to be ended, but has not been yet."""
    if entry.deadline is None or entry.deadline.remaining() > 0:
        return False
    if not entry.future.done():
        entry.future.set_exception(deadline_exceeded(entry.deadline.seconds))
    return True


def _settle(future: asyncio.Future[Result], result: Result) -> None:
    if not future.done():
        future.set_result(result)
