"""One receipt that a caller wants to be read."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from gateway.caller import NO_OWNER
from gateway.documents.renderer import PageImage
from gateway.storage.cache import ContentId
from gateway.storage.cache_control import UNRESTRICTED, Caching
from shared.contracts import Orientation, Quad, Receipt
from shared.service.deadline import Deadline
from shared.service.request_context import current_deadline

# Hashing more bytes takes longer than the way to a thread and back.
_HASH_IN_THREAD_BYTES = 256 * 1024


@dataclass(frozen=True)
class ReadRequest:
    """What to read, and how.

    Attributes:
        data: A picture, or a document of several pages.
        identity: Identity of the upload, by the hash of its bytes.
        orientation: Whether rotated pages are recognized; None for the detector's own setting.
        deadline: When the receipt must have been read.
        caching: What the cache may do.
        owner: Whose receipt it will be; see `gateway.caller`.
        page: The page of a document to which the request is restricted, already rendered; None for all of `data`.
        page_index: The index of that page in the file.
        area: Outline of the receipt on that page to which the request is restricted; None for the whole page.
        areas: Outlines of all receipts on that page.
        parts: Receipts that were read before, whose pages become one receipt; empty to read `data`.
        is_overlapping: Whether the parts are pictures of one receipt, which may show the same rows.
    """

    data: bytes
    identity: ContentId
    orientation: Orientation | None
    deadline: Deadline
    caching: Caching
    owner: str = NO_OWNER
    page: PageImage | None = None
    page_index: int = 0
    area: Quad | None = None
    areas: tuple[Quad, ...] = ()
    parts: tuple[Receipt, ...] = ()
    is_overlapping: bool = False

    @classmethod
    async def create(
        cls,
        data: bytes,
        *,
        timeout_s: float,
        orientation: Orientation | None = None,
        caching: Caching = UNRESTRICTED,
        owner: str = NO_OWNER,
    ) -> ReadRequest:
        """Create a request that starts now; large files are hashed outside the event loop.

        Args:
            data: A picture or document.
            timeout_s: Timeout in seconds; the deadline of the HTTP request applies too.
            orientation: See the attribute.
            caching: See the attribute.
            owner: See the attribute.
        """
        if len(data) < _HASH_IN_THREAD_BYTES:
            digest = hashlib.sha256(data)
        else:
            digest = await asyncio.to_thread(hashlib.sha256, data)
        return cls(data, ContentId(digest.hexdigest()), orientation, start_deadline(timeout_s), caching, owner)

    def restart(self, timeout_s: float) -> ReadRequest:
        """Return the same request with a deadline that starts now."""
        return replace(self, deadline=start_deadline(timeout_s))

    def extract_area(
        self, number: int, page: PageImage, index: int, outlines: Sequence[Quad], timeout_s: float
    ) -> ReadRequest:
        """Return a request for one of several receipts on a page; its deadline starts now.

        Args:
            number: Number of the page, from 0.
            page: The page.
            index: Number of the receipt on the page, from 0.
            outlines: Where the receipts on the page are.
            timeout_s: See `create`.
        """
        identity = self.identity.area(number, index)
        restricted = self.extract_page(number, page, timeout_s)
        return replace(restricted, identity=identity, area=outlines[index], areas=tuple(outlines))

    def extract_page(self, number: int, page: PageImage, timeout_s: float) -> ReadRequest:
        """Return a request for one page, from 0, of a document with several; its deadline starts now."""
        return replace(
            self,
            data=page.data,
            identity=self.identity.page(number),
            deadline=start_deadline(timeout_s),
            page=page,
            page_index=number,
        )


def start_deadline(timeout_s: float) -> Deadline:
    """Return a deadline `timeout_s` seconds from now, or that of the HTTP request in progress if it is sooner."""
    current = current_deadline()
    return Deadline(timeout_s) if current is None or current.remaining() > timeout_s else current.copy()
