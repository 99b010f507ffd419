"""Receipts: read, get and delete them, one or many at a time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from quittance_client import _calls
from quittance_client._calls import PageImage, ReadOptions
from quittance_client._files import FileInput, read_file
from quittance_client._sending import AsyncSender, Sender
from quittance_client.errors import QuittanceError
from quittance_client.models import CacheControl, Orientation, Receipt, Split

# Files read ahead of the one that is yielded next, per file that is read at once.
_AHEAD = 2


@dataclass(frozen=True)
class ReadOutcome:
    """What became of one file of `read_many`.

    Attributes:
        file: The file, as it was passed in.
        receipt: The receipt; None if there is an error.
        error: Reason why the file could not be read.
    """

    file: FileInput
    receipt: Receipt | None = None
    error: QuittanceError | OSError | None = None


class Receipts:
    """Operations on receipts: `client.receipts`."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def read(
        self,
        file: FileInput,
        *,
        orientation: Orientation | None = None,
        cache_control: CacheControl | None = None,
        timeout_s: float | None = None,
    ) -> Receipt:
        """Read one receipt. The pages of a document become one receipt.

        Args:
            file: A picture (JPEG, PNG, WebP, HEIC, AVIF, JPEG XL, GIF, BMP) or document (PDF, TIFF; an invoice
                in XML): a path, bytes, or an open file.
            orientation: `auto` finds turned pages, `upright` takes pages as they are; by default as the gateway is set.
            cache_control: `no-store` keeps nothing at the gateway, `no-cache` reads again what is cached.
            timeout_s: Seconds for the call, including retries; that of the client if left out.

        Raises:
            OSError: If the file cannot be read from disk.
            QuittanceError: If the receipt cannot be read.
        """
        options = ReadOptions(orientation, cache_control, timeout_s)
        return self._sender.send(_calls.create_receipt(read_file(file), options))

    def read_pages(
        self,
        file: FileInput,
        *,
        orientation: Orientation | None = None,
        cache_control: CacheControl | None = None,
        timeout_s: float | None = None,
    ) -> list[Receipt]:
        """Read each page of a document as a separate receipt; see `read`."""
        options = ReadOptions(orientation, cache_control, timeout_s)
        return self._sender.send(_calls.create_separate_receipts(read_file(file), options, "pages"))

    def read_separately(
        self,
        file: FileInput,
        *,
        split: Split = "auto",
        orientation: Orientation | None = None,
        cache_control: CacheControl | None = None,
        timeout_s: float | None = None,
    ) -> list[Receipt]:
        """Read each receipt in a file; see `read`.

        Args:
            file: See `read`.
            split: `auto` finds receipts on pages of their own, several on one page, and those with several pages;
                `receipts` takes no two pages as one receipt; `pages` takes each page as one.
            orientation: See `read`.
            cache_control: See `read`.
            timeout_s: See `read`.

        Returns:
            The receipts. `pages[0].index` is the page of each one, and `pages[0].outline` where it is on that page.
        """
        options = ReadOptions(orientation, cache_control, timeout_s)
        return self._sender.send(_calls.create_separate_receipts(read_file(file), options, split))

    def read_merged(
        self,
        files: Iterable[FileInput],
        *,
        orientation: Orientation | None = None,
        cache_control: CacheControl | None = None,
        timeout_s: float | None = None,
    ) -> Receipt:
        """Read several pictures of one long receipt, from top to bottom; rows that two of them show count once.

        Args:
            files: At most 20 files as for `read`.
            orientation: See `read`.
            cache_control: See `read`.
            timeout_s: See `read`.

        Returns:
            The receipt, with a page per picture.
        """
        options = ReadOptions(orientation, cache_control, timeout_s)
        return self._sender.send(_calls.create_merged_receipt([read_file(file) for file in files], options))

    def read_many(
        self,
        files: Iterable[FileInput],
        *,
        concurrency: int = 4,
        orientation: Orientation | None = None,
        cache_control: CacheControl | None = None,
        timeout_s: float | None = None,
    ) -> Generator[ReadOutcome, None, None]:
        """Read many receipts, several at once, and yield them in the order of the files.

        An error does not end the others. Only a few files are held in memory at a time. For more than some hundred
        files, a job is better: see `client.jobs`.

        Args:
            files: Files as for `read`.
            concurrency: Maximum number of receipts that are read at once.
            orientation: See `read`.
            cache_control: See `read`.
            timeout_s: Seconds for each receipt, including retries.
        """
        pending: deque[Future[ReadOutcome]] = deque()

        def read(file: FileInput) -> ReadOutcome:
            try:
                return ReadOutcome(
                    file, self.read(file, orientation=orientation, cache_control=cache_control, timeout_s=timeout_s)
                )
            except (QuittanceError, OSError) as error:
                return ReadOutcome(file, error=error)

        with ThreadPoolExecutor(concurrency, thread_name_prefix="quittance") as pool:
            try:
                for file in files:
                    pending.append(pool.submit(read, file))
                    if len(pending) >= concurrency * _AHEAD:
                        yield pending.popleft().result()
                while pending:
                    yield pending.popleft().result()
            finally:
                for future in pending:
                    future.cancel()

    def get(self, receipt_id: str, *, orientation: Orientation | None = None) -> Receipt:
        """Return a receipt that was read before; raise `NotFoundError` if the gateway no longer has it.

        Args:
            receipt_id: ID of the receipt.
            orientation: The one with which it was read.
        """
        return self._sender.send(_calls.get_receipt(receipt_id, orientation))

    def delete(self, receipt_id: str) -> None:
        """Delete a receipt and its corrections; raise `NotFoundError` if the gateway does not have it."""
        self._sender.send(_calls.delete_receipt(receipt_id))

    def render_page(self, file: FileInput, page: int = 0, *, timeout_s: float | None = None) -> PageImage:
        """Return a page of a file as the picture that is read, for display; the gateway keeps nothing.

        Args:
            file: A picture or document, as for `read`.
            page: Index of the page, from 0.
            timeout_s: Seconds for the call, including retries.
        """
        return self._sender.send(_calls.show_page(read_file(file), page, timeout_s))


class AsyncReceipts:
    """Operations on receipts: `client.receipts`."""

    def __init__(self, sender: AsyncSender) -> None:
        self._sender = sender

    async def read(
        self,
        file: FileInput,
        *,
        orientation: Orientation | None = None,
        cache_control: CacheControl | None = None,
        timeout_s: float | None = None,
    ) -> Receipt:
        """Read one receipt; see `Receipts.read`."""
        options = ReadOptions(orientation, cache_control, timeout_s)
        return await self._sender.send(_calls.create_receipt(await _read_file(file), options))

    async def read_pages(
        self,
        file: FileInput,
        *,
        orientation: Orientation | None = None,
        cache_control: CacheControl | None = None,
        timeout_s: float | None = None,
    ) -> list[Receipt]:
        """Read each page of a document as a separate receipt; see `Receipts.read`."""
        options = ReadOptions(orientation, cache_control, timeout_s)
        return await self._sender.send(_calls.create_separate_receipts(await _read_file(file), options, "pages"))

    async def read_separately(
        self,
        file: FileInput,
        *,
        split: Split = "auto",
        orientation: Orientation | None = None,
        cache_control: CacheControl | None = None,
        timeout_s: float | None = None,
    ) -> list[Receipt]:
        """Read each receipt in a file; see `Receipts.read_separately`."""
        options = ReadOptions(orientation, cache_control, timeout_s)
        return await self._sender.send(_calls.create_separate_receipts(await _read_file(file), options, split))

    async def read_merged(
        self,
        files: Iterable[FileInput],
        *,
        orientation: Orientation | None = None,
        cache_control: CacheControl | None = None,
        timeout_s: float | None = None,
    ) -> Receipt:
        """Read several pictures of one long receipt; see `Receipts.read_merged`."""
        options = ReadOptions(orientation, cache_control, timeout_s)
        data = [await _read_file(file) for file in files]
        return await self._sender.send(_calls.create_merged_receipt(data, options))

    async def read_many(
        self,
        files: Iterable[FileInput] | AsyncIterable[FileInput],
        *,
        concurrency: int = 4,
        orientation: Orientation | None = None,
        cache_control: CacheControl | None = None,
        timeout_s: float | None = None,
    ) -> AsyncGenerator[ReadOutcome, None]:
        """Read many receipts, several at once, and yield them in the order of the files; see `Receipts.read_many`."""
        slots = asyncio.Semaphore(concurrency)
        pending: deque[asyncio.Task[ReadOutcome]] = deque()

        async def read(file: FileInput) -> ReadOutcome:
            async with slots:
                try:
                    receipt = await self.read(
                        file, orientation=orientation, cache_control=cache_control, timeout_s=timeout_s
                    )
                    return ReadOutcome(file, receipt)
                except (QuittanceError, OSError) as error:
                    return ReadOutcome(file, error=error)

        try:
            async for file in _iterate(files):
                pending.append(asyncio.create_task(read(file)))
                if len(pending) >= concurrency * _AHEAD:
                    yield await pending[0]
                    pending.popleft()
            while pending:
                yield await pending[0]
                pending.popleft()
        finally:
            for task in pending:
                task.cancel()
            await asyncio.gather(*pending, return_exceptions=True)

    async def get(self, receipt_id: str, *, orientation: Orientation | None = None) -> Receipt:
        """Return a receipt that was read before; see `Receipts.get`."""
        return await self._sender.send(_calls.get_receipt(receipt_id, orientation))

    async def delete(self, receipt_id: str) -> None:
        """Delete a receipt and its corrections; raise `NotFoundError` if the gateway does not have it."""
        await self._sender.send(_calls.delete_receipt(receipt_id))

    async def render_page(self, file: FileInput, page: int = 0, *, timeout_s: float | None = None) -> PageImage:
        """Return a page of a file as the picture that is read; see `Receipts.render_page`."""
        return await self._sender.send(_calls.show_page(await _read_file(file), page, timeout_s))


async def _read_file(file: FileInput) -> bytes:
    return file if isinstance(file, bytes) else await asyncio.to_thread(read_file, file)


async def _iterate(files: Iterable[FileInput] | AsyncIterable[FileInput]) -> AsyncIterator[FileInput]:
    if isinstance(files, AsyncIterable):
        async for file in files:
            yield file
    else:
        for file in files:
            yield file
