"""Decoded pictures, kept while a receipt is read, where several services of one process look at the same one.

The gateway, the detector and the recognizer are each sent the whole file, and decode it. In processes of their own they
have to; within one, the first does it for all. Nothing is kept unless `kept_pictures` says so, and the gateway lets a
picture be forgotten once it has been read.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from shared.pictures.decoding import Picture, PictureLimits, check_size, decode_picture

_MOST_BYTES = 64 * 2**20


class PictureMemory:
    """Keeps the pictures used last. Safe in any thread.

    Args:
        most_bytes: Of the pixels of all pictures together; a larger picture is not kept.
    """

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._pictures: OrderedDict[bytes, Picture] = OrderedDict()
        self._lock = threading.Lock()

    def decode(self, data: bytes, limits: PictureLimits) -> Picture:
        """As `decode_picture`, from memory if these very bytes were decoded before."""
        key = hashlib.sha256(data).digest()
        with self._lock:
            picture = self._pictures.get(key)
            if picture is not None:
                self._pictures.move_to_end(key)
        if picture is None:
            picture = decode_picture(data, limits)
            self._keep(key, picture)
        else:
            check_size((picture.width, picture.height), limits)
        return picture

    def forget(self, data: bytes) -> None:
        """Lets go of the picture that was decoded from these bytes."""
        key = hashlib.sha256(data).digest()
        with self._lock:
            picture = self._pictures.pop(key, None)
            if picture is not None:
                self._bytes -= picture.pixels.nbytes

    def _keep(self, key: bytes, picture: Picture) -> None:
        picture.pixels.flags.writeable = False  # several look at it now
        with self._lock:
            if key in self._pictures or picture.pixels.nbytes > self._most_bytes:
                return
            self._pictures[key] = picture
            self._bytes += picture.pixels.nbytes
            while self._bytes > self._most_bytes:
                self._bytes -= self._pictures.popitem(last=False)[1].pixels.nbytes


class _Process:
    """What the services of this process share, for as long as there are any that do."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.users = 0
        self.memory: PictureMemory | None = None


_process = _Process()


def decode_once(data: bytes, limits: PictureLimits) -> Picture:
    """As `decode_picture`; within `kept_pictures`, a picture is decoded once for all who ask for it.

    Its pixels must not be written to.
    """
    memory = _process.memory
    return decode_picture(data, limits) if memory is None else memory.decode(data, limits)


def forget(data: bytes) -> None:
    """Lets go of a picture that was decoded from these bytes, if it is kept."""
    memory = _process.memory
    if memory is not None:
        memory.forget(data)


@contextmanager
def kept_pictures() -> Iterator[None]:
    """Keeps decoded pictures for as long as the block runs, or another one that began meanwhile."""
    with _process.lock:
        _process.users += 1
        _process.memory = _process.memory or PictureMemory()
    try:
        yield
    finally:
        with _process.lock:
            _process.users -= 1
            if _process.users == 0:
                _process.memory = None
