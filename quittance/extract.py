"""Reads receipts from files, several at a time, and returns them in the order given."""

from __future__ import annotations

import asyncio
import glob
import os
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from quittance_client import APIResponseError, AsyncClient, QuittanceError
from quittance_client import Receipt as ClientReceipt
from shared.contracts import Receipt, Split
from shared.pictures.suffixes import SUFFIXES

# Enough to detect one receipt while another is recognized; more would only wait in the queues of the services.
_MAX_CONCURRENT = 4
_NO_PERMISSION = "you may not read it; change its permissions"


@dataclass(frozen=True)
class Reading:
    """The result of one file, or of one of several receipts in it: a receipt, or the reason why there is none.

    Attributes:
        path: The file.
        receipt: The receipt; None if it could not be read.
        error: The reason if it could not be read.
        page: Index of its (first) page, from 0, if the file has separate receipts.
        number: Index of the receipt in the file, from 0, if the file has several.
    """

    path: Path
    receipt: Receipt | None = None
    error: str | None = None
    page: int | None = None
    number: int | None = None

    @property
    def name(self) -> str:
        """The path, with the number of the receipt, from 1, if the file has several."""
        return str(self.path) if self.number is None else f"{self.path}, receipt {self.number + 1}"


def expand(paths: Sequence[Path]) -> list[Path]:
    """Replace folders by the pictures and documents in them, and patterns by their matches, sorted by name.

    Empty folders, folders that may not be read and patterns without a match are kept, so that they can be reported.
    """
    found: list[Path] = []
    for path in paths:
        # `Path.is_dir` and `Path.exists` raise an error in a folder that may not be read.
        if os.path.isdir(path):
            inside = _find_in_folder(path)
        elif _is_pattern(path):
            inside = expand([Path(name) for name in sorted(glob.glob(str(path), recursive=True))])
        else:
            inside = []
        found += inside or [path]
    return found


def explain_unreadable(path: Path) -> str | None:
    """Return why an expanded path cannot be opened; None if it looks readable."""
    try:
        path.stat()
    except PermissionError:
        return _NO_PERMISSION
    except (OSError, ValueError):
        return "no file matches" if _is_pattern(path) else "there is no such file"
    if path.is_dir():
        return "there are no pictures in this folder" if os.access(path, os.R_OK | os.X_OK) else _NO_PERMISSION
    return None if os.access(path, os.R_OK) else _NO_PERMISSION


def _find_in_folder(folder: Path) -> list[Path]:
    """Return the pictures and documents in a folder and below it, and the folders that may not be read."""
    found: list[Path] = []

    def keep(error: OSError) -> None:
        found.append(Path(error.filename))

    for root, _, names in os.walk(folder, onerror=keep):
        found += [Path(root, name) for name in names if Path(name).suffix.lower() in SUFFIXES]
    return sorted(found)


def _is_pattern(path: Path) -> bool:
    """Return whether a path is a pattern that the shell did not expand; an existing file never is."""
    return glob.has_magic(str(path)) and not os.path.exists(path)


async def read_files(
    client: AsyncClient, paths: Sequence[Path], *, split: Split | None = None
) -> AsyncIterator[list[Reading]]:
    """Read receipts from files, several at once; a failure does not affect the other files.

    Args:
        client: A client of the gateway.
        paths: The files.
        split: How to separate the receipts in a file; None to read each file as one receipt.

    Yields:
        The readings of each path, in the order of the paths.
    """
    slots = asyncio.Semaphore(_MAX_CONCURRENT)

    async def read(path: Path) -> list[Reading]:
        async with slots:
            return await read_file(client, path, split=split)

    tasks = [asyncio.create_task(read(path)) for path in paths]
    try:
        for task in tasks:
            yield await task
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def read_file(client: AsyncClient, path: Path, *, split: Split | None = None) -> list[Reading]:
    """Read a file: one reading, which has the receipt or the reason of the failure; with `split`, one per receipt."""
    if reason := explain_unreadable(path):
        return [Reading(path, error=reason)]
    try:
        if split is None:
            return [_to_reading(path, await client.receipts.read(path), None)]
        receipts = await client.receipts.read_separately(path, split=split)
    except (OSError, QuittanceError) as error:
        return [_to_reading(path, None, error)]
    if len(receipts) == 1:
        return [_to_reading(path, receipts[0], None)]
    return [_to_reading(path, receipt, None, number) for number, receipt in enumerate(receipts)]


async def read_merged(client: AsyncClient, paths: Sequence[Path]) -> Reading:
    """Read several pictures of one receipt, from top to bottom; the reading has the path of the first one."""
    try:
        return _to_reading(paths[0], await client.receipts.read_merged(paths), None)
    except (OSError, QuittanceError) as error:
        return _to_reading(paths[0], None, error)


def to_contract(receipt: ClientReceipt) -> Receipt:
    """Return a receipt from the client as the contract that exports, tables and measures take.

    Raises:
        APIResponseError: If the gateway is of a version with other members.
    """
    try:
        return Receipt.model_validate_json(receipt.model_dump_json())
    except ValidationError as error:
        raise APIResponseError("The receipt has members that this version does not know. Update Quittance.") from error


def _to_reading(
    path: Path, receipt: ClientReceipt | None, error: Exception | None, number: int | None = None
) -> Reading:
    if receipt is not None:
        try:
            page = None if number is None else receipt.pages[0].index
            return Reading(path, to_contract(receipt), page=page, number=number)
        except QuittanceError as unknown:
            error = unknown
    if isinstance(error, OSError):
        return Reading(path, error=explain_unreadable(path) or error.strerror or str(error))
    return Reading(path, error=str(error))
