"""Processes that decode untrusted files: kept warm, bounded in memory and CPU time, killed when their time is up.

A slot is held until the work has really ended: until the process has answered, or is dead. Each process shares one file
with this one, in memory and without a name, through which files and pixels pass; nothing is left of it when both end.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from shared.pictures.slots import FairSlots
from shared.problems import ProblemError
from shared.service.health import WorkWatch
from shared.service.request_context import current_caller

_MAX_LINE_BYTES = 2**20
_START_TIMEOUT_S = 60.0
_RETRY_AFTER_S = 5
# A process that closes its output has this long to end by itself.
_EXIT_S = 1.0
# Reading more than this takes longer than the way to a thread and back.
_READ_IN_THREAD_BYTES = 4 * 2**20
# Secrets in the environment are of no use to a decoder.
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "TZ", "TMPDIR")

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Answer:
    """What a process answered.

    Attributes:
        values: What it says about the result.
        data: The bytes of the result.
    """

    values: dict[str, Any]
    data: bytearray


class TaskTooSlowError(Exception):
    """A task used more CPU time than it may."""


class TaskCrashedError(Exception):
    """A process died during a task.

    Args:
        returncode: Its exit status.
    """

    def __init__(self, returncode: int | None) -> None:
        super().__init__(f"exit status {returncode}")


class WorkerPool:
    """A few processes that carry out tasks. Use it in one event loop, and close it there.

    Args:
        module: Module that the processes run; it calls `shared.pictures.worker.serve`.
        size: Maximum number of processes.
        max_waiting: Maximum number of tasks that wait for a process.
        max_tasks: Number of tasks after which a process is replaced.
    """

    def __init__(self, module: str, *, size: int, max_waiting: int = 1_024, max_tasks: int = 1_000) -> None:
        self._module = module
        self._max_tasks = max_tasks
        self._slots = FairSlots(size, max_waiting)
        self._idle: list[_Worker] = []
        self._ending: set[asyncio.Task[None]] = set()
        self._watch = WorkWatch()
        self._is_closed = False

    async def run(
        self,
        task: str,
        data: bytes | memoryview,
        arguments: dict[str, Any],
        *,
        cpu_s: float,
        timeout_s: float | None = None,
    ) -> Answer:
        """Carry out a task in a process; if the caller is canceled or times out, the process is killed.

        Args:
            task: Name of the task.
            data: The file, or bytes of pixels.
            arguments: Other arguments, as JSON.
            cpu_s: CPU seconds allowed between two parts of the result.
            timeout_s: Seconds allowed, without the wait for a process.

        Raises:
            TimeoutError: If the time was exceeded.
            ProblemError: What the task raised; 503 `overloaded` if too many wait or no process can be started.
            TaskTooSlowError: If the CPU time was exceeded.
            TaskCrashedError: If the process died, and a fresh one did too.
        """
        caller = current_caller()
        while True:
            await self._slots.acquire(caller)
            worker: _Worker | None = None
            try:
                async with asyncio.timeout(timeout_s):
                    worker = await self._take()
                    self._watch.begin(worker)
                    answer = await worker.ask(task, data, arguments, cpu_s)
            except TaskCrashedError as error:
                was_used = worker is not None and worker.tasks > 1
                self._end(worker, caller)
                # The memory of an earlier task may be the cause, or whatever killed an idle process.
                if was_used:
                    continue
                _log.warning("Decoder process died", extra={"program": self._module, "reason": str(error)})
                raise
            except BaseException:
                self._end(worker, caller)
                raise
            self._keep(worker, caller)
            if "problem" in answer.values:
                raise ProblemError(**answer.values["problem"])
            return answer

    async def warm_up(self) -> None:
        """Start one process, so that the first task does not pay for it."""
        self._idle.append(await _Worker.start(self._module))

    def stuck_s(self) -> float:
        """Return for how many seconds the oldest task has been running, or its killed process refused to die."""
        return self._watch.busy_s()

    async def aclose(self) -> None:
        """Kill all processes and wait until they are dead."""
        self._is_closed = True
        idle, self._idle = self._idle, []
        await asyncio.gather(*(worker.kill() for worker in idle), *self._ending)

    async def _take(self) -> _Worker:
        while self._idle:
            worker = self._idle.pop()
            if worker.is_alive:
                return worker
            await worker.kill()
        try:
            return await _Worker.start(self._module)
        except (OSError, TimeoutError, ValueError) as error:
            _log.error("Decoder process not started", extra={"program": self._module, "reason": repr(error)})
            raise _no_process_problem() from error

    def _keep(self, worker: _Worker, caller: str) -> None:
        if self._is_closed or worker.tasks >= self._max_tasks:
            self._end(worker, caller)
            return
        self._watch.end(worker)
        self._idle.append(worker)
        self._slots.release(caller)

    def _end(self, worker: _Worker | None, caller: str) -> None:
        """Kill a process, and give its slot back once it is dead. Not awaited: the caller may be canceled."""
        if worker is None:
            self._slots.release(caller)
            return

        async def end(worker: _Worker) -> None:
            await worker.kill()
            self._watch.end(worker)
            self._slots.release(caller)

        task = asyncio.create_task(end(worker))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


class _Worker:
    """One process, and the file that it shares with this one."""

    def __init__(self, process: asyncio.subprocess.Process, shared: int) -> None:
        self.tasks = 0
        self._process = process
        self._shared = shared

    @classmethod
    async def start(cls, module: str) -> _Worker:
        shared = _create_shared_file()
        process: asyncio.subprocess.Process | None = None
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", module, str(shared)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                # Decoders print warnings; problems come on the standard output.
                stderr=asyncio.subprocess.DEVNULL,
                pass_fds=(shared,),
                env=_build_environment(),
                limit=_MAX_LINE_BYTES,
                # Ctrl+C in a terminal goes to this process, which finishes what it has begun.
                start_new_session=True,
            )
            worker = cls(process, shared)
            async with asyncio.timeout(_START_TIMEOUT_S):
                await worker._read_line()
        except BaseException as error:
            if process is None:
                os.close(shared)
            else:
                process.kill()
                await asyncio.shield(cls(process, shared).kill())
            if isinstance(error, TaskCrashedError):
                raise OSError(str(error)) from error
            raise
        return worker

    @property
    def is_alive(self) -> bool:
        return self._process.returncode is None

    async def ask(self, task: str, data: bytes | memoryview, arguments: dict[str, Any], cpu_s: float) -> Answer:
        self.tasks += 1
        os.ftruncate(self._shared, 0)
        _write(self._shared, data)
        request = {"task": task, "size": len(data), "arguments": arguments, "cpu_s": cpu_s}
        assert self._process.stdin is not None  # noqa: S101 - a pipe was requested
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            await self._process.stdin.drain()
        except ConnectionError:
            pass  # the process died; its exit status says why
        values = await self._read_line()
        size = int(values.get("size", 0))
        # Clearing a large file takes as long as reading it.
        is_large = size > _READ_IN_THREAD_BYTES
        content = await asyncio.to_thread(self._take_result, size) if is_large else self._take_result(size)
        return Answer(values.get("answer", values), content)

    async def kill(self) -> None:
        """Kill the process, wait until it is dead, and close the shared file."""
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()
        await self._process.wait()
        if self._shared >= 0:
            os.close(self._shared)
            self._shared = -1

    async def _read_line(self) -> dict[str, Any]:
        assert self._process.stdout is not None  # noqa: S101 - a pipe was requested
        try:
            line = await self._process.stdout.readline()
        except ValueError:  # longer than the limit
            line = b""
        if not line.endswith(b"\n"):
            returncode = await self._end()
            raise TaskTooSlowError if returncode == -signal.SIGXCPU else TaskCrashedError(returncode)
        values = json.loads(line)
        assert isinstance(values, dict)  # noqa: S101 - as `shared.pictures.worker` writes it
        return values

    async def _end(self) -> int:
        """Return how the process ended; kill it if it goes on.

        Sending a signal to a process that has just died would take its exit status from asyncio, which then reports
        255 (`subprocess.Popen.send_signal` polls first).
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(_EXIT_S):
                return await self._process.wait()
        with suppress(ProcessLookupError):
            self._process.kill()
        return await self._process.wait()

    def _take_result(self, size: int) -> bytearray:
        content = bytearray(size)
        view, offset = memoryview(content), 0
        while offset < size and (count := os.preadv(self._shared, [view[offset:]], offset)):
            offset += count
        os.ftruncate(self._shared, 0)
        if offset < size:
            raise TaskCrashedError(None)
        return content


def _create_shared_file() -> int:
    """Create a file without a name: in memory, or in the folder for temporary files where Linux's memfd is missing."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("quittance-picture")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _build_environment() -> dict[str, str]:
    # The process finds the same modules as this one, from whichever directory it was started.
    path = os.pathsep.join(os.path.abspath(folder) for folder in sys.path)
    return {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ} | {"PYTHONPATH": path}


def _write(shared: int, data: bytes | memoryview) -> None:
    view, offset = memoryview(data), 0
    while offset < len(data):
        offset += os.pwrite(shared, view[offset:], offset)


def _no_process_problem() -> ProblemError:
    return ProblemError(
        503,
        "overloaded",
        "The service is overloaded",
        f"No process for decoding could be started. Try again in {_RETRY_AFTER_S} s.",
        headers={"Retry-After": str(_RETRY_AFTER_S)},
    )
