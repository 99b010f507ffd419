"""Decode a page once for several services in one process.

Detector and recognizer each receive the whole file and decode it. In separate processes, both must. Inside the
gateway's process, the second finds the picture of the first, if the gateway reads the page inside `decoding_shared`.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from shared.pictures.decoding import Picture, decode_picture
from shared.pictures.header import PictureLimits, check_size

_MAX_KEPT_BYTES = 64 * 2**20
# Decoding the largest pictures takes 0.5 GB each.
_MAX_DECODERS = max(2, (os.cpu_count() or 1) // 2)


@dataclass
class _Page:
    """The picture of one page, once it is decoded and if there is room for it."""

    data: bytes = b""
    picture: Picture | None = None


class _Memory:
    """Limits the pixels kept by all pages in progress. Thread-safe."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._kept_bytes = 0
        self._lock = threading.Lock()

    def keep(self, page: _Page, data: bytes, picture: Picture) -> None:
        size = picture.pixels.nbytes
        with self._lock:
            if page.picture is not None or self._kept_bytes + size > self._max_bytes:
                return
            self._kept_bytes += size
            # Several services use it from now on.
            picture.pixels.flags.writeable = False
            page.data, page.picture = data, picture

    def forget(self, page: _Page) -> None:
        with self._lock:
            if page.picture is not None:
                self._kept_bytes -= page.picture.pixels.nbytes
            page.data, page.picture = b"", None


_memory = _Memory(_MAX_KEPT_BYTES)
_decoders = threading.BoundedSemaphore(_MAX_DECODERS)
_page: ContextVar[_Page | None] = ContextVar("page", default=None)


@contextmanager
def decoding_shared() -> Iterator[None]:
    """Decode the picture of a page once inside the block, including tasks and threads started there."""
    page = _Page()
    token = _page.set(page)
    try:
        yield
    finally:
        _page.reset(token)
        _memory.forget(page)


def decode_once(data: bytes, limits: PictureLimits) -> Picture:
    """Decode a picture as `decode_picture` does, or return it if the same bytes were decoded in this block.

    Do not write to its pixels. Slow: call it in a thread.
    """
    page = _page.get()
    if page is not None and page.picture is not None and page.data == data:
        picture = page.picture
        check_size((picture.width, picture.height), limits)
        return picture
    with _decoders:
        picture = decode_picture(data, limits)
    if page is not None:
        _memory.keep(page, data, picture)
    return picture
