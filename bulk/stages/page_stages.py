"""What the gateway calls the stages with, and what bulk extraction knows instead: pixels, and what is on them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from bulk.documents import Document
from gateway.codes.reader import CodesUnreadError
from gateway.documents.renderer import PageImage
from gateway.reading.page_reader import CodeFinder
from gateway.reading.read_request import ReadRequest
from gateway.stages.stages import Look
from gateway.storage.cache import ContentId
from gateway.storage.cache_control import UNRESTRICTED
from shared.contracts import Code, DetectResponse, Quad, RecognizeResponse, Rotation
from shared.service.deadline import Deadline

NO_DEADLINE_S = 1e9
"""No caller waits for a page: what is read must not depend on how busy the machine is."""


class PageStages(ABC):
    """The stages for one page, for `gateway.reading.page_reader.PageReader`."""

    @abstractmethod
    async def find(self, rotation: Rotation | None, area: Quad | None) -> DetectResponse:
        """Find the segments of the page, turned as it is found to be, or as given."""

    @abstractmethod
    async def read(self, quads: Sequence[Quad]) -> RecognizeResponse:
        """Read segments of the page."""

    async def detect(self, data: bytes, media_type: str, deadline: Deadline, look: Look) -> DetectResponse:
        """Find the segments of the page."""
        return await self.find(look.rotation, look.area)

    async def recognize(
        self, data: bytes, media_type: str, quads: Sequence[Quad], deadline: Deadline
    ) -> RecognizeResponse:
        """Read segments of the page."""
        return await self.read(quads)


class _FoundCodes:
    """Codes of one page that the first stage has read; None if it could not."""

    def __init__(self, codes: Sequence[Code] | None) -> None:
        self._codes = codes

    async def read(self, image: PageImage, number: int, timeout_s: float) -> list[Code]:
        """Return the codes, on the page with this number; raise `CodesUnreadError` if they could not be read."""
        if self._codes is None:
            raise CodesUnreadError
        return [code.model_copy(update={"page": number}) for code in self._codes]


def find_codes(codes: Sequence[Code] | None) -> CodeFinder:
    """Return what answers with the codes of one page that were read before; None if they could not be read."""
    return _FoundCodes(codes)


def build_request(document: Document) -> ReadRequest:
    """Return the request to read a document, without its data."""
    return ReadRequest(b"", ContentId(document.sha256 or ""), None, Deadline(NO_DEADLINE_S), UNRESTRICTED)
