"""Draw a purchase in whole cents, so that every receipt adds up."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal


@dataclass(frozen=True)
class Item:
    """One item of a purchase. Prices are in cents; `amount` is quantity x unit price - discount."""

    name: str
    code: str
    quantity: int
    unit_price: int
    discount: int

    @property
    def amount(self) -> int:
        """Price of the item in cents, less its discount."""
        return self.quantity * self.unit_price - self.discount


@dataclass(frozen=True)
class Purchase:
    """Items and the amounts that follow from them, in cents.

    The amounts satisfy subtotal + service + (0 if tax_included else tax) + tip + rounding = total, and tendered - total
    = change.
    """

    items: tuple[Item, ...]
    service: int
    tax_rate: Decimal
    tax_included: bool
    tip: int
    round_to: int
    tendered: int
    method: str

    @property
    def subtotal(self) -> int:
        """Sum of the items."""
        return sum(item.amount for item in self.items)

    @property
    def tax(self) -> int:
        """Tax on subtotal and service, included in them or added on top."""
        base = Decimal(self.subtotal + self.service)
        rate = self.tax_rate / 100
        return round_half_up(base * rate / (1 + rate) if self.tax_included else base * rate)

    @property
    def net(self) -> int:
        """Subtotal and service without tax."""
        return self.subtotal + self.service - (self.tax if self.tax_included else 0)

    @property
    def before_rounding(self) -> int:
        """Amount due before rounding to the smallest coin."""
        return self.net + self.tax + self.tip

    @property
    def rounding(self) -> int:
        """Amount added by rounding to the smallest coin; may be negative."""
        return self.total - self.before_rounding

    @property
    def total(self) -> int:
        """Amount due."""
        return round_half_up(Decimal(self.before_rounding) / self.round_to) * self.round_to

    @property
    def change(self) -> int:
        """Change given, never negative."""
        return self.tendered - self.total


def round_half_up(value: Decimal) -> int:
    """Round half up to a whole number."""
    return int(value.quantize(Decimal(1), ROUND_HALF_UP))


def draw_price(rng: random.Random, coin: int) -> int:
    """Draw a unit price in cents: mostly small, often ending in 0 or 9."""
    magnitude = rng.choices((300, 1500, 6000, 30000), (45, 38, 14, 3))[0]
    price = rng.randint(coin, magnitude)
    if rng.random() < 0.6:
        return max(price - price % 50, 50)
    if rng.random() < 0.3 and price > 100:
        return price - price % 100 + 90 + (9 if coin == 1 else 0)
    return max(price - price % coin, coin)


def draw_tendered(rng: random.Random, total: int) -> int:
    """Draw the cash that a customer hands over for `total` cents: exact, or the next round sum."""
    if rng.random() < 0.25:
        return total
    notes = [n for n in (100, 500, 1000, 2000, 5000, 10000, 20000, 50000) if n >= total]
    steps = [-(-total // step) * step for step in (100, 500, 1000, 5000)]
    return rng.choice([*notes[:2], *steps])


def draw_purchase(
    rng: random.Random,
    goods: tuple[str, ...],
    details: tuple[str, ...],
    *,
    tax_rate: Decimal,
    tax_included: bool,
    round_to: int,
    methods: tuple[str, ...],
    service_rate: int = 0,
    tip_rate: int = 0,
) -> Purchase:
    """Draw a purchase of 1 to 20 items.

    Args:
        rng: Random generator.
        goods: Names to draw from.
        details: Suffixes of names to draw from; may include ''.
        tax_rate: Percent.
        tax_included: Whether prices include the tax.
        round_to: Smallest coin in cents to which the total is rounded (5 in Malaysia, 1 elsewhere).
        methods: Payment methods. Change is given for `cash` and `bar`, in any case.
        service_rate: Service charge in percent.
        tip_rate: Tip in percent.
    """
    count = rng.choices(range(1, 21), [13, 14, 13, 12, 10, 8, 7, 5, 4, 3, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1])[0]
    items = []
    coin = 5 if round_to == 5 and rng.random() < 0.7 else 1
    for _ in range(count):
        name = rng.choice(goods)
        detail = rng.choice(details)
        quantity = rng.choices((1, 2, 3, 4, 5, 6, 10, 12, 24), (62, 16, 7, 4, 3, 2, 3, 2, 1))[0]
        price = draw_price(rng, coin)
        discount = rng.randint(1, max(1, price * quantity // 500)) * 50 if rng.random() < 0.05 else 0
        discount = discount if discount < price * quantity else 0
        code = "".join(rng.choices("0123456789", k=rng.choice((5, 6, 7, 8, 13, 13))))
        items.append(Item(f"{name} {detail}".strip(), code, quantity, price, discount))
    subtotal = sum(item.amount for item in items)
    service = round_half_up(Decimal(subtotal * service_rate) / 100)
    tip = round_half_up(Decimal(subtotal * tip_rate) / 100)
    method = rng.choice(methods)
    unpaid = Purchase(tuple(items), service, tax_rate, tax_included, tip, round_to, 0, method)
    cash = method.upper() in {"CASH", "BAR"}
    return replace(unpaid, tendered=draw_tendered(rng, unpaid.total) if cash else unpaid.total)
