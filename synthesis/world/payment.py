"""How the customer of a receipt paid."""

from __future__ import annotations

from decimal import Decimal

from synthesis.world.countries import choose_phrase
from synthesis.world.money import MoneyStyle
from synthesis.world.page import OTHER, UNKNOWN, text_cell
from synthesis.world.purchase import Purchase
from synthesis.world.sheet import Sheet
from synthesis.world.sums import write_amount

_CASH, _NO_CHANGE, _LANGUAGE, _SLIP, _BALANCE = 0.9, 0.7, 0.4, 0.5, 0.5
_AMOUNT_AGAIN, _DATE_AGAIN, _OTHER_CURRENCY = 0.35, 0.15, 0.06


def write_payment(sheet: Sheet, style: MoneyStyle, purchase: Purchase) -> None:
    """Write the means of payment, the change, and what a card terminal prints."""
    chance = sheet.chance
    if purchase.means == "cash" and chance.random() < _CASH:
        _write(sheet, style, sheet.language.caption(chance, "cash"), "cash", purchase.paid)
        if purchase.change or chance.random() < _NO_CHANGE:
            _write(sheet, style, sheet.language.caption(chance, "change"), "change", purchase.change)
    elif purchase.means == "card":
        in_words = chance.random() < _LANGUAGE
        name = sheet.language.caption(chance, "card") if in_words else choose_phrase(chance, "cards")
        _write(sheet, style, name, "card", purchase.paid)
        if chance.random() < _SLIP:
            _write_card_slip(sheet, style, purchase)
    elif purchase.means == "wallet":
        _write(sheet, style, choose_phrase(chance, "wallets"), "wallet", purchase.paid)
    elif purchase.means == "voucher":
        _write(sheet, style, sheet.language.caption(chance, "voucher"), "other_payment", purchase.paid)
        if chance.random() < _BALANCE:
            balance = Decimal(chance.randint(0, 80))
            write_amount(sheet, style, "Remaining balance", OTHER, OTHER, balance)


def _write(sheet: Sheet, style: MoneyStyle, name: str, kind: str, value: Decimal) -> None:
    if name.islower():
        name = sheet.chance.choice((name.title(), name.capitalize(), name.upper()))
    write_amount(sheet, style, name, f"{kind}_key", kind, value)


def _write_card_slip(sheet: Sheet, style: MoneyStyle, purchase: Purchase) -> None:
    """Write what card terminals print: masked number, codes, the amount and the day again."""
    chance = sheet.chance
    rows = [
        choose_phrase(chance, "masked").format(digits=f"{chance.randint(0, 9999):04d}"),
        f"{choose_phrase(chance, 'approvals')}: {chance.randint(0, 999999):06d}",
        f"{choose_phrase(chance, 'terminals')} {chance.randint(10**7, 10**8 - 1)}",
        f"AID: A000000{chance.randint(1000000, 9999999)}",
        f"{choose_phrase(chance, 'traces')} {chance.randint(1, 999999):06d}",
        choose_phrase(chance, "slip_notes"),
    ]
    for text in chance.sample(rows, chance.randint(2, len(rows))):
        sheet.page.add(text_cell(text))
    if chance.random() < _AMOUNT_AGAIN:
        write_amount(sheet, style, choose_phrase(chance, "slip_amounts"), OTHER, UNKNOWN, purchase.total)
    if chance.random() < _DATE_AGAIN:
        sheet.page.add(text_cell(sheet.print_date(sheet.moment.date()), UNKNOWN))
    if chance.random() < _OTHER_CURRENCY:
        amount = purchase.total * Decimal(chance.randint(50, 180)) / 100
        caption = f"Amount in {chance.choice(('USD', 'EUR', 'GBP'))}"
        write_amount(sheet, style, caption, OTHER, OTHER, amount.quantize(Decimal("0.01")))
