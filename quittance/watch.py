"""Watches a folder for new pictures and reports each one once it is completely written."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from watchfiles import Change, awatch

from quittance.inputs import READABLE_SUFFIXES

# Scanners and copies write in pieces; a file that has not changed for this long counts as complete.
_SETTLED_S = 1.0
_TICK_MS = 250

Signature = tuple[int, int]
"""Size in bytes, and modification time in nanoseconds."""


def find_pictures(folder: Path) -> dict[Path, Signature]:
    """Return the pictures, documents and zips in a folder and its subfolders, with their signatures."""
    found = {path: _signature(path) for path in folder.rglob("*") if path.suffix.lower() in READABLE_SUFFIXES}
    return {path: signature for path, signature in found.items() if signature is not None}


@dataclass
class _Arrivals:
    """Files that changed and may still be written to.

    Attributes:
        seen: Signature of each file when it was last reported, or at the start.
        waiting: Last signature of each changed file, and the monotonic time in seconds since when it has it.
    """

    seen: dict[Path, Signature]
    waiting: dict[Path, tuple[Signature, float]] = field(default_factory=dict)

    def add(self, path: Path) -> None:
        """Note that a file changed; files that are gone and files that are not pictures are ignored."""
        signature = _signature(path) if path.suffix.lower() in READABLE_SUFFIXES else None
        if signature is None:
            self.waiting.pop(path, None)
        elif signature != self.seen.get(path):
            self.waiting[path] = (signature, time.monotonic())

    def take_settled(self) -> list[Path]:
        """Remove and return the files that have not changed for long enough, in order of arrival."""
        settled = []
        for path, (signature, since) in list(self.waiting.items()):
            current = _signature(path)
            if current is None:
                del self.waiting[path]
            elif current != signature or current[0] == 0:
                self.waiting[path] = (current, time.monotonic())
            elif time.monotonic() - since >= _SETTLED_S:
                del self.waiting[path]
                self.seen[path] = current
                settled.append(path)
        return settled


async def watch_folder(folder: Path, known: Mapping[Path, Signature], stop: asyncio.Event) -> AsyncIterator[Path]:
    """Yield each picture that arrives in a folder or below it, and each one that changes later.

    A file is yielded once it is not empty and has not changed for a second. If its writer pauses for longer, it is
    yielded too early, and again when it is complete.

    Args:
        folder: An existing folder.
        known: The result of an earlier `find_pictures`; files that have not changed since are not yielded.
        stop: Ends the watch when set.
    """
    arrivals = _Arrivals(dict(known))
    first = True
    async for changes in awatch(
        folder, watch_filter=None, stop_event=stop, rust_timeout=_TICK_MS, yield_on_timeout=True, debounce=_TICK_MS
    ):
        if first:  # the watch has started: find what arrived before it
            changes |= {(Change.added, str(path)) for path in find_pictures(folder)}
            first = False
        for _, name in sorted(changes, key=lambda change: change[1]):
            arrivals.add(Path(name))
        for path in arrivals.take_settled():
            yield path


def _signature(path: Path) -> Signature | None:
    try:
        status = path.stat()
    except OSError:  # gone, or not accessible
        return None
    return status.st_size, status.st_mtime_ns
