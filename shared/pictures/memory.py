"""Decode pages in processes that can be killed, and once for several services in one process.

Detector and recognizer each receive the whole file and decode it. In separate processes, both must. Inside the
gateway's process, the second finds the picture of the first, if the gateway reads the page inside `decoding_shared`.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from weakref import WeakKeyDictionary

import numpy as np

from shared.pictures.decoding import Picture
from shared.pictures.header import (
    FORMATS,
    PictureLimits,
    check_size,
    damaged_picture_problem,
    read_header,
    slow_picture_problem,
    unsupported_format_problem,
)
from shared.pictures.jpeg import read_structure
from shared.pictures.pool import TaskCrashedError, TaskTooSlowError, WorkerPool

_MAX_KEPT_BYTES = 64 * 2**20
# Decoding the largest pictures takes 0.5 GB each.
_MAX_DECODERS = max(2, (os.cpu_count() or 1) // 2)
# The largest picture of any format that is not hostile takes half of it.
_MAX_CPU_S = 4
# Walking over the markers of a larger file takes longer than the way to a thread and back.
_WALK_IN_THREAD_BYTES = 1024 * 1024


@dataclass
class _Page:
    """The picture of one page, once it is decoded and if there is room for it."""

    data: bytes = b""
    picture: Picture | None = None


class _Memory:
    """Limits the pixels kept by all pages in progress of one event loop."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._kept_bytes = 0

    def keep(self, page: _Page, data: bytes, picture: Picture) -> None:
        size = picture.pixels.nbytes
        if page.picture is not None or self._kept_bytes + size > self._max_bytes:
            return
        self._kept_bytes += size
        # Several services use it from now on.
        picture.pixels.flags.writeable = False
        page.data, page.picture = data, picture

    def forget(self, page: _Page) -> None:
        if page.picture is not None:
            self._kept_bytes -= page.picture.pixels.nbytes
        page.data, page.picture = b"", None


@dataclass
class _Shared:
    """The processes of one event loop, and the number of applications that use them."""

    pool: WorkerPool
    users: int = 0


_memory = _Memory(_MAX_KEPT_BYTES)
_page: ContextVar[_Page | None] = ContextVar("page", default=None)
_pools: WeakKeyDictionary[asyncio.AbstractEventLoop, _Shared] = WeakKeyDictionary()


@asynccontextmanager
async def open_decoders() -> AsyncIterator[WorkerPool]:
    """Keep processes for `decode_once` while the block runs; applications in one event loop share them."""
    loop = asyncio.get_running_loop()
    shared = _pools.setdefault(loop, _Shared(WorkerPool("shared.pictures.worker", size=_MAX_DECODERS)))
    shared.users += 1
    try:
        if shared.users == 1:
            await shared.pool.warm_up()
        yield shared.pool
    finally:
        shared.users -= 1
        if not shared.users:
            del _pools[loop]
            await shared.pool.aclose()


@contextmanager
def decoding_shared() -> Iterator[None]:
    """Decode the picture of a page once inside the block, including tasks started there."""
    page = _Page()
    token = _page.set(page)
    try:
        yield
    finally:
        _page.reset(token)
        _memory.forget(page)


def find_decoded(data: bytes) -> Picture | None:
    """Return the picture if the same bytes were decoded in this block of `decoding_shared`. Do not write to it."""
    page = _page.get()
    return page.picture if page is not None and page.data == data else None


async def decode_once(data: bytes, limits: PictureLimits) -> Picture:
    """Decode a picture in another process, or return it if the same bytes were decoded in this block.

    Do not write to its pixels. Use it inside `open_decoders`.

    Raises:
        ProblemError: Like `decode_picture`; 422 `picture-too-slow` also if the CPU time was exceeded, 503 if too many
            pictures are waiting.
    """
    page = _page.get()
    if page is not None and page.picture is not None and page.data == data:
        picture = page.picture
        check_size((picture.width, picture.height), limits)
        return picture
    picture = await _decode(data, limits)
    if page is not None:
        _memory.keep(page, data, picture)
    return picture


async def _decode(data: bytes, limits: PictureLimits) -> Picture:
    name = read_header(data, limits).format
    if name is None or name not in FORMATS:
        raise unsupported_format_problem(name, FORMATS)
    if name == "JPEG":
        is_large = len(data) > _WALK_IN_THREAD_BYTES
        structure = await asyncio.to_thread(read_structure, data) if is_large else read_structure(data)
        if excess := structure.find_excess():
            raise slow_picture_problem(name, excess)
    pool = _pools[asyncio.get_running_loop()].pool
    try:
        answer = await pool.run("decode", data, {"limits": asdict(limits)}, cpu_s=_MAX_CPU_S)
    except TaskTooSlowError as error:
        raise slow_picture_problem(name, f"decoding takes more than {_MAX_CPU_S} s of CPU time") from error
    except TaskCrashedError as error:
        raise damaged_picture_problem(name, "its decoder crashed") from error
    width, height = answer.values["width"], answer.values["height"]
    # The process may have been taken over by the file.
    check_size((width, height), limits)
    return Picture(np.frombuffer(answer.data, np.uint8).reshape(height, width), name, (width, height))
