"""Reads receipts from files, several at a time, and hands them back in the order given."""

from __future__ import annotations

import asyncio
import glob
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from quittance.client import ClientError, ReceiptClient
from shared.contracts import Receipt

# Enough that one receipt is detected while another is recognized; more would only wait in the services' queues.
_AT_ONCE = 4
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif", ".avif", ".bmp", ".tif", ".tiff", ".pdf"}


@dataclass(frozen=True)
class Reading:
    """What came of one file: a receipt, or the reason why there is none."""

    path: Path
    receipt: Receipt | None = None
    error: str | None = None


def expanded(paths: Sequence[Path]) -> list[Path]:
    """Files as they are; folders as the pictures and documents in them, patterns as what they match, by name.

    What is empty or matches nothing stays, to be told.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(one for one in path.rglob("*") if one.suffix.lower() in SUFFIXES)
        elif not path.exists() and glob.has_magic(str(path)):  # quoted, or left by the shell
            inside = expanded([Path(name) for name in sorted(glob.glob(str(path), recursive=True))])
        else:
            inside = []
        found += inside or [path]
    return found


def unreadable(path: Path) -> str | None:
    """Why a file cannot be opened; None if it looks as if it can."""
    if path.is_dir():
        return "there are no pictures in this folder"
    if not path.exists() and glob.has_magic(str(path)):
        return "no file matches"
    if not path.exists():
        return "there is no such file"
    return None


async def read_files(client: ReceiptClient, paths: Sequence[Path]) -> AsyncIterator[Reading]:
    """Reads receipts from files; a file that cannot be read yields its error and does not end the others.

    Yields:
        One reading for each path, in the order of the paths.
    """
    room = asyncio.Semaphore(_AT_ONCE)

    async def read(path: Path) -> Reading:
        async with room:
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
    """Reads a receipt from a file, or tells why it cannot be read."""
    reason = unreadable(path)
    if reason is not None:
        return Reading(path, error=reason)
    try:
        data = await asyncio.to_thread(path.read_bytes)
        return Reading(path, receipt=await client.read(data))
    except OSError as error:
        return Reading(path, error=error.strerror or str(error))
    except ClientError as error:
        return Reading(path, error=str(error))
