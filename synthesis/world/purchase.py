"""What was bought: items, sums, taxes and payment, with arithmetic that holds."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from synthesis.world.countries import Country, Language, choose_phrase
from synthesis.world.money import round_price

_WEIGHED, _DISCOUNTED, _MODIFIED = 0.06, 0.06, 0.14
_CHARGED, _SECOND_EXTRA, _FREE, _COUNTED_EXTRA = 0.07, 0.3, 0.4, 0.35


class Extra(NamedTuple):
    """A modifier of an item; a free one has the price zero."""

    name: str
    quantity: int
    unit_price: Decimal

    @property
    def amount(self) -> Decimal:
        """Price of all."""
        return self.unit_price * self.quantity


@dataclass
class Item:
    """A line item.

    Attributes:
        name: Description.
        quantity: Pieces, or the weight.
        unit: `kg`, `l` and the like; "" for pieces.
        unit_price: Price of one.
        amount: Price of all, before the discount; negative for a return.
        code: Article number; "" for none.
        discount: Negative amount below the item; zero for none.
        extras: Modifiers.
    """

    name: str
    quantity: Decimal
    unit: str
    unit_price: Decimal
    amount: Decimal
    code: str = ""
    discount: Decimal = Decimal(0)
    extras: list[Extra] = field(default_factory=list)


@dataclass
class TaxLine:
    """A tax: name, percentage, net and tax amount."""

    name: str
    rate: Decimal
    base: Decimal
    amount: Decimal


@dataclass
class Purchase:
    """Items and sums.

    Attributes:
        items: At least one.
        subtotal: Sum of the items.
        discount: Negative; zero for none.
        service: Service charge, and its percentage.
        charge: Another charge, such as for bags or delivery; zero for none.
        taxes: One per rate.
        included: Whether the prices include the taxes.
        rounding: Added to reach the smallest coin.
        tip: Zero for none.
        total: Amount payable, with the tip.
        means: `cash`, `card`, `wallet`, `voucher` or "" if the receipt does not tell.
        paid: Handed over.
    """

    items: list[Item]
    subtotal: Decimal
    discount: Decimal
    service: Decimal
    service_rate: Decimal
    charge: Decimal
    taxes: list[TaxLine]
    included: bool
    rounding: Decimal
    tip: Decimal
    total: Decimal
    means: str
    paid: Decimal

    @property
    def change(self) -> Decimal:
        """What the customer got back."""
        return self.paid - self.total


def make_purchase(country: Country, language: Language, chance: random.Random, *, restaurant: bool) -> Purchase:
    """Make up a purchase with 1 to about 30 items."""
    count = min(1 + int(chance.expovariate(0.22)), 30)
    items = [_make_item(country, language, chance, restaurant=restaurant) for _ in range(count)]
    subtotal = sum((_sum_of(item) for item in items), Decimal(0))
    if subtotal <= 0:
        items[0] = _plain_item(country, language, chance)
        subtotal = sum((_sum_of(item) for item in items), Decimal(0))
    if subtotal <= 0:
        items = items[:1]
        subtotal = _sum_of(items[0])
    cents = Decimal(1).scaleb(-country.digits)
    discount = Decimal(0)
    if chance.random() < 0.12:
        discount = -_round(subtotal * chance.choice((5, 10, 15, 20)) / 100, cents)
    service_rate = Decimal(0)
    if restaurant and chance.random() < 0.3:
        service_rate = Decimal(str(country.table.get("service", chance.choice((10, 12.5, 5)))))
    service = _round((subtotal + discount) * service_rate / 100, cents)
    charge = Decimal(0)
    if chance.random() < _CHARGED:
        charge = round_price(float(country["price"]) * chance.choice((0.05, 0.2, 0.5)), country)
    included = chance.random() < country["included"]
    before = subtotal + discount + service + charge
    taxes = _make_taxes(country, chance, before, cents, included=included)
    total = before if included else before + sum((tax.amount for tax in taxes), Decimal(0))
    means = chance.choices(["cash", "card", "wallet", "voucher", ""], [40, 40, 5, 2, 13])[0]
    coin = Decimal(str(country.table.get("coin", 0)))
    rounding = Decimal(0)
    if coin and means == "cash":
        rounding = (total / coin).to_integral_value(ROUND_HALF_UP) * coin - total
    total += rounding
    tip = Decimal(0)
    if restaurant and country.code in ("US", "CA") and chance.random() < 0.35:
        tip = _round(total * chance.choice((15, 18, 20, 22)) / 100, cents)
    total += tip
    paid = total
    if means == "cash" and chance.random() < 0.8:
        paid = _handed(paid, country, chance)
    return Purchase(
        items, subtotal, discount, service, service_rate, charge, taxes, included, rounding, tip, total, means, paid
    )


def _sum_of(item: Item) -> Decimal:
    return item.amount + item.discount + sum((extra.amount for extra in item.extras), Decimal(0))


def _plain_item(country: Country, language: Language, chance: random.Random) -> Item:
    quantity = Decimal(chance.choices([1, 2, 3, 4, 6, 10, 12], [70, 14, 6, 4, 2, 2, 1])[0])
    price = round_price(float(country["price"]) * chance.lognormvariate(0.0, 0.9), country)
    return Item(_make_name(language, chance), quantity, "", price, price * quantity)


def _make_item(country: Country, language: Language, chance: random.Random, *, restaurant: bool) -> Item:
    item = _plain_item(country, language, chance)
    draw = chance.random()
    cents = Decimal(1).scaleb(-country.digits)
    if not restaurant and draw < _WEIGHED:
        item.quantity = Decimal(chance.randint(40, 4200)).scaleb(-3)
        item.unit = chance.choice(("kg", "kg", "KG", "lb" if country.code == "US" else "kg", "l"))
        item.amount = max(_round(item.quantity * item.unit_price, cents), cents)
    elif draw < _WEIGHED + _DISCOUNTED:
        item.discount = -_round(item.amount * chance.choice((10, 20, 25, 50)) / 100, cents)
    elif restaurant and draw < _WEIGHED + _DISCOUNTED + _MODIFIED:
        item.extras = [_make_extra(country, language, chance) for _ in range(1 + (chance.random() < _SECOND_EXTRA))]
    elif draw > 0.985:
        item.amount = -item.amount
    if not restaurant and chance.random() < 0.5:
        item.code = "".join(chance.choice("0123456789") for _ in range(chance.choice((4, 5, 6, 8, 13, 13))))
    return item


def _make_extra(country: Country, language: Language, chance: random.Random) -> Extra:
    quantity = chance.choice((1, 1, 2, 3)) if chance.random() < _COUNTED_EXTRA else 1
    is_free = chance.random() < _FREE
    price = Decimal(0) if is_free else round_price(float(country["price"]) * chance.choice((0.1, 0.15, 0.3)), country)
    return Extra(chance.choice(language.table["extras"]), quantity, price)


def _make_name(language: Language, chance: random.Random) -> str:
    goods = language.table["goods"]
    name = chance.choice(goods)
    draw = chance.random()
    if draw < 0.2:
        name = f"{name} {chance.choice(goods).split()[0]}"
    elif draw < 0.35:
        name = f"{name} {choose_phrase(chance, 'sizes')}"
    elif draw < 0.4:
        name = name[: max(6, len(name) * 2 // 3)].rstrip()
    return name


def _make_taxes(
    country: Country, chance: random.Random, amount: Decimal, cents: Decimal, *, included: bool
) -> list[TaxLine]:
    """Return the taxes on an amount: none, one, two rates on parts of it, or several taxes on all of it."""
    if not country["rates"] or chance.random() < 0.08:
        return []
    schemes = country.table.get("schemes", [])
    if schemes and chance.random() < 0.6:
        first, rate, second, other = chance.choice(schemes)
        shares = [(first, rate, amount), (second, other, amount)]
    else:
        rates = [chance.choice(country["rates"])]
        parts = [amount]
        if len(country["rates"]) > 1 and chance.random() < 0.3:
            rates = chance.sample(list(country["rates"]), 2)
            part = _round(amount * Decimal(chance.randint(10, 90)) / 100, cents)
            parts = [part, amount - part]
        name = chance.choice(country["tax"])
        shares = [(name, rate, part) for rate, part in zip(rates, parts, strict=True)]
    together = sum(Decimal(str(rate)) for _, rate, _ in shares) if len(shares) > 1 and shares[0][2] == amount else None
    lines = []
    for name, rate, part in shares:
        percent = Decimal(str(rate))
        divisor = 100 + (together if together is not None else percent) if included else Decimal(100)
        tax = _round(part * percent / divisor, cents)
        lines.append(TaxLine(str(name), percent, part - tax if included else part, tax))
    return lines


def _handed(total: Decimal, country: Country, chance: random.Random) -> Decimal:
    """Return what a customer hands over: exactly the total, or notes."""
    if chance.random() < 0.25:
        return total
    note = Decimal(10) ** (len(str(int(max(total, Decimal(1))))) - 1)
    note = note * chance.choice((1, 2, 5)) / chance.choice((1, 1, 2))
    note = max(note, round_price(float(country["price"]), country), Decimal(1))
    note = note.to_integral_value()
    return (total / note).to_integral_value("ROUND_CEILING") * note


def _round(value: Decimal, cents: Decimal) -> Decimal:
    return value.quantize(cents, ROUND_HALF_UP)
