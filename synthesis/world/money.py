"""How one receipt prints amounts and quantities."""

from __future__ import annotations

import random
from dataclasses import dataclass
from decimal import Decimal

from babel.numbers import format_decimal

from synthesis.world.countries import Country
from synthesis.world.page import OTHER, UNKNOWN, Piece

_PATTERNS = {"en_IN": "#,##,##0", "hi_IN": "#,##,##0"}


@dataclass(frozen=True)
class MoneyStyle:
    """The style of a receipt.

    Attributes:
        locale: CLDR locale of the separators.
        digits: Decimals.
        grouped: Whether thousands are separated.
        sign: Currency sign; "" for none.
        after: Whether the sign follows the number.
        apart: Whether a space is between them.
        signed: Which amounts have a sign: `all`, `sums`, `total` or `none`.
        minus: How negative amounts are printed: `before`, `after`, `brackets` or `sign` (before the currency sign).
        apart_kind: Kind of a sign that is apart: UNKNOWN, or OTHER where labels leave it out.
    """

    locale: str
    digits: int
    grouped: bool
    sign: str
    after: bool
    apart: bool
    signed: str
    minus: str
    apart_kind: str = UNKNOWN

    def number(self, value: Decimal, digits: int | None = None) -> str:
        """Return a number of at least 0 without a sign."""
        digits = self.digits if digits is None else digits
        whole = _PATTERNS.get(self.locale, "#,##0") if self.grouped else "0"
        pattern = f"{whole}.{'0' * digits}" if digits else whole
        return str(format_decimal(value, pattern, self.locale)).replace("\u202f", " ").replace("\xa0", " ")

    def pieces(self, value: Decimal, kind: str, role: str = "item") -> tuple[Piece, ...]:
        """Return the print of an amount.

        Args:
            value: The amount.
            kind: Class of its characters.
            role: `item`, `sum` or `total`; decides whether it has a sign.
        """
        number = self.number(abs(value))
        if value < 0:
            number = {"after": f"{number}-", "brackets": f"({number})"}.get(self.minus, f"-{number}")
        signed = self.signed == "all" or (role == "total" and self.signed != "none")
        if not self.sign or not (signed or (self.signed == "sums" and role == "sum")):
            return (Piece(number, kind),)
        if not self.apart:
            minus = ""
            if value < 0 and self.minus == "sign" and not self.after:
                minus, number = "-", number.removeprefix("-")
            joined = f"{number}{self.sign}" if self.after else f"{minus}{self.sign}{number}"
            return (Piece(joined, kind),)
        # Habits differ on whether a sign with a space belongs to the value.
        if self.after:
            return (Piece(number, kind), Piece(f" {self.sign}", self.apart_kind))
        return (Piece(f"{self.sign} ", self.apart_kind), Piece(number, kind))


def choose_style(country: Country, chance: random.Random) -> MoneyStyle:
    """Choose the style of a receipt."""
    locale = str(country["format"])
    # Many tills print a decimal point whatever the country.
    if chance.random() < 0.12:
        locale = "en_US"
    return MoneyStyle(
        locale=locale,
        digits=country.digits,
        grouped=chance.random() < 0.8,
        sign=chance.choice(country["signs"]),
        after=chance.random() < country["after"],
        apart=chance.random() < 0.4,
        signed=chance.choice(["all", "all", "sums", "total", "none"]),
        minus=chance.choice(["before", "before", "after", "brackets", "sign"]),
        # Malaysian labels (SROIE) leave it out of 38 of 51 totals.
        apart_kind=OTHER if country.code == "MY" else UNKNOWN,
    )


def round_price(value: float, country: Country) -> Decimal:
    """Return a price that the country can have, above 0."""
    step = Decimal(str(country["step"]))
    return max((Decimal(str(value)) / step).to_integral_value() * step, step)
