"""What a code says about a made-up purchase."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")
_FIRST_DAY = datetime(2024, 1, 1, 8)
_MINUTES = 700 * 24 * 60


@dataclass(frozen=True)
class CodedPurchase:
    """A purchase.

    Attributes:
        seller: Name of the seller.
        number: Number of the receipt.
        when: Local time.
        total: Total with tax.
        rate: The only tax rate, in percent.
    """

    seller: str
    number: int
    when: datetime
    total: Decimal
    rate: Decimal = Decimal(20)

    @property
    def tax(self) -> Decimal:
        """The tax in the total."""
        return (self.total * self.rate / (100 + self.rate)).quantize(CENT, ROUND_HALF_UP)

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
