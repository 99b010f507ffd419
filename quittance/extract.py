"""Reads receipts from files, several at a time, and returns them in the order given."""

from __future__ import annotations

import asyncio
import glob
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from quittance.client import ClientError, ReceiptClient
from shared.contracts import Receipt

# Enough to detect one receipt while another is recognized; more would only wait in the queues of the services.
_MAX_CONCURRENT = 4
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif", ".avif", ".bmp", ".tif", ".tiff", ".pdf"}


@dataclass(frozen=True)
class Reading:
    """The result of one file: a receipt, or the reason why there is none."""

    path: Path
    receipt: Receipt | None = None
    error: str | None = None


def expand(paths: Sequence[Path]) -> list[Path]:
    """Replace folders by the pictures and documents in them, and patterns by their matches, sorted by name.

    Empty folders and patterns without a match are kept, so that they can be reported.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(one for one in path.rglob("*") if one.suffix.lower() in SUFFIXES)
        elif _is_pattern(path):
            inside = expand([Path(name) for name in sorted(glob.glob(str(path), recursive=True))])
        else:
            inside = []
        found += inside or [path]
    return found


def explain_unreadable(path: Path) -> str | None:
    """Return why an expanded path cannot be opened; None if it looks readable."""
    if path.is_dir():
        return "there are no pictures in this folder"
    if _is_pattern(path):
        return "no file matches"
    if not path.exists():
        return "there is no such file"
    return None


def _is_pattern(path: Path) -> bool:
    """Return whether a path is a pattern that the shell did not expand; an existing file never is."""
    return not path.exists() and glob.has_magic(str(path))


async def read_files(client: ReceiptClient, paths: Sequence[Path]) -> AsyncIterator[Reading]:
    """Read receipts from files; a failure does not affect the other files.

    Yields:
        One reading per path, in the order of the paths.
    """
    slots = asyncio.Semaphore(_MAX_CONCURRENT)

    async def read(path: Path) -> Reading:
        async with slots:
            return await read_file(client, path)

    tasks = [asyncio.create_task(read(path)) for path in paths]
    try:
        for task in tasks:
            yield await task
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def read_file(client: ReceiptClient, path: Path) -> Reading:
    """Read a receipt from a file; the reading has either the receipt or the reason of the failure."""
    reason = explain_unreadable(path)
    if reason is not None:
        return Reading(path, error=reason)
    try:
        data = await asyncio.to_thread(path.read_bytes)
        return Reading(path, receipt=await client.read(data))
    except OSError as error:
        return Reading(path, error=error.strerror or str(error))
    except ClientError as error:
        return Reading(path, error=str(error))
