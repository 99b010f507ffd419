"""Memory that is free but still held by the C library."""

from __future__ import annotations

import ctypes


def return_free_memory() -> None:
    """Return free memory to the system; do nothing with C libraries other than glibc. Blocks for some milliseconds.

    glibc keeps what lies between memory in use, in case it is needed again: after pictures of 12 to 50 megapixels, a
    sixth of the process.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
