"""How the customer of a receipt paid."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from synthesis.world.countries import choose_phrase
from synthesis.world.money import MoneyStyle, round_price
from synthesis.world.page import OTHER, UNKNOWN, Cell, Piece, text_cell
from synthesis.world.purchase import Purchase
from synthesis.world.sheet import Sheet
from synthesis.world.sums import write_amount

_CASH, _NO_CHANGE, _LANGUAGE, _SLIP, _BALANCE = 0.9, 0.7, 0.4, 0.5, 0.5
_AMOUNT_AGAIN, _DATE_AGAIN, _OTHER_CURRENCY, _METHOD, _CARD_NAMED, _NOTHING_DUE = 0.45, 0.15, 0.08, 0.15, 0.3, 0.06
_BLANK_TIP, _SUGGESTED, _CAPTION_IN_ENGLISH = 0.12, 0.3, 0.4
_TIPPING = ("US", "CA", "MX", "GB", "PR")


def write_payment(sheet: Sheet, style: MoneyStyle, purchase: Purchase) -> None:
    """Write the means of payment, the change, and what a card terminal prints."""
    chance = sheet.chance
    if purchase.means and chance.random() < _METHOD:
        write_method(sheet, purchase)
    if purchase.means == "cash" and chance.random() < _CASH:
        _write(sheet, style, sheet.language.caption(chance, "cash"), "cash", purchase.paid)
        if purchase.change or chance.random() < _NO_CHANGE:
            _write(sheet, style, sheet.language.caption(chance, "change"), "change", purchase.change)
    elif purchase.means == "card":
        in_words = chance.random() < _LANGUAGE
        name = sheet.language.caption(chance, "card") if in_words else choose_phrase(chance, "cards")
        _write(sheet, style, name, "card", purchase.paid)
        if chance.random() < _SLIP:
            write_card_slip(sheet, style, purchase)
    elif purchase.means == "wallet":
        _write(sheet, style, choose_phrase(chance, "wallets"), "wallet", purchase.paid)
    elif purchase.means == "voucher":
        _write(sheet, style, sheet.language.caption(chance, "voucher"), "other_payment", purchase.paid)
        if chance.random() < _BALANCE:
            balance = Decimal(chance.randint(0, 80))
            write_amount(sheet, style, choose_phrase(chance, "balances"), OTHER, OTHER, balance)
    if purchase.means and purchase.means != "cash" and chance.random() < _NOTHING_DUE:
        write_amount(sheet, style, choose_phrase(chance, "nothing_due"), OTHER, OTHER, Decimal(0))
    if chance.random() < _OTHER_CURRENCY:
        _write_other_currency(sheet, style, purchase)
    if not purchase.tip and sheet.country.code in _TIPPING and chance.random() < _BLANK_TIP:
        write_blank_tip(sheet, style, purchase)


def write_method(sheet: Sheet, purchase: Purchase) -> None:
    """Write the means of payment in words: `Payment method: VISA`."""
    chance = sheet.chance
    names = {
        "cash": lambda: sheet.language.caption(chance, "cash"),
        "card": lambda: choose_phrase(chance, "cards"),
        "wallet": lambda: choose_phrase(chance, "wallets"),
        "voucher": lambda: sheet.language.caption(chance, "voucher"),
    }
    name = names[purchase.means]()
    name = chance.choice((name, name.title(), name.upper())) if name.islower() else name
    caption = sheet.caption("paid")
    if chance.random() < _CAPTION_IN_ENGLISH:
        caption = choose_phrase(chance, "payment_captions") + chance.choice((": ", " ", ":", " : "))
    sheet.page.add(Cell((Piece(caption), Piece(name, "payment_method"))))


def write_blank_tip(sheet: Sheet, style: MoneyStyle, purchase: Purchase) -> None:
    """Write lines for a tip and a total that the customer fills in, and how much a tip could be."""
    chance = sheet.chance
    line = "_" * chance.randint(6, 12) if chance.random() < 0.6 else "." * chance.randint(6, 14)
    for concept in ("tip", "total"):
        word = sheet.language.caption(chance, concept)
        caption = chance.choice((word.title(), word.upper())) + chance.choice((":", "", ": $"))
        sheet.page.add(text_cell(caption, f"{concept}_key"), text_cell(line, OTHER, "right", 1.0), gap=0.5)
    if chance.random() < _SUGGESTED:
        for percent in (15, 18, 20):
            amount = round_price(float(purchase.total) * percent / 100, sheet.country)
            write_amount(sheet, style, f"{percent}%", OTHER, OTHER, amount)


def _write_other_currency(sheet: Sheet, style: MoneyStyle, purchase: Purchase) -> None:
    """Write the total in another currency, which is not the amount of the receipt."""
    chance = sheet.chance
    code = chance.choice([one for one in ("USD", "EUR", "GBP") if one != sheet.country["currency"]])
    rate = Decimal(chance.randint(50, 1800)) / 1000
    amount = max((purchase.total * rate).quantize(Decimal("0.01")), Decimal("0.01"))
    other = replace(style, digits=2, sign=chance.choice(("", code)), apart_kind=OTHER)
    caption = choose_phrase(chance, "conversions").format(code=code)
    write_amount(sheet, other, caption, OTHER, OTHER, amount)
    if chance.random() < 0.5:
        sheet.page.add(text_cell(f"1 {sheet.country['currency']} = {style.number(rate, 4)} {code}"))


def _write(sheet: Sheet, style: MoneyStyle, name: str, kind: str, value: Decimal) -> None:
    if name.islower():
        name = sheet.chance.choice((name.title(), name.capitalize(), name.upper()))
    write_amount(sheet, style, name, f"{kind}_key", kind, value)


def write_card_slip(sheet: Sheet, style: MoneyStyle, purchase: Purchase, *, repeats: bool = True) -> None:
    """Write what card terminals print: masked number, codes; the amount and the day again if it `repeats` them."""
    chance = sheet.chance
    masked = [Piece(choose_phrase(chance, "masked").format(digits=f"{chance.randint(0, 9999):04d}"))]
    if chance.random() < _CARD_NAMED:
        masked.insert(0, Piece(choose_phrase(chance, "cards"), "payment_method"))
        masked.insert(1, Piece(" "))
    sheet.page.add(Cell(tuple(masked)))
    rows = [
        f"{choose_phrase(chance, 'approvals')}: {chance.randint(0, 999999):06d}",
        f"{choose_phrase(chance, 'terminals')} {chance.randint(10**7, 10**8 - 1)}",
        f"AID: A000000{chance.randint(1000000, 9999999)}",
        f"{choose_phrase(chance, 'traces')} {chance.randint(1, 999999):06d}",
        choose_phrase(chance, "slip_notes"),
    ]
    for text in chance.sample(rows, chance.randint(1, len(rows))):
        sheet.page.add(text_cell(text))
    if not repeats:
        return
    if chance.random() < _AMOUNT_AGAIN:
        write_amount(sheet, style, choose_phrase(chance, "slip_amounts"), OTHER, UNKNOWN, purchase.total)
    if chance.random() < _DATE_AGAIN:
        sheet.page.add(text_cell(sheet.print_date(sheet.moment.date()), UNKNOWN))
