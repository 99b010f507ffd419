"""What the parts of a receipt share while it is written."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, datetime

from babel.dates import format_date

from synthesis.world.countries import Country, Language
from synthesis.world.merchant import Merchant
from synthesis.world.page import Align, Cell, Page, Piece

_EDGES: dict[Align, float] = {"left": 0.0, "center": 0.5, "right": 1.0}
_AFTER_CAPTION = (": ", ":", " ", " : ", ": ", ". ")


@dataclass
class Sheet:
    """A receipt while it is written.

    Attributes:
        page: The rows so far.
        country: Where it was printed.
        language: Of its captions.
        merchant: Who issues it.
        chance: Source of random choices.
        moment: Day and time of the purchase.
        align: How the header and the footer are aligned.
        captions_at: Where in a row the captions of sums end, 0 to 1; None for captions at the left edge.
    """

    page: Page
    country: Country
    language: Language
    merchant: Merchant
    chance: random.Random
    moment: datetime
    align: Align
    captions_at: float | None = None

    def line(self, *pieces: Piece, scale: float = 1.0, gap: float = 0.0) -> None:
        """Add a row of one cell, aligned like the header."""
        self.page.add(Cell(pieces, self.align, _EDGES[self.align]), scale=scale, gap=gap)

    def caption(self, concept: str) -> str:
        """Return a caption with what may follow it."""
        word = self.language.caption(self.chance, concept)
        word = self.chance.choice((word, word.title(), word.capitalize(), word.upper()))
        return word + self.chance.choice(_AFTER_CAPTION)

    def print_date(self, day: date) -> str:
        """Return a date in a pattern of the country."""
        pattern = self.chance.choice(self.country["dates"])
        text = format_date(day, pattern, locale=str(self.country["format"]).split("_")[0])
        return str(text).replace("\u202f", " ").replace("\xa0", " ")
