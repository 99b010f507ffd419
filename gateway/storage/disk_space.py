"""Free space on the disk of the state directory, part of which jobs must leave for everything else."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

# For the files that SQLite keeps next to a database.
_MIN_FREE_BYTES = 64 * 1024


class DiskSpace:
    """The disk of a directory, which need not exist yet.

    Args:
        directory: Where something is about to be written.
        reserve_bytes: Bytes that must stay free: what deletes and finishes jobs needs some, and so do corrections, API
            keys and other programs.
    """

    def __init__(self, directory: Path, reserve_bytes: int) -> None:
        self._directory = directory
        self.reserve_bytes = reserve_bytes

    def has_room(self, size: int) -> bool:
        """Return whether the reserve stays free after writing `size` bytes; raise `OSError` if that is unknown."""
        existing = self._directory.absolute()
        while not existing.exists():
            existing = existing.parent
        return shutil.disk_usage(existing).free - size >= self.reserve_bytes


def is_disk_full(directory: Path) -> bool:
    """Return whether SQLite cannot work for lack of space, which it often calls a disk I/O error."""
    with suppress(OSError):
        return shutil.disk_usage(directory).free < _MIN_FREE_BYTES
    return False
