"""What runs through a whole receipt: its paper, its till's habits, and how the till prints an amount."""

from __future__ import annotations

import random

from synthesis.content.receipt import Content
from synthesis.printing.sheet import Sheet
from synthesis.printing.typography import PLAIN, Face, Style

Cell = tuple[str, float, str]


class Till:
    """Prints one receipt; every habit is drawn once.

    Attributes:
        rng: Source of chance.
        content: What to print.
        sheet: Paper printed on.
        rule: Character of a line across the paper, `_` for a drawn line.
        align: Of the header.
        big: Style of what is shouted: the company, sometimes the total.
        name: Style of the shop's name: `big`, unless it is given a face of its own.
        strong: Style of what is stressed.
        colon: What stands between a label and its value.
        attached: Currency sign printed directly at an amount, or ''.
        apart: Currency sign printed in a column of its own, or ''.
        loose: 0 to 1: how generously the till uses paper.
        tax_code: Printed behind an item's amount, or ''.
    """

    def __init__(self, rng: random.Random, content: Content, face: Face) -> None:
        self.rng, self.content = rng, content
        malaysian = content.country.name == "MY"
        unit = face.size * face.squeeze / 2
        columns = rng.choices((28, 32, 36, 40, 44, 48), (6, 16, 18, 30, 14, 16))[0]
        upper = rng.random() < (0.4 if malaysian else 0.15)
        self.sheet = Sheet(face, columns * unit, unit * rng.uniform(1.2, 5), upper)
        self.rule = rng.choice("----=*__.")
        self.align = "middle" if rng.random() < 0.82 else "left"
        self.big = Style(rng.random() < 0.4, rng.choice((1.0, 1.0, 1.25, 1.5)), rng.choice((1.0, 1.0, 1.25, 1.5, 2.0)))
        self.name = self.big
        self.strong = Style(bold=True) if rng.random() < 0.5 else PLAIN
        self.colon = rng.choice((":", " :", " : ", ": ", ""))
        symbol = content.country.symbol
        self.attached = symbol if rng.random() < (0.2 if malaysian else 0.6) else ""
        self.apart = symbol if malaysian and not self.attached and rng.random() < 0.35 else ""
        self.loose = rng.uniform(0.15, 0.9)
        self.tax_code = rng.choice(("", "", "SR", "S", "*S", "SR", "T")) if malaysian else ""

    @property
    def amount_x(self) -> float:
        """Where amounts of items end; a tax code may follow."""
        room = self.sheet.measure(self.tax_code) + 2 * self.sheet.space if self.tax_code else 0
        return self.sheet.width - room

    @property
    def rate(self) -> str:
        """The tax rate, such as `6%`."""
        return f"{self.content.purchase.tax_rate.normalize():f}%"

    def gap(self, chance: float) -> None:
        """A rule, some blank paper, or nothing."""
        if self.rng.random() < chance:
            self.sheet.rule(self.rule)
        elif self.rng.random() < 0.5:
            self.sheet.advance(self.rng.uniform(0.2, 1.0))

    def value(self, label: str, cents: int, style: Style = PLAIN, *, left: float = 0.0) -> str:
        """Print a label and an amount on a row; returns the amount as printed."""
        sheet = self.sheet
        text = self.content.money(cents, symbol=self.attached)
        if self.colon.strip() and self.loose < 0.6:
            label = f"{label}{self.colon.rstrip()}"
        end = self.amount_x if self.loose > 0.5 else sheet.width
        if sheet.measure(f"{label}  {self.apart} {text}", style) > end - left:
            left = 0.0
        cells: list[Cell] = [(label, left, "left"), (text, end, "right")]
        if self.apart and self.rng.random() < 0.9:
            room = sheet.measure(f"{text} " if self.loose < 0.5 else "00,000.00 ", style)
            cells.insert(1, (self.apart, end - room, "right"))
        sheet.row(cells, style)
        return text
