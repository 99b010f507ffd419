"""Hold what applies to a whole receipt: the paper, the habits of the till, and how it prints an amount."""

from __future__ import annotations

import random

from synthesis.content.receipt import Content
from synthesis.printing.sheet import Sheet
from synthesis.printing.typography import PLAIN, Face, Style

Cell = tuple[str, float, str]


class Till:
    """Prints one receipt. Every habit is drawn once.

    Attributes:
        rng: Random generator.
        content: What to print.
        sheet: The paper.
        rule_character: Character of a line across the paper; `_` is a drawn line.
        header_align: Alignment of the header.
        big_style: Style of the company and sometimes of the total.
        name_style: Style of the shop name: `big_style`, or one with its own face.
        strong_style: Style of emphasized text.
        colon: Separator of a label and its value.
        attached_symbol: Currency symbol printed next to an amount, or ''.
        column_symbol: Currency symbol printed in its own column, or ''.
        looseness: 0 (saves paper) to 1 (uses paper generously).
        tax_code: Code printed after the amount of an item, or ''.
    """

    def __init__(self, rng: random.Random, content: Content, face: Face) -> None:
        self.rng, self.content = rng, content
        malaysian = content.country.name == "MY"
        unit = face.size * face.squeeze / 2
        columns = rng.choices((28, 32, 36, 40, 44, 48), (6, 16, 18, 30, 14, 16))[0]
        upper = rng.random() < (0.4 if malaysian else 0.15)
        self.sheet = Sheet(face, columns * unit, unit * rng.uniform(1.2, 5), upper)
        self.rule_character = rng.choice("----=*__.")
        self.header_align = "middle" if rng.random() < 0.82 else "left"
        bold, wide, tall = rng.random() < 0.4, rng.choice((1.0, 1.0, 1.25, 1.5)), rng.choice((1.0, 1.0, 1.25, 1.5, 2.0))
        self.big_style = Style(bold, wide, tall)
        self.name_style = self.big_style
        self.strong_style = Style(bold=True) if rng.random() < 0.5 else PLAIN
        self.colon = rng.choice((":", " :", " : ", ": ", ""))
        symbol = content.country.symbol
        self.attached_symbol = symbol if rng.random() < (0.2 if malaysian else 0.6) else ""
        self.column_symbol = symbol if malaysian and not self.attached_symbol and rng.random() < 0.35 else ""
        self.looseness = rng.uniform(0.15, 0.9)
        self.tax_code = rng.choice(("", "", "SR", "S", "*S", "SR", "T")) if malaysian else ""

    @property
    def amount_x(self) -> float:
        """Right edge of item amounts in dots; a tax code may follow."""
        room = self.sheet.measure(self.tax_code) + 2 * self.sheet.space if self.tax_code else 0
        return self.sheet.width - room

    @property
    def rate(self) -> str:
        """The tax rate, such as `6%`."""
        return f"{self.content.purchase.tax_rate.normalize():f}%"

    def leave_gap(self, chance: float) -> None:
        """Print a rule, feed some paper, or do nothing."""
        if self.rng.random() < chance:
            self.sheet.print_rule(self.rule_character)
        elif self.rng.random() < 0.5:
            self.sheet.advance(self.rng.uniform(0.2, 1.0))

    def print_amount(self, label: str, cents: int, style: Style = PLAIN, *, left: float = 0.0) -> str:
        """Print a label and an amount on one row and return the amount as printed."""
        sheet = self.sheet
        text = self.content.format_amount(cents, symbol=self.attached_symbol)
        if self.colon.strip() and self.looseness < 0.6:
            label = f"{label}{self.colon.rstrip()}"
        end = self.amount_x if self.looseness > 0.5 else sheet.width
        if sheet.measure(f"{label}  {self.column_symbol} {text}", style) > end - left:
            left = 0.0
        cells: list[Cell] = [(label, left, "left"), (text, end, "right")]
        if self.column_symbol and self.rng.random() < 0.9:
            room = sheet.measure(f"{text} " if self.looseness < 0.5 else "00,000.00 ", style)
            cells.insert(1, (self.column_symbol, end - room, "right"))
        sheet.print_row(cells, style)
        return text
