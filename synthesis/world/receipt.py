"""Compose a receipt of a country: text with positions and exact labels."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from synthesis.world.countries import choose_country, choose_phrase, load_languages
from synthesis.world.document import write_document
from synthesis.world.header import write_address, write_header, write_name
from synthesis.world.items import write_items
from synthesis.world.merchant import Merchant, make_address, make_merchant, make_person
from synthesis.world.money import choose_style
from synthesis.world.page import (
    OTHER,
    UNKNOWN,
    Align,
    Page,
    Piece,
    Segment,
    capitalize,
    place_rows,
    strip_accents,
    text_cell,
)
from synthesis.world.payment import write_payment
from synthesis.world.purchase import Purchase, make_purchase
from synthesis.world.sheet import Sheet
from synthesis.world.slip import write_slip
from synthesis.world.sums import write_included_taxes, write_sums

_WIDTHS = (24, 28, 32, 32, 36, 40, 42, 48)
_RULES = ("-", "=", "*", "- ", ".")
_RESTAURANT, _CAPITALS, _WITHOUT_ACCENTS, _CENTERED = 0.45, 0.4, 0.35, 0.67
_NAME_BELOW, _DOCUMENT_FIRST, _CUSTOMER, _RULE, _SHUFFLED = 0.04, 0.65, 0.08, 0.25, 0.2
_RETURNS, _POINTS, _NOTICE, _THANKED, _NAME_AGAIN = 0.2, 0.15, 0.1, 0.2, 0.08
_SLIP, _CAPTIONS_APART = 0.15, 0.12
_FIRST_DAY = datetime(2009, 1, 1)
_MINUTES = 18 * 365 * 24 * 60


@dataclass(frozen=True)
class WorldReceipt:
    """A made-up receipt.

    Attributes:
        country: ISO 3166.
        language: ISO 639.
        page: Its rows as the till prints them.
        segments: The same text with positions, from top to bottom.
        merchant: Who issued it.
        purchase: What was bought.
        moment: When.
        is_slip: Whether it is a card slip, which has no items.
    """

    country: str
    language: str
    page: Page
    segments: list[Segment]
    merchant: Merchant
    purchase: Purchase
    moment: datetime
    is_slip: bool = False


def make_receipt(seed: int, *, shares: Mapping[str, float] | None = None, brands: Sequence[str] = ()) -> WorldReceipt:
    """Make up a receipt.

    Args:
        seed: The same seed gives the same receipt.
        shares: Weight of each country (ISO 3166); None for the usual ones.
        brands: Names of real chains that merchants may have.

    Raises:
        ValueError: If a country is not known, or the shares are not positive in sum.
    """
    chance = random.Random(seed)
    country = choose_country(chance, shares)
    language = load_languages()[chance.choice(country["languages"])]
    merchant = make_merchant(country, language, brands, chance)
    purchase = make_purchase(country, language, chance, restaurant=chance.random() < _RESTAURANT)
    moment = _FIRST_DAY + timedelta(minutes=chance.randrange(_MINUTES))
    align: Align = "center" if chance.random() < _CENTERED else "left"
    captions_at = chance.uniform(0.5, 0.72) if chance.random() < _CAPTIONS_APART else None
    sheet = Sheet(Page(chance.choice(_WIDTHS)), country, language, merchant, chance, moment, align, captions_at)
    is_slip = purchase.means == "card" and chance.random() < _SLIP
    _write(sheet, purchase, is_slip=is_slip)
    if chance.random() < _CAPITALS:
        sheet.page.map_text(capitalize)
    if chance.random() < _WITHOUT_ACCENTS:
        sheet.page.map_text(strip_accents)
    segments = place_rows(sheet.page, chance)
    return WorldReceipt(country.code, language.code, sheet.page, segments, merchant, purchase, moment, is_slip)


def _write(sheet: Sheet, purchase: Purchase, *, is_slip: bool) -> None:
    chance = sheet.chance
    style = choose_style(sheet.country, chance)
    is_named_below = chance.random() < _NAME_BELOW
    if not is_named_below:
        write_header(sheet)
    document_first = chance.random() < _DOCUMENT_FIRST
    if document_first:
        write_document(sheet)
    if chance.random() < _CUSTOMER:
        _write_customer(sheet)
    _write_rule(sheet)
    last: list[Callable[[], None]] = []
    if is_slip:
        write_slip(sheet, style, purchase)
    else:
        write_items(sheet, style, purchase)
        _write_rule(sheet)
        write_sums(sheet, style, purchase)
        last.append(lambda: write_payment(sheet, style, purchase))
        last.append(lambda: write_included_taxes(sheet, style, purchase))
    if not document_first:
        last.append(lambda: write_document(sheet))
    last.append(lambda: _write_footer(sheet, with_name=is_named_below))
    if chance.random() < _SHUFFLED:
        chance.shuffle(last)
    for write in last:
        write()


def _write_rule(sheet: Sheet) -> None:
    """Write a line across the page."""
    if sheet.chance.random() < _RULE:
        mark = sheet.chance.choice(_RULES)
        sheet.page.add(text_cell(mark * (sheet.page.columns // len(mark))))


def _write_customer(sheet: Sheet) -> None:
    """Write who the receipt is for, with an address that is not the merchant's."""
    sheet.page.add(text_cell(choose_phrase(sheet.chance, "addressees")), gap=0.5)
    sheet.page.add(text_cell(make_person(sheet.country, sheet.chance)))
    for row in make_address(sheet.country, sheet.chance).rows:
        sheet.page.add(text_cell(row))


def _write_footer(sheet: Sheet, *, with_name: bool) -> None:
    """Write thanks and notices; then the merchant, where the top has no name."""
    chance = sheet.chance
    lines = [sheet.language.caption(chance, "thanks"), chance.choice(sheet.language.table["slogans"])]
    lines = [chance.choice((line.upper(), line.capitalize(), line.capitalize())) for line in lines]
    if chance.random() < _RETURNS:
        lines.append(choose_phrase(chance, "returns").format(days=chance.choice((7, 14, 30))))
    if chance.random() < _POINTS:
        lines.append(choose_phrase(chance, "points").format(n=chance.randint(1, 9000)))
    if chance.random() < _NOTICE:
        lines.append(choose_phrase(chance, "notices"))
    gap = 0.8
    for line in chance.sample(lines, chance.randint(0, len(lines))):
        sheet.line(Piece(line), gap=gap)
        gap = 0.0
    if with_name:
        write_name(sheet)
        write_address(sheet)
    elif chance.random() < _THANKED:
        # The name counts where it is printed as such; here it says nothing.
        sheet.line(Piece(choose_phrase(chance, "visits"), OTHER), Piece(sheet.merchant.name, UNKNOWN))
    elif chance.random() < _NAME_AGAIN:
        sheet.line(Piece(sheet.merchant.name, UNKNOWN))
