"""The text layer of a PDF page: its characters, and where they are on the rendered page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

Box = tuple[float, float, float, float]

# A page of small print has about 10,000.
MAX_CHARACTERS = 20_000
_MAX_TEXT_LENGTH = 4


@dataclass(frozen=True)
class TextLayer:
    """The text layer of one page. What it says may be wrong or invisible: nothing says that it matches the print.

    Attributes:
        characters: In the order of the text; a space where words or lines end. A ligature is one entry.
        boxes: Left, top, right and bottom of each character in pixels of the page; those of spaces mean nothing.
    """

    characters: tuple[str, ...]
    boxes: tuple[Box, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the layer as values for JSON."""
        return {"characters": self.characters, "boxes": self.boxes}

    @classmethod
    def from_json(cls, values: object) -> Self | None:
        """Return what `to_json` wrote; None if it is not a text layer, because a file may have written it."""
        try:
            characters = tuple(map(str, values["characters"]))  # type: ignore[index]
            boxes = tuple(_check_box(box) for box in values["boxes"])  # type: ignore[index]
        except (TypeError, ValueError, KeyError):
            return None
        is_valid = len(characters) == len(boxes) <= MAX_CHARACTERS and all(
            len(character) <= _MAX_TEXT_LENGTH and character.isprintable() for character in characters
        )
        return cls(characters, boxes) if is_valid else None


def _check_box(box: Any) -> Box:
    left, top, right, bottom = map(float, box)
    # Comparisons with NaN are false.
    if not all(-1e6 < coordinate < 1e6 for coordinate in (left, top, right, bottom)):
        raise ValueError("A coordinate is not on a page.")
    return left, top, right, bottom
