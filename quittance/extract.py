"""Reads receipts from files, several at a time, and returns them in the order given."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from quittance.inputs import InputError, InputFile
from quittance_client import APIResponseError, AsyncClient, QuittanceError
from quittance_client import Receipt as ClientReceipt
from shared.contracts import Receipt, Split

# Enough to detect one receipt while another is recognized; more would only wait in the queues of the services.
_MAX_CONCURRENT = 4


@dataclass(frozen=True)
class Reading:
    """The result of one file, or of one of several receipts in it: a receipt, or the reason why there is none.

    Attributes:
        file: The file.
        receipt: The receipt; None if it could not be read.
        error: The reason if it could not be read.
        page: Index of its (first) page, from 0, if the file has separate receipts.
        number: Index of the receipt in the file, from 0, if the file has several.
    """

    file: InputFile
    receipt: Receipt | None = None
    error: str | None = None
    page: int | None = None
    number: int | None = None

    @property
    def path(self) -> Path:
        """The path of the file."""
        return self.file.path

    @property
    def file_name(self) -> str:
        """The path as text; bytes in it that are none are replaced."""
        return os.fsencode(self.path).decode(errors="replace")

    @property
    def name(self) -> str:
        """The path, with the number of the receipt, from 1, if the file has several."""
        return self.file_name if self.number is None else f"{self.file_name}, receipt {self.number + 1}"


async def read_files(
    client: AsyncClient, files: Sequence[InputFile], *, split: Split | None = None
) -> AsyncIterator[list[Reading]]:
    """Read receipts from files, several at once; a failure does not affect the other files.

    Args:
        client: A client of the gateway.
        files: The files.
        split: How to separate the receipts in a file; None to read each file as one receipt.

    Yields:
        The readings of each file, in the order of the files.
    """
    slots = asyncio.Semaphore(_MAX_CONCURRENT)

    async def read(file: InputFile) -> list[Reading]:
        async with slots:
            return await read_file(client, file, split=split)

    tasks = [asyncio.create_task(read(file)) for file in files]
    try:
        for task in tasks:
            yield await task
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def read_file(client: AsyncClient, file: InputFile, *, split: Split | None = None) -> list[Reading]:
    """Read a file: one reading, which has the receipt or the reason of the failure; with `split`, one per receipt."""
    try:
        data = await asyncio.to_thread(file.read)
        if split is None:
            return [_to_reading(file, await client.receipts.read(data))]
        receipts = await client.receipts.read_separately(data, split=split)
    except (InputError, QuittanceError) as error:
        return [Reading(file, error=str(error))]
    if len(receipts) == 1:
        return [_to_reading(file, receipts[0])]
    return [_to_reading(file, receipt, number) for number, receipt in enumerate(receipts)]


async def read_merged(client: AsyncClient, files: Sequence[InputFile]) -> Reading:
    """Read several pictures of one receipt, from top to bottom; the reading has the first one as its file."""
    contents = []
    for file in files:
        try:
            contents.append(await asyncio.to_thread(file.read))
        except InputError as error:
            return Reading(file, error=str(error))
    try:
        return _to_reading(files[0], await client.receipts.read_merged(contents))
    except QuittanceError as error:
        return Reading(files[0], error=str(error))


def to_contract(receipt: ClientReceipt) -> Receipt:
    """Return a receipt from the client as the contract that exports, tables and measures take.

    Raises:
        APIResponseError: If the gateway is of a version with other members.
    """
    try:
        return Receipt.model_validate_json(receipt.model_dump_json())
    except ValidationError as error:
        raise APIResponseError("The receipt has members that this version does not know. Update Quittance.") from error


def _to_reading(file: InputFile, receipt: ClientReceipt, number: int | None = None) -> Reading:
    page = None if number is None else receipt.pages[0].index
    try:
        return Reading(file, to_contract(receipt), page=page, number=number)
    except QuittanceError as error:
        return Reading(file, error=str(error))
