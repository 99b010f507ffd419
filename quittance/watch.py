"""Tells of pictures that are put into a folder, once they are written to the end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from watchfiles import Change, awatch

from quittance.extract import SUFFIXES

# Scanners and copies write in pieces; a file that stays as it is for so long is taken to be whole.
_SETTLED_S = 1.0
_TICK_MS = 250

Signature = tuple[int, int]
"""Size in bytes and time of the last change in nanoseconds."""


def pictures_in(folder: Path) -> dict[Path, Signature]:
    """The pictures and documents in a folder and those below it, with their signatures."""
    found = {path: _signature(path) for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES}
    return {path: signature for path, signature in found.items() if signature is not None}


@dataclass
class _Arrivals:
    """Files that were changed and may still be written to.

    Attributes:
        seen: The signature that each file had when it was last told of, or was there before.
        waiting: The last signature of each changed file, and since when it has it (monotonic seconds).
    """

    seen: dict[Path, Signature]
    waiting: dict[Path, tuple[Signature, float]] = field(default_factory=dict)

    def changed(self, path: Path) -> None:
        """Notes that a file was written to; one that is gone, or no picture, is nothing."""
        signature = _signature(path) if path.suffix.lower() in SUFFIXES else None
        if signature is None:
            self.waiting.pop(path, None)
        elif signature != self.seen.get(path):
            self.waiting[path] = (signature, time.monotonic())

    def settled(self) -> list[Path]:
        """Takes out the files that stayed as they are for long enough; in the order in which they came."""
        ready = []
        for path, (signature, since) in list(self.waiting.items()):
            now = _signature(path)
            if now is None:
                del self.waiting[path]
            elif now != signature or now[0] == 0:
                self.waiting[path] = (now, time.monotonic())
            elif time.monotonic() - since >= _SETTLED_S:
                del self.waiting[path]
                self.seen[path] = now
                ready.append(path)
        return ready


async def arriving(folder: Path, before: Mapping[Path, Signature], stop: asyncio.Event) -> AsyncIterator[Path]:
    """Gives each picture that is put into a folder or below it, and again each that is changed later.

    A file is given once it has stayed the same for a second and is not empty. If whoever writes it pauses for longer,
    it is given too early, and again when it is whole.

    Args:
        folder: Has to be there.
        before: What `pictures_in` gave for the folder; files that are still so are not given.
        stop: Ends it when set.
    """
    arrivals = _Arrivals(dict(before))
    first = True
    async for changes in awatch(
        folder, watch_filter=None, stop_event=stop, rust_timeout=_TICK_MS, yield_on_timeout=True, debounce=_TICK_MS
    ):
        if first:  # from now on nothing is missed; what came while the models were loaded has to be looked for
            changes |= {(Change.added, str(path)) for path in pictures_in(folder)}
            first = False
        for _, name in sorted(changes, key=lambda change: change[1]):
            arrivals.changed(Path(name))
        for path in arrivals.settled():
            yield path


def _signature(path: Path) -> Signature | None:
    try:
        status = path.stat()
    except OSError:  # gone, or not ours to see
        return None
    return status.st_size, status.st_mtime_ns
