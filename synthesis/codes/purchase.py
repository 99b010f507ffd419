"""What a code says about a made-up purchase."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

CENT = Decimal("0.01")
_FIRST_DAY = datetime(2024, 1, 1, 8)
_MINUTES = 700 * 24 * 60


class RatedAmount(NamedTuple):
    """A part of a purchase at one tax rate, in percent."""

    rate: Decimal
    base: Decimal
    tax: Decimal

    @property
    def gross(self) -> Decimal:
        """Base and tax."""
        return self.base + self.tax


@dataclass(frozen=True)
class CodedPurchase:
    """A purchase.

    Attributes:
        seller: Name of the seller.
        number: Number of the receipt.
        when: Local time.
        total: Total with tax.
        rate: The only tax rate, in percent, if there are no `parts`.
        parts: What of the total has which rate; the rest is not taxed.
        tax_id: Tax number of the seller, of the kind that its standard needs; "" for a random one.
    """

    seller: str
    number: int
    when: datetime
    total: Decimal
    rate: Decimal = Decimal(20)
    parts: tuple[RatedAmount, ...] = ()
    tax_id: str = ""

    @property
    def rated(self) -> tuple[RatedAmount, ...]:
        """The parts by rate."""
        if self.parts:
            return self.parts
        tax = (self.total * self.rate / (100 + self.rate)).quantize(CENT, ROUND_HALF_UP)
        return (RatedAmount(self.rate, self.total - tax, tax),)

    @property
    def untaxed(self) -> Decimal:
        """What of the total is in no part, such as a tip; it may be negative after rounding."""
        return self.total - sum((part.gross for part in self.rated), Decimal(0))

    @property
    def tax(self) -> Decimal:
        """The tax in the total."""
        return sum((part.tax for part in self.rated), Decimal(0))

    @property
    def base(self) -> Decimal:
        """The total without tax."""
        return self.total - self.tax


def make_purchase(rng: random.Random) -> CodedPurchase:
    """Return a random purchase between 2024 and 2025."""
    when = _FIRST_DAY + timedelta(minutes=rng.randrange(_MINUTES))
    return CodedPurchase(
        "Sample Shop", rng.randrange(10_000, 99_999), when, Decimal(rng.randrange(150, 20_000)).scaleb(-2)
    )
