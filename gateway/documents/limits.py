"""Limits of documents; apart from the renderer, so that the gateway does not load its decoders."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field

from shared.pictures.header import PictureLimits
from shared.problems import ProblemError

# All pages are held in memory until the last one is rendered.
_MAX_DOCUMENT_PIXELS_PER_PICTURE = 4


@dataclass(frozen=True)
class DocumentLimits:
    """Limits of documents.

    Attributes:
        max_pages: Maximum number of pages.
        page_s: CPU seconds allowed per page. A busy machine makes a good document slow, but no more costly.
        enough_pixels: Pages with more pixels are reduced to so many. Print of a receipt that fills a page stays
            legible, and the memory that a page needs is bounded.
        picture: Limits of the size of one page.
    """

    max_pages: int = 20
    page_s: int = 5
    enough_pixels: int = 16_000_000
    picture: PictureLimits = field(default_factory=PictureLimits)

    @property
    def max_document_pixels(self) -> int:
        """Maximum number of pixels of all pages together: four times those of one picture."""
        return _MAX_DOCUMENT_PIXELS_PER_PICTURE * self.picture.max_pixels

    def to_json(self) -> str:
        """Serialize the limits for the process that renders."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> DocumentLimits:
        """Parse what `to_json` wrote."""
        values = json.loads(text)
        return cls(**values | {"picture": PictureLimits(**values["picture"])})


def page_not_found_problem(number: int, count: int) -> ProblemError:
    """Return the problem of asking for page `number`, from 0, of a document with `count` pages."""
    pages = "1 page" if count == 1 else f"{count:,} pages"
    return ProblemError(
        404,
        "no-such-page",
        "There is no such page",
        f"Page {number:,} was requested, but the document has {pages}; the first page is 0.",
        extra={"pages": count},
    )
