"""Draw the content of a receipt: merchant, date and time, purchase, and the number formats of its country."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from synthesis.content import words
from synthesis.content.merchants import (
    Merchant,
    draw_american_merchant,
    draw_british_merchant,
    draw_digits,
    draw_european_merchant,
    draw_malaysian_merchant,
)
from synthesis.content.purchase import Purchase, draw_purchase


@dataclass(frozen=True)
class Country:
    """How a country writes amounts. `symbol` precedes the amount, or follows it if `symbol_after` is set."""

    name: str
    symbol: str
    tax_name: str
    decimal_comma: bool = False
    symbol_after: bool = False


@dataclass(frozen=True)
class Content:
    """Everything that a layout prints. `date` and `time` are as printed, empty if the receipt has none."""

    country: Country
    merchant: Merchant
    purchase: Purchase
    date: str
    time: str
    number: str
    cashier: str
    footer: tuple[str, ...]

    def format_amount(self, cents: int, *, symbol: str = "") -> str:
        """Format cents as the country does, such as `1,234.50`, `RM9.00` or `3,50€`."""
        text = f"{abs(cents) / 100:,.2f}"
        if self.country.decimal_comma:
            text = text.translate(str.maketrans(",.", ".,"))
        sign = "-" if cents < 0 else ""
        return f"{sign}{text}{symbol}" if self.country.symbol_after else f"{sign}{symbol}{text}"


_Formats = tuple[tuple[str, float], ...]
_DAY_FIRST: _Formats = (
    ("%d/%m/%Y", 30), ("%d-%m-%Y", 12), ("%d/%m/%y", 11), ("%d-%m-%y", 7), ("%d.%m.%Y", 4), ("%d %b %Y", 5),
    ("%d-%b-%Y", 4), ("%d %b %y", 2), ("%Y-%m-%d", 4), ("%Y/%m/%d", 2), ("{d}/{m}/%Y", 9), ("{d}/{m}/%y", 2),
    ("%d.%m.%y", 2), ("%d-%b-%y", 2), ("%d %B %Y", 2), ("%d/%b/%Y", 1), ("%b %d, %Y", 2), ("%d%m%Y", 0.5),
)  # fmt: skip
_MONTH_FIRST: _Formats = (
    ("%m/%d/%Y", 35), ("%m/%d/%y", 20), ("{m}/{d}/%Y", 15), ("{m}/{d}/%y", 6), ("%b %d, %Y", 6), ("%b {d} %Y", 4),
    ("%B {d}, %Y", 5), ("%m-%d-%Y", 5), ("%Y-%m-%d", 3), ("%d-%b-%Y", 3), ("%m-%d-%y", 3),
)  # fmt: skip
_EURO_DATES: _Formats = (
    ("%d.%m.%Y", 25), ("%d/%m/%Y", 35), ("%d.%m.%y", 10), ("%d-%m-%Y", 12), ("%d/%m/%y", 12), ("%Y-%m-%d", 6),
)  # fmt: skip
_TIMES = ("%H:%M:%S", "%H:%M", "%I:%M:%S %p", "%I:%M %p", "%I:%M%p", "%H:%M:%S")
_MALAYSIA = Country("MY", "RM", "GST")
_UNITED_STATES = Country("US", "$", "Tax")
_UNITED_KINGDOM = Country("UK", "£", "VAT")
_EURO_TAXES = {
    "DE": ("MwSt", "19"), "FR": ("TVA", "20"), "ES": ("IVA", "10"), "IT": ("IVA", "22"), "NL": ("BTW", "9"),
    "IE": ("VAT", "13.5"),
}  # fmt: skip
_MY_METHODS = ("CASH",) * 6 + ("VISA", "MASTER", "DEBIT CARD", "E-WALLET", "CREDIT CARD", "Cash")
_US_RATES = ("6.25", "7", "8.25", "8.875", "5.5", "0")


def draw_content(rng: random.Random, country: str | None = None) -> Content:
    """Draw the content of a receipt.

    Args:
        rng: Random generator.
        country: MY, US, UK or EU. If None, 70% of the receipts are Malaysian.

    Raises:
        KeyError: If the country is none of these.
    """
    makers = {"MY": _draw_malaysian, "US": _draw_american, "UK": _draw_british, "EU": _draw_european}
    content = makers[country or rng.choices(tuple(makers), (70, 16, 7, 7))[0]](rng)
    return replace(content, date="", time="") if rng.random() < 0.02 else content


def _draw_moment(rng: random.Random, formats: _Formats) -> tuple[str, str]:
    """Draw a date and, in 85% of cases, a time, both as printed."""
    day = datetime(2015, 1, 1) + timedelta(days=rng.randrange(4000), seconds=rng.randrange(7 * 3600, 23 * 3600))
    pattern = rng.choices([pattern for pattern, _ in formats], [weight for _, weight in formats])[0]
    # strftime has no portable directive for numbers without a leading zero.
    date = day.strftime(pattern).format(d=day.day, m=day.month)
    if "%b" in pattern and rng.random() < 0.5:
        date = date.upper()
    return date, day.strftime(rng.choice(_TIMES)) if rng.random() < 0.85 else ""


def _draw_malaysian(rng: random.Random) -> Content:
    taxed = rng.random() < 0.75
    rate = Decimal(rng.choice((6, 6, 6, 6, 6, 0, 10))) if taxed else Decimal(0)
    purchase = draw_purchase(
        rng,
        rng.choice((words.GOODS, words.MY_GOODS, words.GOODS + words.MY_GOODS)),
        words.GOODS_DETAILS,
        tax_rate=rate,
        tax_included=rng.random() < 0.65,
        round_to=rng.choice((5, 5, 5, 5, 1)),
        methods=_MY_METHODS,
        service_rate=rng.choice((0, 0, 0, 0, 0, 10, 5)),
    )
    prefix, length = rng.choice((("CS", 8), ("INV-", 6), ("", 6), ("R", 9), ("V015-", 6), ("A", 5), ("SA-0", 7)))
    number = f"{prefix}{draw_digits(rng, length)}"
    footer = tuple(rng.sample(words.FOOTERS, rng.randint(0, 5)))
    merchant = draw_malaysian_merchant(rng, taxed=taxed)
    date, time = _draw_moment(rng, _DAY_FIRST)
    return Content(_MALAYSIA, merchant, purchase, date, time, number, rng.choice(words.CASHIERS), footer)


def _draw_western(
    rng: random.Random,
    country: Country,
    merchant: Merchant,
    purchase: Purchase,
    formats: _Formats,
    footer: tuple[str, ...],
) -> Content:
    number, cashier = draw_digits(rng, rng.randint(3, 8)), rng.choice(words.CASHIERS).title()
    return Content(country, merchant, purchase, *_draw_moment(rng, formats), number, cashier, footer)


def _draw_american(rng: random.Random) -> Content:
    purchase = draw_purchase(
        rng,
        rng.choice((words.US_GOODS, tuple(name.title() for name in words.GOODS))),
        ("", "", "", "Lg", "Sm", "2pk"),
        tax_rate=Decimal(rng.choice(_US_RATES)),
        tax_included=False,
        round_to=1,
        methods=("Cash", "VISA", "Mastercard", "Amex", "Credit", "Debit"),
        tip_rate=rng.choice((0, 0, 0, 15, 18, 20)),
    )
    footer = tuple(rng.sample(words.WESTERN_FOOTERS, rng.randint(0, 3)))
    return _draw_western(rng, _UNITED_STATES, draw_american_merchant(rng), purchase, _MONTH_FIRST, footer)


def _draw_british(rng: random.Random) -> Content:
    purchase = draw_purchase(
        rng,
        tuple(name.title() for name in words.GOODS) + words.US_GOODS,
        ("", "", "", "500g", "Lge"),
        tax_rate=Decimal(20),
        tax_included=True,
        round_to=1,
        methods=("Cash", "VISA DEBIT", "Contactless", "Mastercard"),
    )
    footer = tuple(rng.sample(words.WESTERN_FOOTERS, rng.randint(0, 3)))
    return _draw_western(rng, _UNITED_KINGDOM, draw_british_merchant(rng), purchase, _DAY_FIRST, footer)


def _draw_european(rng: random.Random) -> Content:
    code, merchant = draw_european_merchant(rng)
    tax, rate = _EURO_TAXES[code]
    country = Country("EU", "€", tax, decimal_comma=code != "IE", symbol_after=code != "IE")
    purchase = draw_purchase(
        rng,
        words.EURO_GOODS[code],
        ("", "", "", "XL", "2x"),
        tax_rate=Decimal(rate),
        tax_included=True,
        round_to=1,
        methods=("BAR", "EC-Karte", "VISA") if code == "DE" else ("Cash", "VISA", "Mastercard"),
    )
    footer = tuple(rng.sample(words.EURO_FOOTERS[code], 1))
    return _draw_western(rng, country, merchant, purchase, _EURO_DATES, footer)
