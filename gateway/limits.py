"""What documents are taken; apart from the renderer, so that the gateway does not load its decoders."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field

from shared.pictures import PictureLimits


@dataclass(frozen=True)
class DocumentLimits:
    """What documents are taken.

    Attributes:
        max_pages: Most pages of one.
        picture: Sizes of a page in pixels.
    """

    max_pages: int = 20
    picture: PictureLimits = field(default_factory=PictureLimits)

    def to_json(self) -> str:
        """As the renderer takes them."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> DocumentLimits:
        """As `to_json` wrote them."""
        values = json.loads(text)
        return cls(values["max_pages"], PictureLimits(**values["picture"]))
