"""Read separate receipts in one file: on its pages, and several on one page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Protocol

from gateway.documents.renderer import PageImage
from gateway.reading.read_request import ReadRequest
from gateway.reading.several.continuation import group_pages
from shared.contracts import Receipt, Split


class Pages(Protocol):
    """Knows the pages of files; see `gateway.reading.pipeline.Pipeline`."""

    async def render(self, request: ReadRequest) -> list[PageImage]:
        """Return the pages of a picture or document, in order."""


Read = Callable[[ReadRequest], Awaitable[Receipt]]


class Splitter:
    """Finds the receipts in a file, and reads each one.

    A page is read as a whole first. Where it shows several receipts, each is detected again by itself: it may be tilted
    otherwise than its neighbors. What is returned is cached under its own ID; readings that only served to find
    receipts are not, because no ID would be known to delete them.

    Args:
        pages: Renders documents.
        read: Reads one receipt.
        timeout_s: Timeout per receipt, in seconds.
    """

    def __init__(self, pages: Pages, read: Read, timeout_s: float) -> None:
        self._pages = pages
        self._read = read
        self._timeout_s = timeout_s

    async def read(self, request: ReadRequest, split: Split) -> list[Receipt]:
        """Return the receipts in a picture or document, in order.

        Args:
            request: All of the file.
            split: `pages` for one receipt per page, `receipts` for each receipt on each page, `auto` for that with
                pages that continue each other as one receipt.

        Raises:
            ProblemError: Like `Receipts.read`, also if any one receipt cannot be read.
        """
        pages = await self._pages.render(request)
        if len(pages) == 1:
            whole = await self._read(request.restart(self._timeout_s))
            if split == "pages" or not whole.pages[0].receipts:
                return [whole]
            return await self._read_areas(request, 0, pages[0], whole)
        if split == "pages":
            return [await self._read(self._restrict(request, number, page)) for number, page in enumerate(pages)]
        if pages[0].einvoice is not None:
            # An invoice in XML is one for the whole document.
            return [await self._read(request.restart(self._timeout_s))]
        return await self._read_document(request, pages, joins=split == "auto")

    async def _read_document(self, request: ReadRequest, pages: list[PageImage], *, joins: bool) -> list[Receipt]:
        unkept = replace(request, caching=replace(request.caching, may_keep=False))
        wholes = [await self._read(self._restrict(unkept, number, page)) for number, page in enumerate(pages)]
        groups = group_pages(wholes) if joins else [[number] for number in range(len(pages))]
        receipts: list[Receipt] = []
        for group in groups:
            first, parts = group[0], tuple(wholes[number] for number in group)
            if parts[0].pages[0].receipts:
                receipts += await self._read_areas(request, first, pages[first], parts[0])
                continue
            restricted = self._restrict(request, first, pages[first])
            if len(group) > 1:
                identity = request.identity if len(group) == len(pages) else request.identity.pages(first, group[-1])
                restricted = replace(restricted, identity=identity)
            receipts.append(await self._read(replace(restricted, parts=parts)))
        return receipts

    async def _read_areas(self, request: ReadRequest, number: int, page: PageImage, whole: Receipt) -> list[Receipt]:
        outlines = whole.pages[0].receipts
        restricted = [
            request.extract_area(number, page, index, outlines, self._timeout_s) for index in range(len(outlines))
        ]
        return [await self._read(one) for one in restricted]

    def _restrict(self, request: ReadRequest, number: int, page: PageImage) -> ReadRequest:
        return request.extract_page(number, page, self._timeout_s)
