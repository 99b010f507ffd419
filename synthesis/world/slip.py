"""Card slips: what a payment terminal prints, without items."""

from __future__ import annotations

from collections.abc import Callable

from synthesis.world.countries import choose_phrase
from synthesis.world.money import MoneyStyle
from synthesis.world.page import Piece, text_cell
from synthesis.world.payment import write_blank_tip, write_card_slip, write_method
from synthesis.world.purchase import Purchase
from synthesis.world.sheet import Sheet
from synthesis.world.sums import write_amount

_KIND, _METHOD, _BLANK_TIP, _IN_WORDS = 0.6, 0.5, 0.4, 0.4


def write_slip(sheet: Sheet, style: MoneyStyle, purchase: Purchase) -> None:
    """Write the amount that a card was charged, with tip and total where there is a tip, and the terminal's numbers."""
    chance = sheet.chance
    if chance.random() < _KIND:
        sheet.line(Piece(choose_phrase(chance, "slip_kinds")), gap=0.5)
    parts: list[Callable[[], None]] = [
        lambda: _write_amounts(sheet, style, purchase),
        lambda: write_card_slip(sheet, style, purchase, repeats=False),
    ]
    if chance.random() < _METHOD:
        parts.append(lambda: write_method(sheet, purchase))
    chance.shuffle(parts)
    for write in parts:
        write()
    if chance.random() < 0.5:
        sheet.page.add(text_cell(choose_phrase(chance, "slip_notes")), gap=0.5)


def _write_amounts(sheet: Sheet, style: MoneyStyle, purchase: Purchase) -> None:
    chance = sheet.chance
    word = (
        sheet.language.caption(chance, "total")
        if chance.random() < _IN_WORDS
        else choose_phrase(chance, "slip_amounts")
    )
    if not purchase.tip:
        write_amount(sheet, style, word, "total_key", "total", purchase.total, role="total")
        if chance.random() < _BLANK_TIP:
            write_blank_tip(sheet, style, purchase)
        return
    write_amount(
        sheet, style, choose_phrase(chance, "slip_amounts"), "subtotal_key", "subtotal", purchase.total - purchase.tip
    )
    write_amount(sheet, style, sheet.language.caption(chance, "tip").title(), "tip_key", "tip", purchase.tip)
    write_amount(
        sheet,
        style,
        sheet.language.caption(chance, "total").upper(),
        "total_key",
        "total",
        purchase.total,
        role="total",
    )
