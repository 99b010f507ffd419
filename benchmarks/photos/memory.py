"""The memory of a process and all its descendants (Linux)."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Self

_SAMPLE_S = 0.2


class TreeMemoryWatch:
    """Samples the memory of a process tree: proportional set sizes, and files in memory that no process has mapped.

    Memory that processes share counts once.

    Args:
        pid: ID of the first process.

    Attributes:
        first_mib: MiB at the start of the watch.
        peak_mib: Maximum MiB since then.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.first_mib = self.peak_mib = measure_tree(pid) >> 20

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(_SAMPLE_S):
            self.peak_mib = max(self.peak_mib, measure_tree(self._pid) >> 20)


def measure_tree(pid: int) -> int:
    """Return the bytes that a process and its descendants use now."""
    total, files = 0, dict[int, int]()
    waiting = [pid]
    while waiting:
        current = waiting.pop()
        waiting += _list_children(current)
        total += _read_proportional_bytes(current)
        files |= _find_memory_files(current)
    return total + sum(files.values())


def _read_proportional_bytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:  # the process has ended
        return 0
    return sum(int(line.split()[1]) << 10 for line in lines if line.startswith("Pss:"))


def _find_memory_files(pid: int) -> dict[int, int]:
    """Return the bytes of the files in memory that a process holds open, by inode."""
    found: dict[int, int] = {}
    try:
        for entry in os.scandir(f"/proc/{pid}/fd"):
            if os.readlink(entry.path).startswith("/memfd:"):
                status = os.stat(entry.path)
                found[status.st_ino] = status.st_blocks * 512
    except OSError:  # the process or the file was closed
        pass
    return found


def _list_children(pid: int) -> list[int]:
    found: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(child) for child in path.read_text().split()]
        except OSError:  # the thread has ended
            continue
    return found
