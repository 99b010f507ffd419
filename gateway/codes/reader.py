"""Read the codes of pages, in processes that may touch pixels and are killed when their time is up."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import asdict
from typing import Any

from pydantic import ValidationError

from gateway.codes.parsing import parse_code
from gateway.documents.renderer import PageImage
from shared.contracts import Code
from shared.pictures.header import PictureLimits
from shared.pictures.memory import find_decoded
from shared.pictures.pool import TaskCrashedError, TaskTooSlowError, WorkerPool
from shared.problems import ProblemError

# The largest pages take a fifth of it.
_MAX_CPU_S = 2
_MAX_TASKS = 1_000

CODES_UNREAD = "codes-unread"
"""Code of the warning that the codes of a page were not read."""

_log = logging.getLogger(__name__)


class CodesUnreadError(Exception):
    """The codes of a page could not be read: no time, no process, or a picture that kills the reader."""


class CodeReader:
    """Reads the codes of pages. Use it in one event loop, and close it there.

    Args:
        limits: Limits of pictures.
        timeout_s: Timeout per page in seconds, with the wait for a process.
        max_processes: Maximum number of processes at once. Callers take turns.
    """

    def __init__(self, limits: PictureLimits, *, timeout_s: float, max_processes: int) -> None:
        self._limits = limits
        self._timeout_s = timeout_s
        self._warm_up: asyncio.Task[None] | None = None
        # All pages that the gateway admits may wait; the timeout limits how long.
        self._pool = WorkerPool("gateway.codes.process", size=max_processes, max_tasks=_MAX_TASKS)

    async def read(self, image: PageImage, number: int, timeout_s: float) -> list[Code]:
        """Return the codes of a page, from top to bottom, in pixels of its picture.

        Inside `decoding_shared`, the picture that a service has decoded is used.

        Args:
            image: The page.
            number: Number of the page, from 0.
            timeout_s: Seconds that are left for the receipt.

        Raises:
            CodesUnreadError: If the codes could not be read.
        """
        picture = find_decoded(image.data)
        data: Any = image.data if picture is None else picture.pixels.data.cast("B")
        size = None if picture is None else [picture.width, picture.height]
        arguments = {"size": size, "limits": asdict(self._limits)}
        try:
            async with asyncio.timeout(min(timeout_s, self._timeout_s)):
                answer = await self._pool.run("read", data, arguments, cpu_s=_MAX_CPU_S)
            return [_build_code(found, number) for found in answer.values["codes"]]
        except ProblemError as problem:
            # The services report a picture that cannot be decoded; it has no codes.
            if problem.status < 500:
                return []
            raise _report(problem) from problem
        # The process may have been taken over by the file.
        except (TimeoutError, TaskTooSlowError, TaskCrashedError, ValidationError, LookupError) as error:
            raise _report(error) from error

    def start(self) -> None:
        """Start one process in the background, so that the first page does not pay for it."""
        self._warm_up = asyncio.create_task(self._pool.warm_up())

    def busy_s(self) -> float:
        """Return for how many seconds the oldest page has been in its process."""
        return self._pool.stuck_s()

    async def aclose(self) -> None:
        """Kill all processes and wait until they are dead."""
        if self._warm_up is not None:
            await asyncio.wait({self._warm_up})
        await self._pool.aclose()


def _report(error: Exception) -> CodesUnreadError:
    _log.warning("Codes not read", extra={"reason": type(error).__name__})
    return CodesUnreadError()


def _build_code(found: dict[str, Any], number: int) -> Code:
    code = Code(page=number, quad=found["quad"], format=found["format"], text=found["text"])
    return code.model_copy(update={"content": parse_code(code.text)})
