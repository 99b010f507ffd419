"""What documents are taken; apart from the renderer, so that the gateway does not load its decoders."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field

from shared.pictures.header import PictureLimits
from shared.problems import ProblemError

_SHEETS = 4


@dataclass(frozen=True)
class DocumentLimits:
    """What documents are taken.

    Attributes:
        max_pages: Most pages of one.
        page_s: Most seconds of a processor for one page. A busy machine makes a good document slow, but no more costly.
        picture: Sizes of a page in pixels.

    All pages together may have four times the pixels of one: they are held in memory until the last is rendered.
    """

    max_pages: int = 20
    page_s: int = 4
    picture: PictureLimits = field(default_factory=PictureLimits)

    @property
    def all_pixels(self) -> int:
        """Most pixels of all pages together."""
        return _SHEETS * self.picture.max_pixels

    def to_json(self) -> str:
        """As the renderer takes them."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> DocumentLimits:
        """As `to_json` wrote them."""
        values = json.loads(text)
        return cls(**values | {"picture": PictureLimits(**values["picture"])})


def no_such_page(number: int, count: int) -> ProblemError:
    """The problem of asking for a page that a document does not have; `number` is from 0."""
    has = "1 page" if count == 1 else f"{count:,} pages"
    return ProblemError(
        404,
        "no-such-page",
        "There is no such page",
        f"Page {number:,} was asked for, and the document has {has}; the first one is 0.",
        extra={"pages": count},
    )
